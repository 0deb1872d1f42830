"""What a user of the command `lprnet` may rely on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core import files
from inference_core.cli import main
from inference_core.cli.info import key_scores
from inference_core.images import read_image, write_image

REPOSITORY = Path(__file__).resolve().parent.parent
SIGNS = {"obj": b"mtllib", "ply": b"ply", "glb": b"glTF", "npz": b"PK"}


@pytest.fixture(autouse=True)
def weights(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    return tiny_weights


@pytest.fixture
def two_faces(tmp_path: Path, astronaut: np.ndarray) -> Path:
    head = astronaut[:260, 100:360]
    canvas = np.full((520, 800, 3), 120, np.uint8)
    canvas[:, :520] = cv2.resize(head, (520, 520))
    canvas[100:260, 600:760] = cv2.resize(head, (160, 160), interpolation=cv2.INTER_AREA)
    path = tmp_path / "family.png"
    write_image(path, canvas)
    return path


def run(*arguments: str | Path) -> int:
    """Exit code, whichever way the command ends."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("ending", SIGNS)
def test_the_ending_says_what_is_written(astronaut_png: Path, tmp_path: Path, ending: str, capsys) -> None:
    out = tmp_path / f"face.{ending}"
    assert run("image", astronaut_png, "-o", out, "--texture-size", "64") == 0
    assert SIGNS[ending] in out.read_bytes()[:2000]
    assert capsys.readouterr().out.strip() == str(out)


@pytest.mark.parametrize("what", ["overlay", "depth"])
def test_pictures_of_what_was_found(astronaut_png: Path, astronaut: np.ndarray, tmp_path: Path, what: str) -> None:
    out = tmp_path / "seen.png"
    assert run("image", astronaut_png, "-o", out, "--picture", what) == 0
    assert read_image(out).shape == astronaut.shape
    assert not np.array_equal(read_image(out), astronaut)


def test_a_png_is_an_overlay_unless_depth_is_asked_for(astronaut_png: Path, tmp_path: Path) -> None:
    assert run("image", astronaut_png, "-o", tmp_path / "a.png") == 0
    assert run("image", astronaut_png, "-o", tmp_path / "b.png", "--picture", "overlay") == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_all_faces_are_numbered(two_faces: Path, tmp_path: Path, capsys) -> None:
    assert run("image", two_faces, "-o", tmp_path / "f.npz", "--all-faces", "--texture-size", "32") == 0
    assert {"f-1.npz", "f-2.npz"} <= names(tmp_path) and "f.npz" not in names(tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_overlay_shows_all_faces_in_one_picture(two_faces: Path, tmp_path: Path) -> None:
    assert run("image", two_faces, "-o", tmp_path / "all.png", "--all-faces") == 0
    assert run("image", two_faces, "-o", tmp_path / "one.png") == 0
    changed = (read_image(tmp_path / "all.png") != read_image(tmp_path / "one.png")).any(2)
    assert changed[:, 560:].any() and not changed[:, :400].any()


def test_several_photos_go_into_a_folder(astronaut_png: Path, two_faces: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run("image", astronaut_png, two_faces, "-o", out, "--format", "npz", "--texture-size", "32") == 0
    assert names(out) == {"astronaut.npz", "family.npz"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[1/2, ") and lines[1].startswith("[2/2, ")


def test_photos_of_one_name_do_not_overwrite_each_other(astronaut_png: Path, tmp_path: Path) -> None:
    photos = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        photos.append(Path(shutil.copy(astronaut_png, tmp_path / folder / "x.png")))
    assert run("image", *photos, "-o", tmp_path / "out", "--format", "npz", "--texture-size", "32") == 0
    assert names(tmp_path / "out") == {"x.npz", "x-2.npz"}


def test_one_bad_photo_does_not_lose_the_others(astronaut_png: Path, tmp_path: Path, capsys) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    out = tmp_path / "out"
    assert run("image", bad, astronaut_png, "-o", out, "--format", "npz", "--texture-size", "32") == 2
    assert names(out) == {"astronaut.npz"}
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "bad.jpg" in errors[0] and "1 of 2 photos failed" in errors[1]


def test_names_that_the_terminal_has_no_letters_for_lose_no_photo(astronaut_png: Path, tmp_path: Path,
                                                                  tiny_weights: Path) -> None:
    photos = [Path(shutil.copy(astronaut_png, tmp_path / f"{name}.png")) for name in ("Портрет", "b")]
    bad = tmp_path / "Плохой.png"
    bad.write_text("no picture")
    environment = {**os.environ, "LPRNET_WEIGHTS": str(tiny_weights), "PYTHONIOENCODING": "cp1252:strict"}
    done = subprocess.run([sys.executable, "-m", "inference_core", "image", photos[0], bad, photos[1], "-o",
                           tmp_path / "out", "--format", "npz", "--texture-size", "32"], cwd=REPOSITORY, env=environment,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 2 and names(tmp_path / "out") == {"Портрет.npz", "b.npz"}
    assert "Traceback" not in (said := done.stderr.decode("cp1252")) and "1 of 3 photos failed" in said
    assert "Портрет.npz".encode("ascii", "backslashreplace") in done.stdout


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode here")
def test_a_path_that_is_no_unicode_is_printed_as_it_is(astronaut_png: Path, tmp_path: Path, tiny_weights: Path) -> None:
    photo = shutil.copy(astronaut_png, os.fsencode(tmp_path) + b"/caf\xe9.png")
    environment = {**os.environ, "LPRNET_WEIGHTS": str(tiny_weights), "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, "-m", "inference_core", "image", photo, "-o", tmp_path / "out", "--format",
                           "npz", "--texture-size", "32"], cwd=REPOSITORY, env=environment, capture_output=True,
                          timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.path.exists(done.stdout.strip()) and done.stdout.endswith(b"caf\xe9.npz\n")


def test_half_a_letter_from_a_foreign_take_is_printed_too() -> None:
    code = "from inference_core.cli import main, say; main(['info']); say('a\\ud800\\udce9b')"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, timeout=60, check=False,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
    assert done.returncode == 0 and done.stderr.startswith(b"lprnet: a") and b"Traceback" not in done.stderr


def test_a_photo_is_never_overwritten(astronaut_png: Path, tmp_path: Path, capsys) -> None:
    photo = Path(shutil.copy(astronaut_png, tmp_path / "photo.png"))
    before = photo.read_bytes()
    assert run("image", photo, "-o", photo) == 2
    assert run("image", photo, "-o", tmp_path, "--format", "png") == 2
    assert photo.read_bytes() == before
    assert "would be overwritten" in capsys.readouterr().err


def test_what_an_obj_brings_beside_it_does_not_overwrite_a_photo_either(astronaut_png: Path, tmp_path: Path) -> None:
    photo = Path(shutil.copy(astronaut_png, tmp_path / "me_skin.png"))
    before = photo.read_bytes()
    assert run("image", photo, "-o", tmp_path / "me.obj") == 2
    assert photo.read_bytes() == before and names(tmp_path) == {"me_skin.png"}


@pytest.mark.parametrize(("kind", "taken", "more"), [
    ("png", "f-2.png", ["--picture", "depth"]), ("png", "f-1.png", ["--picture", "depth"]),
    ("obj", "f-2_skin.png", [])])
def test_the_file_of_a_further_face_does_not_overwrite_a_photo(two_faces: Path, astronaut_png: Path, tmp_path: Path,
                                                               capsys, kind: str, taken: str, more: list) -> None:
    first, second = two_faces.rename(tmp_path / "f.png"), Path(shutil.copy(astronaut_png, tmp_path / taken))
    before = second.read_bytes()
    arguments = ["image", first, second, "-o", tmp_path, "--format", kind, "--all-faces", "--texture-size", "32", *more]
    assert run(*arguments) == 2
    assert f"{taken}: is one of the photos and would be overwritten" in capsys.readouterr().err
    assert second.read_bytes() == before and "f-1.obj" not in names(tmp_path)


def test_where_the_photos_lie_is_asked_once_however_many_faces_they_show(two_faces: Path, tmp_path: Path,
                                                                         monkeypatch) -> None:
    """Else thousands of photos would be compared with one another."""
    photos = [Path(shutil.copy(two_faces, tmp_path / f"{number}.png")) for number in range(3)]
    asked, place_of = [], files._place_of
    monkeypatch.setattr(files, "_place_of", lambda path: asked.append(Path(path)) or place_of(path))
    assert run("image", *photos, "-o", tmp_path / "out", "--format", "ply", "--all-faces", "--texture-size", "16") == 0
    assert [path for path in asked if path in photos] == photos


def test_a_photo_by_another_spelling_is_not_overwritten_either(astronaut_png: Path, tmp_path: Path, capsys) -> None:
    photo = Path(shutil.copy(astronaut_png, tmp_path / "photo.png"))
    if not (tmp_path / "PHOTO.png").exists():       # a file system without capitals answers to both names
        os.link(photo, tmp_path / "PHOTO.png")
    before = photo.read_bytes()
    assert run("image", photo, "-o", tmp_path / "PHOTO.png") == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert photo.read_bytes() == before == (tmp_path / "PHOTO.png").read_bytes()


def test_a_box_and_a_network_can_be_chosen(astronaut_png: Path, tmp_path: Path) -> None:
    for number, weights in enumerate(("lprnet", "lprnet2")):
        out = tmp_path / f"{number}.npz"
        assert run("image", astronaut_png, "-o", out, "--box", "176,75,276,175", "--weights", weights, "--engine",
                   "tensorflow", "--texture-size", "32") == 0
        assert out.stat().st_size > 1000


@pytest.mark.parametrize(("arguments", "cause"), [
    (["-o", "x.fbx"], "files ending in .fbx cannot be written"),
    (["-o", "x.obj", "--box", "1,2,3"], "is not four numbers"), (["-o", "x.obj", "--box", "a,b,c,d"], "is not four numbers"),
    (["-o", "x.obj", "--box", "1,2,30,40", "--all-faces"], "give one of them"),
    (["-o", "x.obj", "--texture-size", "0"], "whole number from"), (["-o", "x.obj", "--texture-size", "1e9"], "whole number"),
    (["-o", "x.obj", "--picture", "depth"], "is for .png"), (["-o", "x.obj", "--format", "ply"], "does not fit"),
    (["more.png", "-o", "x.obj"], "2 photos do not fit"), (["-o", "x.obj", "--engine", "abacus"], "abacus"), ([], "-o")])
def test_wrong_options_are_explained(astronaut_png: Path, tmp_path: Path, monkeypatch, capsys, arguments, cause) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("image", astronaut_png, *arguments) == 2
    assert cause in capsys.readouterr().err
    assert names(tmp_path) == set()


def test_an_unknown_network_is_answered_with_the_names_there_are(astronaut_png: Path, tmp_path: Path, capsys) -> None:
    assert run("image", astronaut_png, "-o", tmp_path / "x.obj", "--weights", "huge") == 1
    assert "choose one of lprnet2, lprnet" in capsys.readouterr().err


def test_info_tells_engines_weights_and_licences(capsys) -> None:
    assert run("info") == 0
    out = capsys.readouterr().out
    for part in ("litert: ", "tensorflow: ", "lprnet2 (default): 64 px, CC0-1.0", "lprnet: 128 px", "lprnet info --all",
                 "lprnet_blender: GPL-3.0-or-later", "a test"):
        assert part in out


def test_info_tells_a_few_scores_and_all_of_them_when_asked(capsys) -> None:
    assert run("info", "--all") == 0
    assert "HELEN: n 3, nme68 4.5" in capsys.readouterr().out
    assert run("info", "--json") == 0
    cards = json.loads(capsys.readouterr().out)
    assert cards[0]["name"] == "lprnet2" and cards[0]["scores"] == {"HELEN": {"n": 3, "nme68": 4.5}}
    scores = {"photos": {"helen": {"nme68": 2.977, "lip_corr": 0.9585, "n": 36}, "afw": {"nme68": None}, "wflw": 3}}
    assert key_scores(scores) == "HELEN 2.98 %, lips follow 0.96"
    assert key_scores({}) == "no scores"


def test_all_scores_of_a_take_cannot_be_asked_for(tmp_path: Path, capsys) -> None:
    assert run("info", tmp_path / "clip.lprtake", "--all") == 2
    assert "--all" in capsys.readouterr().err


def test_the_module_runs_like_the_command(astronaut_png: Path, tmp_path: Path, weights: Path, run_python) -> None:
    for module in ("inference_core", "inference_core.cli"):
        done = run_python("-m", module, "image", astronaut_png, "-o", tmp_path / "face.ply", "--texture-size", "32",
                          weights=weights)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(tmp_path / "face.ply"), "")


def test_a_reader_that_has_had_enough_is_no_error_to_talk_about(tiny_weights: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "LPRNET_WEIGHTS": str(tiny_weights), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run([sys.executable, "-m", "inference_core.cli", "info"], stdout=writing, stderr=subprocess.PIPE,
                          env=environment, text=True, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_what_cannot_be_printed_is_said_in_a_sentence(tiny_weights: Path, unbuffered: str) -> None:
    environment = {**os.environ, "LPRNET_WEIGHTS": str(tiny_weights), "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "inference_core.cli", "info"], stdout=full, stderr=subprocess.PIPE,
                              env=environment, text=True, timeout=60, check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("lprnet: what is printed cannot be written")


def test_a_folder_that_was_made_for_nothing_does_not_stay(tmp_path: Path, capsys) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for photos, options in (([broken], []), ([broken, broken], []), ([broken], ["--weights", "huge"])):
        assert run("image", *photos, "-o", tmp_path / "new" / "faces", *options) != 0
        assert "broken.png" in (said := capsys.readouterr().err) or "huge" in said
        assert sorted(tmp_path.iterdir()) == [broken]
    (tmp_path / "mine").mkdir()
    assert run("image", broken, "-o", tmp_path / "mine") == 2 and (tmp_path / "mine").is_dir()
