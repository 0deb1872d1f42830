"""The skin of a take is what its best frames show, each part from the frame that shows it, and the mask says where."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from mesh_readers import read_glb
from synthetic_faces import PHOTO, blotches, mean_face, photo_of
from takes import moved_face, write_take

from inference_core import take_source
from inference_core.cli import main
from inference_core.errors import InputError, TakeError
from inference_core.frames import Frame, FrameOptions, open_frames
from inference_core.images import write_image
from inference_core.smoothing import SmoothingOptions, smooth
from inference_core.take import TakeFrame, open_take
from inference_core.take_source import source_of as header_source
from inference_core.take_texture import LAID, READ, best_rows, blended_texture, take_texture
from inference_core.texture import sample_texture
from inference_core.topology import load_topology

TOPOLOGY = load_topology()
SIZE = 128
YAWS = (0, 45, -45)
SKIN = blotches(SIZE)
FACES = [mean_face(yaw) for yaw in YAWS]


def frame_of(face, index: int, **changes) -> TakeFrame:
    frame = TakeFrame(index, index / 5, True, face.confidence, face.box, face.pose, face.vertices_canonical)
    return dataclasses.replace(frame, **changes)


def taken(path: Path, frames, **changes):
    return open_take(write_take(path / "a.lprtake", TOPOLOGY, frames, size=(PHOTO, PHOTO), **changes))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [photo_of(face, SKIN) for face in FACES]


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    return taken(tmp_path_factory.mktemp("takes"), [frame_of(face, index) for index, face in enumerate(FACES)])


def frames(pictures) -> list[Frame]:
    return [Frame(picture, index / 5, index) for index, picture in enumerate(pictures)]


def test_every_part_comes_from_a_frame_that_shows_it(take, pictures) -> None:
    texture, alone = blended_texture(take, frames(pictures), SIZE), sample_texture(pictures[0], FACES[0], SIZE)
    assert texture.visible.mean() > alone.visible.mean() + 0.1 and texture.visible[alone.visible].all()
    wrong = np.abs(texture.image.astype(float) - SKIN)[texture.visible].max(1)
    assert np.median(wrong) < 8 and (wrong > 40).mean() < 0.02


def test_a_darker_frame_is_brought_to_the_colours_of_the_frontal_one(take, pictures) -> None:
    darker = [pictures[0], *(np.uint8(picture * 0.6) for picture in pictures[1:])]
    usual, texture = (blended_texture(take, frames(each), SIZE) for each in (pictures, darker))
    apart = usual.image.astype(float) - texture.image
    assert abs(np.median(apart)) < 3 and np.abs(np.median(apart[texture.visible], axis=0)).max() < 3
    untouched = np.abs(darker[1].astype(float) - pictures[1]).mean()
    assert np.abs(apart).mean() < untouched / 3


def test_one_frame_gives_the_skin_of_a_photo_filled_as_there(tmp_path, pictures) -> None:
    take = taken(tmp_path, [frame_of(FACES[1], 0)])
    texture = blended_texture(take, [Frame(pictures[1], 0.0, 0)], SIZE)
    alone = sample_texture(pictures[1], FACES[1], SIZE)
    assert 0.2 < texture.visible.mean() < 0.6
    np.testing.assert_array_equal(texture.visible, alone.visible)
    assert np.abs(texture.image.astype(int) - alone.image).mean() < 0.5


def test_the_most_frontal_calm_frame_with_open_eyes_comes_first(tmp_path) -> None:
    face = FACES[0]
    shut, wide = moved_face(TOPOLOGY, eyes=0.1), moved_face(TOPOLOGY, mouth=3.0)
    rows = [frame_of(face, 0, canonical=shut), frame_of(face, 1, canonical=wide), TakeFrame(2, 0.4),
            frame_of(FACES[1], 3), TakeFrame(4, 0.8),
            *(frame_of(face, index) for index in (5, 6, 7)), frame_of(face, 8, confidence=0.3)]
    chosen = best_rows(taken(tmp_path, rows))
    assert chosen[0] == 6 and 3 in chosen and len(chosen) == 2


def test_frames_turned_alike_are_not_looked_at_twice(tmp_path) -> None:
    assert len(best_rows(taken(tmp_path, [frame_of(FACES[0], index) for index in range(20)]))) == 1


@pytest.fixture
def clip(tmp_path, pictures) -> Path:
    """An image sequence."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index, picture in enumerate(pictures):
        write_image(folder / f"{index:03d}.png", picture)
    return folder


def source_of(clip: Path, **changes) -> dict:
    with open_frames(clip) as source:
        return dataclasses.asdict(source.info) | {"start_s": 0.0, "end_s": None, "every": 1, "fps": 5.0} | changes


def test_the_clip_is_found_where_it_was_captured_or_where_one_says(tmp_path, clip, pictures) -> None:
    rows = [frame_of(face, index) for index, face in enumerate(FACES)]
    take = taken(tmp_path, rows, source=source_of(clip))
    expected = blended_texture(take, frames(pictures), SIZE)
    np.testing.assert_array_equal(take_texture(take, size=SIZE).image, expected.image)
    clip.rename(tmp_path / "moved")
    np.testing.assert_array_equal(take_texture(take, tmp_path / "moved", SIZE).visible, expected.visible)


def test_the_clip_is_found_from_any_folder_also_moved_along_with_the_take(tmp_path, clip, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_frames("clip", FrameOptions(fps=5.0)) as source:
        new = header_source(source.info, FrameOptions(fps=5.0))
    assert Path(new["name"]) == clip
    rows = [frame_of(face, index) for index, face in enumerate(FACES)]
    for name, source in (("new", new), ("old", new | {"name": "clip"})):
        (tmp_path / name).mkdir()
        take = taken(tmp_path / name, rows, source=source).path
        take.rename(tmp_path / f"{name}.lprtake")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "clip").mkdir()                        # another one of this name
    monkeypatch.chdir(elsewhere)
    found = [take_texture(open_take(tmp_path / f"{name}.lprtake"), size=16).image for name in ("new", "old")]
    np.testing.assert_array_equal(*found)
    (moved := tmp_path / "moved").mkdir()
    for name in ("clip", "new.lprtake"):
        (tmp_path / name).rename(moved / name)
    monkeypatch.chdir(moved)
    np.testing.assert_array_equal(take_texture(open_take("new.lprtake"), size=16).image, found[0])
    (moved / "clip" / "000.png").unlink()
    with pytest.raises(InputError, match="clip: "):
        take_texture(open_take("new.lprtake"), size=16)


def test_no_picture_of_the_clip_is_overwritten_by_the_skin(tmp_path, clip, capsys) -> None:
    for number in range(3):
        (clip / f"{number:03d}.png").rename(clip / f"{number}_skin.png")
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)], source=source_of(clip))
    before = [path.read_bytes() for path in sorted(clip.iterdir())]
    arguments = ["export", str(take.path), "--raw", "--texture-size", "16"]
    for more in (["--texture"], ["--texture", str(clip / "#_skin.png")]):
        assert main([*arguments, "-o", str(clip / "1.obj"), *more]) == 2
        assert "1_skin.png: is a file of the clip and would be overwritten" in capsys.readouterr().err
    assert [path.read_bytes() for path in sorted(clip.iterdir())] == before


def test_a_skin_of_an_earlier_export_is_replaced_where_the_clip_lies_elsewhere(tmp_path, clip, capsys) -> None:
    """The pattern of the clip fits the skin as well."""
    source = source_of(clip / "*.png")
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)], source=source)
    arguments = ["export", str(take.path), "--raw", "--texture", "--texture-size", "16"]
    for _ in range(2):
        assert main([*arguments, "-o", str(tmp_path / "a.obj")]) == 0, capsys.readouterr().err
    assert (tmp_path / "a_skin.png").is_file()


def test_an_export_without_a_skin_does_not_ask_for_the_clip(tmp_path, clip, monkeypatch) -> None:
    """It may lie on a machine that is switched off, or on one that should not hear of it."""
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)],
                 source=source_of(clip) | {"name": "/net/gone/clip.mp4"})
    monkeypatch.setattr(take_source, "files_of", lambda *a: pytest.fail("it was looked for"))
    for name in ("a.glb", "a.npz", "a.pc2"):
        assert main(["export", str(take.path), "-o", str(tmp_path / name), "--raw"]) == 0


def test_a_clip_called_like_a_mesh_is_not_overwritten(tmp_path, clip, capsys) -> None:
    (video := tmp_path / "clip.GLB").write_bytes(b"a video")
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)],
                 source=source_of(clip) | {"name": str(video)})
    assert main(["export", str(take.path), "-o", str(video), "--raw"]) == 2
    assert "is a file of the clip and would be overwritten" in capsys.readouterr().err
    assert video.read_bytes() == b"a video"


@pytest.mark.parametrize(("changes", "cause"), [
    ({"sha256": "0" * 64}, "not the clip"), ({"sha256": None}, "camera or a stream"),
    ({"name": "camera:0"}, "camera or a stream"), ({"name": "HTTP://127.0.0.1:9/a"}, "camera or a stream"),
    ({"every": -3}, "which part"), ({"start_s": "x"}, "which part"), ({"name": "gone.mp4"}, "gone.mp4")])
def test_a_clip_that_cannot_be_used_is_said_in_a_sentence(tmp_path, clip, changes, cause) -> None:
    take = taken(tmp_path, [frame_of(FACES[0], 0)], source=source_of(clip, **changes))
    with pytest.raises((TakeError, InputError), match=cause):
        take_texture(take, size=SIZE)


def test_a_take_that_saw_the_clip_narrower_is_not_given_a_crooked_skin(tmp_path, clip) -> None:
    made = write_take(tmp_path / "a.lprtake", TOPOLOGY, [frame_of(FACES[0], 0)], size=(PHOTO // 2, PHOTO), source=source_of(clip))
    with pytest.raises(TakeError, match="capture it again"):
        take_texture(open_take(made), size=SIZE)


def test_frames_of_another_part_and_sizes_that_cannot_be_made_are_refused(take, pictures) -> None:
    with pytest.raises(TakeError, match="the clip has no frame"):
        blended_texture(take, [Frame(pictures[0], 9.0, 99)], SIZE)
    with pytest.raises(InputError, match="99999 pixels"):
        blended_texture(take, frames(pictures), 99999)


def test_the_command_lays_the_skin_on_the_mesh(tmp_path, clip, capsys) -> None:
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)], source=source_of(clip))
    arguments = ["export", str(take.path), "--raw", "--texture-size", "64"]
    assert main([*arguments, "-o", str(tmp_path / "a.npz"), "--texture"]) == 0
    assert main([*arguments, "-o", str(tmp_path / "a.glb"), "--texture", str(clip)]) == 0
    with np.load(tmp_path / "a.npz", allow_pickle=False) as got:
        texture, visible = got["texture"], got["visible"]
    assert texture.shape == (64, 64, 3) and 0.3 < visible.mean() < 1
    np.testing.assert_array_equal(read_glb(tmp_path / "a.glb").picture, texture)
    capsys.readouterr()
    assert main([*arguments, "-o", str(tmp_path / "b.glb"), "--texture", str(tmp_path)]) != 0
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and not (tmp_path / "b.glb").exists()


def test_the_way_to_the_skin_is_told_with_the_time_left(tmp_path, clip, capsys, monkeypatch) -> None:
    take = taken(tmp_path, [frame_of(face, index) for index, face in enumerate(FACES)], source=source_of(clip))
    told: list[tuple[str, int, int]] = []
    take_texture(take, size=16, on_step=lambda *step: told.append(step))
    assert told == [*((READ, number, 3) for number in (1, 2, 3)), *((LAID, number, 3) for number in (0, 1, 2, 3))]
    monkeypatch.setattr("inference_core.cli.progress.LOG_S", 0.0)
    arguments = ["export", str(take.path), "--raw", "--texture", "--texture-size", "16"]
    assert main([*arguments, "-o", str(tmp_path / "a.npz")]) == 0
    lines = capsys.readouterr().err.splitlines()
    for what in ("3/3 frames read, ", "3/3 views laid on the skin, ", "3/3 frames, "):
        assert any(what in line and line.endswith("0 s left") for line in lines), lines


def test_a_table_has_no_skin(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "a.lprtake"), "-o", str(tmp_path / "pose.csv"), "--texture"])
    assert "--texture is for meshes" in capsys.readouterr().err


def test_the_frames_for_the_skin_of_a_smoothed_take_are_chosen_without_smoothing_it(tmp_path, monkeypatch) -> None:
    rows = [frame_of(FACES[0], index, confidence=1.0 if index == 7 else 0.5) for index in range(12)]
    take = taken(tmp_path, [*rows[:5], TakeFrame(5, 1.0), *rows[6:]])
    steady = smooth(take, SmoothingOptions(max_gap_s=1.0))
    assert steady.valid.all() and steady.raw is take and take.raw is take
    monkeypatch.setattr(type(steady), "canonical", None)
    assert best_rows(steady)[0] == 7


def test_a_live_take_has_the_skin_that_it_kept(tmp_path, capsys) -> None:
    source = {"kind": "camera", "name": "camera:0", "sha256": None}
    live = taken(tmp_path, [frame_of(FACES[0], 0)], source=source)
    seen = np.zeros((SIZE, SIZE, 3), np.uint8)
    seen[:, : SIZE // 2] = 255
    write_image(live.path / "skin.png", SKIN)
    write_image(live.path / "skin_seen.png", seen)
    texture = take_texture(live, size=SIZE)
    assert np.array_equal(texture.image, SKIN) and np.array_equal(texture.visible, seen[..., 0] > 0)
    assert take_texture(live, size=64).image.shape == (64, 64, 3)
    assert main(["export", str(live.path), "-o", str(tmp_path / "a.glb"), "--raw", "--texture", "--texture-size", "64"]) == 0
    (live.path / "skin.png").write_bytes(b"no picture")
    assert main(["export", str(live.path), "-o", str(tmp_path / "b.glb"), "--raw", "--texture"]) != 0
    assert "the take kept no skin" in capsys.readouterr().err and not (tmp_path / "b.glb").exists()
