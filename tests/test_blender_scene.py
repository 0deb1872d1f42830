"""A captured face in a .blend, opened again in the real Blender and measured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blender_told import told_by

HERE = Path(__file__).resolve().parent
RunBlender = Callable[..., subprocess.CompletedProcess[str]]


def read_facts(run_blender: RunBlender, blend: Path) -> dict:
    done = run_blender(HERE / "blender_facts.py", blend)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("FACTS "))


@pytest.fixture(scope="module")
def mean_faces(run_blender: RunBlender, tmp_path_factory: pytest.TempPathFactory) -> dict:
    blend = tmp_path_factory.mktemp("mean") / "mean.blend"
    done = run_blender(HERE / "blender_mean_face.py", blend)
    assert blend.is_file(), done.stdout + done.stderr
    assert list(blend.parent.iterdir()) == [blend]
    return read_facts(run_blender, blend)


@pytest.fixture(scope="module", params=["tiny_weights", "shipped_weights"])
def captured(run_blender: RunBlender, astronaut_png: Path, tmp_path_factory: pytest.TempPathFactory,
             request: pytest.FixtureRequest) -> dict:
    weights = request.getfixturevalue(request.param)
    blend = tmp_path_factory.mktemp("captured") / "astronaut.blend"
    done = run_blender("-m", "lprnet_blender", "image", astronaut_png, "-o", blend, "--texture-size", "512",
                       weights=weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{blend}: 1 face\n", "")
    assert list(blend.parent.iterdir()) == [blend]
    return read_facts(run_blender, blend)


def assert_stands_like_a_head(face: dict) -> None:
    """A real head's size in metres, upright, looking along -y, its left side at +x, outside outwards."""
    width, depth, height = face["size"]
    assert 0.12 < width < 0.18
    assert 0.16 < height < 0.24
    assert 0.07 < depth < 0.14
    assert face["rotation"] == [0, 0, 0]
    assert face["scale"] == [1, 1, 1]
    groups = face["groups"]
    assert groups["left_lids"][0] > 0.02 > -0.02 > groups["right_lids"][0]
    assert groups["brows"][2] > groups["left_lids"][2] > groups["nose"][2] > groups["lips"][2] > groups["jaw"][2]
    assert abs(face["nose"][0]) < 0.01
    assert face["nose_normal"][1] < -0.7


def assert_is_whole(face: dict) -> None:
    """Mesh, UVs, packed texture and pose are all in the file."""
    assert face["vertices"] > 10_000 and face["faces"] > 10_000
    assert face["smooth"]
    assert face["texture_packed"]
    assert all(0 <= low < 0.05 for low in face["uv_low"])
    assert all(0.95 < high <= 1 for high in face["uv_high"])
    assert "seen_in_photo" in face["attributes"]
    properties = face["properties"]
    assert len(properties["lprnet_rotation"]) == 9
    assert {"lprnet_yaw_deg", "lprnet_pitch_deg", "lprnet_roll_deg", "lprnet_confidence"} <= set(properties)


def test_the_mean_face_stands_upright_in_metres(mean_faces: dict) -> None:
    assert_stands_like_a_head(mean_faces["faces"][0])
    assert_is_whole(mean_faces["faces"][0])


def test_faces_of_one_photo_stand_side_by_side(mean_faces: dict) -> None:
    first, second = mean_faces["faces"]
    assert second["location"][0] - first["location"][0] > first["size"][0]


def test_the_textures_first_row_is_at_the_top(mean_faces: dict) -> None:
    red, green, blue = mean_faces["faces"][0]["texture_top_row"]
    assert red > 0.99 and green < 0.01 and blue < 0.01


def test_the_file_opens_with_a_camera(mean_faces: dict) -> None:
    assert mean_faces["camera"]


def test_a_photo_becomes_a_textured_head(captured: dict) -> None:
    (face,) = captured["faces"]
    assert_stands_like_a_head(face)
    assert_is_whole(face)
    assert face["texture_size"] == [512, 512]
    assert face["properties"]["lprnet_confidence"] > 0.5
    assert abs(face["properties"]["lprnet_yaw_deg"]) < 30


def test_blender_itself_may_run_the_file(run_blender: RunBlender, tiny_weights: Path, astronaut_png: Path,
                                         tmp_path: Path) -> None:
    """What `blender -b -P lprnet_blender/__main__.py -- ...` does: no package, and Blender's own words before ours."""
    blend = tmp_path / "a.blend"
    done = run_blender(HERE.parent / "lprnet_blender" / "__main__.py", "-b", "--python-exit-code", "1", "-P", "x", "--",
                       "image", astronaut_png, "-o", blend, "--texture-size", "64", weights=tiny_weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{blend}: 1 face\n", "")
    assert list(tmp_path.iterdir()) == [blend]


@pytest.mark.skipif(os.name == "nt", reason="Windows has Unicode names alone")
def test_a_photo_of_a_name_that_is_not_unicode(run_blender: RunBlender, tiny_weights: Path, astronaut_png: Path,
                                               tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        photo.write_bytes(astronaut_png.read_bytes())
    except OSError:
        pytest.skip("this file system has Unicode names alone")
    image = ("-m", "lprnet_blender", "image", photo, "--texture-size", "64", "-o")
    assert run_blender(*image, tmp_path / "a.blend", weights=tiny_weights).returncode == 0
    done = run_blender(*image, tmp_path / os.fsdecode(b"caf\xe9.blend"), weights=tiny_weights)
    assert done.returncode == 1 and "is not Unicode" in done.stderr and "Traceback" not in done.stderr


def test_a_render_shows_three_views(run_blender: RunBlender, tmp_path: Path) -> None:
    blend, picture = tmp_path / "mean.blend", tmp_path / "render.png"
    run_blender(HERE / "blender_mean_face.py", blend)
    done = run_blender("-m", "lprnet_blender", "render", blend, "-o", picture, "--size", "48", "--clay")
    assert done.returncode == 0, done.stdout + done.stderr
    import cv2
    pixels = cv2.imread(str(picture))
    assert pixels.shape == (48, 144, 3)
    for view in range(3):
        assert pixels[:, 48 * view:48 * (view + 1)].std() > 10


@pytest.fixture(scope="module")
def renders(run_blender: RunBlender, tmp_path_factory: pytest.TempPathFactory) -> dict:
    done = run_blender(HERE / "blender_render.py", tmp_path_factory.mktemp("renders"))
    return told_by(done)


@pytest.mark.parametrize("file", ["parented", "movie", "elsewhere", "set_up", "uncovered"])
def test_a_render_shows_the_face_however_its_file_is_set_up(renders: dict, file: str) -> None:
    assert renders["plain"]["code"] == 0 and min(renders["plain"]["contrast"]) > 20
    assert renders[file]["code"] == 0, renders[file]["said"]
    assert renders[file]["off"] < 2


def test_a_render_of_a_file_whose_faces_are_all_hidden_is_refused_in_a_sentence(renders: dict) -> None:
    hidden = renders["hidden"]
    assert hidden["code"] == 2 and "all its faces are hidden" in hidden["said"] and "Traceback" not in hidden["said"]
    assert "contrast" not in hidden


def test_a_render_changes_nothing_of_the_file(renders: dict) -> None:
    assert all(each["same file"] for name, each in renders.items() if name != "left alone")
    assert renders["left alone"]["after"] == renders["left alone"]["before"]
    assert renders["left alone"]["contrast"] > 10


@pytest.mark.parametrize("arguments, says, code", [
    (["image", "{missing}.jpg", "-o", "{folder}/x.blend"], "missing.jpg: cannot be read", 2),
    (["image", "{text}", "-o", "{folder}/x.blend"], "text.png: not a picture", 2),
    (["image", "{grey}", "-o", "{folder}/x.blend"], "grey.png: no face was found", 2),
    (["image", "{grey}", "-o", "{folder}/x.blend", "--box", "0,0,2,2"], "grey.png: the box 0,0,2,2", 2),
    (["image", "{grey}", "-o", "{folder}/x.blend", "--weights", "huge"], "choose one of lprnet2, lprnet", 1),
    (["image", "{grey}", "-o", "{folder}/x.obj"], "x.obj: does not end in .blend", 1),
    (["image", "{grey}", "-o", "{folder}/nowhere/x.blend"], "nowhere/x.blend: cannot be written", 1),
    (["render", "{text}", "-o", "{folder}/x.png"], "text.png: cannot be opened", 2),
    (["render", "{missing}.blend", "-o", "{folder}/x.png"], "missing.blend: does not exist", 2),
    (["render", "{text}", "-o", "{folder}/x.gif"], "x.gif: pictures of this ending", 1),
    (["render", "{text}", "-o", "{folder}/nowhere/x.png"], "nowhere/x.png: cannot be written", 1),
])
def test_a_mistake_is_one_sentence_and_leaves_no_file(run_blender: RunBlender, tiny_weights: Path, tmp_path: Path,
                                                      arguments: list[str], says: str, code: int) -> None:
    import cv2
    import numpy as np
    inputs, folder = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    folder.mkdir()
    (inputs / "text.png").write_text("no picture at all")
    cv2.imwrite(str(inputs / "grey.png"), np.full((120, 160), 4, np.uint8))
    places = {"missing": inputs / "missing", "text": inputs / "text.png", "grey": inputs / "grey.png",
              "folder": folder}
    done = run_blender("-m", "lprnet_blender", *(part.format(**places) for part in arguments), weights=tiny_weights)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    messages = [line for line in done.stderr.splitlines() if line.startswith("lprnet: ")]
    assert len(messages) == 1 and says in messages[0]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("options", [["--size", "0"], ["--size", "9999"], ["--views", "front"], ["--views", "0,inf"]])
def test_wrong_options_of_a_render_are_explained(run_blender: RunBlender, tmp_path: Path, options: list[str]) -> None:
    done = run_blender("-m", "lprnet_blender", "render", "x.blend", "-o", tmp_path / "x.png", *options)
    assert done.returncode == 2
    assert f"argument {options[0]}: {options[1]!r} is not" in done.stderr
