"""What a user may rely on when numbered pictures are read as a clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from inference_core.errors import VideoError
from inference_core.frames import FrameOptions, open_frames
from inference_core.frames.images import natural_key


def write(folder: Path, *names: str, size: tuple[int, int] = (12, 16)) -> Path:
    """Grey pictures; the n-th one has the grey 10 n."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), np.full((*size, 3), 10 * number, np.uint8))
    return folder


def read(target: Path, **options) -> list[tuple[int, float, int]]:
    """Index, time and n of `write` of every frame."""
    with open_frames(target, FrameOptions(**options)) as frames:
        return [(frame.index, frame.time_s, round(frame.image.mean() / 10)) for frame in frames]


@pytest.mark.parametrize("target", ["", "shot.%04d.png", "shot.####.png", "shot.%d.png", "*.png", "shot.*.png"])
def test_a_folder_a_pattern_and_a_glob_give_the_same_clip(tmp_path: Path, target: str) -> None:
    folder = write(tmp_path / "clip#1 %d", "shot.1001.png", "shot.1002.png", "shot.1003.png")
    (folder / "notes.txt").write_text("no picture")
    assert read(folder / target) == [(0, 0, 0), (1, 1 / 24, 1), (2, 2 / 24, 2)]


@pytest.mark.parametrize("target", ["", "a%d.png", "a#.png", "a*.png"])
def test_two_comes_before_ten(tmp_path: Path, target: str) -> None:
    folder = write(tmp_path / "clip", "a1.png", "a2.png", "a10.png")
    assert [n for _, _, n in read(folder / target)] == [0, 1, 2]


@given(st.lists(st.integers(0, 10**6), min_size=2, unique=True))
def test_names_sort_by_their_numbers(numbers: list[int]) -> None:
    assert sorted([f"a{n}b.png" for n in numbers], key=natural_key) == [f"a{n}b.png" for n in sorted(numbers)]


def test_a_missing_number_is_a_gap_in_time(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "v2_0010.png", "v2_0011.png", "v2_0015.png")
    assert read(folder, fps=10) == [(0, 0, 0), (1, 0.1, 1), (5, 0.5, 2)]
    assert read(folder, fps=10, start_s=0.1, end_s=0.5) == [(1, 0.1, 1)]


def test_a_number_that_grows_past_its_width_goes_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "f98.png", "f99.png", "f100.png")
    assert [index for index, _, _ in read(folder / "f%02d.png")] == [0, 1, 2]


@pytest.mark.parametrize("names", [
    ("IMG_1.png", "photo.png", "snap_7.png"), ("IMG_20240101120000.png", "IMG_20240102120000.png"),
    ("a1_1.png", "a2_2.png"),
])
def test_names_without_a_frame_number_are_counted(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert [index for index, _, _ in read(write(tmp_path / "clip", *names))] == list(range(len(names)))


@pytest.mark.parametrize("pattern", ["frame_%d.png", "frame_####.png"])
def test_a_pattern_of_stamps_instead_of_numbers_is_refused_and_what_is_told_works(tmp_path: Path, pattern: str) -> None:
    folder = write(tmp_path / "clip", "frame_100000000000000000.png", "frame_100000000041666667.png")
    with pytest.raises(VideoError, match="too far apart") as refused:
        open_frames(folder / pattern)
    told = str(folder / "frame_*.png")
    assert str(refused.value).startswith(str(folder / pattern)) and f"give {told}, " in str(refused.value)
    assert read(Path(told)) == [(0, 0, 0), (1, 1 / 24, 1)]


def test_sixteen_bit_and_turned_pictures_are_read_like_photos(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a1.png"), np.full((4, 4, 3), 257 * 100, np.uint16))
    with open_frames(tmp_path) as frames:
        image = next(iter(frames)).image
    assert image.dtype == np.uint8 and (image == 100).all()


def test_info_and_hash_tell_one_clip_from_another(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "1.png", "2.png")
    with open_frames(folder) as frames:
        before = frames.info
    assert (before.kind, before.size, before.fps, before.frames) == ("images", (16, 12), 24, 2)
    cv2.imwrite(str(folder / "2.png"), np.full((12, 16, 3), 200, np.uint8))
    with open_frames(folder) as frames:
        assert frames.info.sha256 != before.sha256


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda path: path.write_bytes(path.read_bytes()[:60]), "cut off"),
    (lambda path: path.write_text("no picture"), "not a picture"),
    (lambda path: cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8)), "from 16 x 12 to 20 x 20"),
])
def test_a_bad_picture_midway_ends_the_clip_after_the_last_good_one(tmp_path: Path, spoil, words: str) -> None:
    folder = write(tmp_path / "clip", "1.png", "2.png", "3.png")
    spoil(folder / "3.png")
    seen = []
    with open_frames(folder) as frames, pytest.raises(VideoError, match=words) as refused:
        for frame in frames:
            seen.append(frame.index)
    assert seen == [0, 1] and "clip" in str(refused.value)


@pytest.mark.parametrize(("target", "words"), [
    ("", "no picture is in this folder"), ("a.%04d.png", "named like this"), ("*.jpg", "named like this"),
    ("nowhere/a.####.png", "folder cannot be read"), ("%099999999d.png", "digits"),
])
def test_nothing_to_read_is_said_with_the_target(tmp_path: Path, target: str, words: str) -> None:
    with pytest.raises(VideoError, match=words):
        open_frames(tmp_path / target)


def test_two_pictures_with_one_number_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "clip", "a1.png", "a01.png")
    with pytest.raises(VideoError, match="same number"):
        open_frames(folder)
