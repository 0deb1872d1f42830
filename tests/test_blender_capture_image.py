"""Capture Face from Image in the real Blender: files, images that are open, several at once, undo."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from blender_told import told_by

HERE = Path(__file__).resolve().parent
RunBlender = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def told(run_blender: RunBlender, astronaut_png: Path, tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("face.png", "other.png"):
        shutil.copy(astronaut_png, folder / name)
    cv2.imwrite(str(folder / "black.png"), np.full((120, 160), 4, np.uint8))
    done = run_blender(HERE / "blender_capture_image.py", folder / "face.png", folder / "black.png", weights=tiny_weights)
    return told_by(done)


@pytest.mark.parametrize("kind", ["byte", "float", "float, transparent", "byte, transparent", "file", "packed, file gone",
                                  "grey"])
def test_an_open_image_is_read_as_it_is_shown(told: dict, kind: str) -> None:
    assert told["pictures"][kind] <= 1          # of 255 levels


def test_a_byte_image_of_linear_light_is_encoded(told: dict) -> None:
    assert told["pictures"]["linear"] == pytest.approx([188, 188, 188], abs=1)


@pytest.mark.parametrize("name", ["byte", "float"])
def test_an_image_that_was_never_saved_becomes_a_head(told: dict, name: str) -> None:
    answer = told["pictures"][f"capture {name}"]
    assert answer["answer"] == ["FINISHED"]
    assert name in answer["places"]


@pytest.mark.parametrize("what, says", [("missing", "its file is missing"), ("unknown", "no such image is open"),
                                        ("none", "no photo is given")])
def test_an_image_without_a_picture_is_named_in_a_sentence(told: dict, what: str, says: str) -> None:
    answer = told["pictures"][what]["answer"]
    assert says in answer and "Traceback" not in answer


def test_a_render_result_has_no_pixels_and_says_what_to_do(told: dict) -> None:
    assert "save it as a file" in told["pictures"]["render result"]


def test_several_photos_stand_side_by_side_from_the_cursor_and_a_bad_one_keeps_none_back(told: dict) -> None:
    some = told["files"]["some"]
    assert some["answer"] == ["FINISHED"]
    assert some["places"]["face"] == pytest.approx([1.0, 2.0, 3.0])
    assert some["places"]["other"] == pytest.approx([1.25, 2.0, 3.0])
    assert some["selected"] == ["face", "other"]


def test_photos_without_a_face_leave_nothing_behind_and_are_all_named(told: dict) -> None:
    none = told["files"]["none"]
    assert "black.png: no face was found" in none["answer"] and "gone.png: cannot be read" in none["answer"]
    assert none["left"] == dict.fromkeys(none["left"], 0)


def test_one_camera_shows_one_photo(told: dict) -> None:
    assert "one by one" in told["files"]["two before one camera"]["answer"]


def test_a_collection_that_is_excluded_takes_the_head_all_the_same(told: dict) -> None:
    assert told["files"]["excluded"]["answer"] == ["FINISHED"]
    assert told["files"]["excluded"]["left"]["objects"] == 1


def test_undo_removes_the_capture_whole_and_redo_brings_it_back(told: dict) -> None:
    undo = told["undo"]
    assert undo["made"]["objects"] == 2 and undo["made"]["cameras"] == 1 and undo["made"]["images"] == 2
    assert undo["after"] == undo["before"]
    assert undo["redone"] == {kind: count for kind, count in undo["made"].items() if kind != "render"}
    assert undo["pixels"] > 0
