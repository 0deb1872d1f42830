"""Camera match: through the scene's camera the mesh covers the face in the photo, in the real Blender."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from blender_told import told_by

HERE = Path(__file__).resolve().parent
CLOSE_PX = 0.5
ONE_FACE = ("near", "near, landscape", "wide", "far", "flat")


def lying_photo(path: Path) -> Path:
    """120 x 80 pixels with an EXIF tag that stands them up."""
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[:, :60], picture[:40, 60:] = (0, 0, 255), (0, 200, 0)
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHH", 1, 274, 3, 1, 6, 0) + b"\0\0\0\0"
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


@pytest.fixture(scope="module")
def told(run_blender: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory) -> dict:
    done = run_blender(HERE / "blender_camera_match.py", lying_photo(tmp_path_factory.mktemp("photo") / "lying.jpg"))
    return told_by(done)


@pytest.mark.parametrize("name", [*ONE_FACE, "two", "two flat", "near, cm", "flat, cm", "two, cm"])
def test_every_vertex_lies_on_its_place_in_the_photo(told: dict, name: str) -> None:
    assert max(told[name]["off"]) < CLOSE_PX


@pytest.mark.parametrize("name", ONE_FACE)
def test_the_head_keeps_its_real_size(told: dict, name: str) -> None:
    assert told[name]["size_m"] == pytest.approx([1.0], abs=1e-5)


def test_the_head_keeps_its_real_size_where_the_scenes_unit_is_a_centimetre(told: dict) -> None:
    assert told["near, cm"]["size_m"] == told["flat, cm"]["size_m"] == pytest.approx([100.0], rel=1e-5)
    assert told["near, cm"]["at"] == pytest.approx([1, 2, 3], abs=1e-3)       # the 3D cursor
    assert told["near, cm"]["lens"] == pytest.approx(30.0 * 40 * 36 / 1920)


def test_the_lens_is_the_poses_focal_length(told: dict) -> None:
    assert told["near"]["kind"] == told["far"]["kind"] == "PERSP"
    assert told["near"]["lens"] == pytest.approx(30.0 * 40 * 36 / 1600)
    assert told["far"]["lens"] == pytest.approx(30.0 * 1000 * 24 / 1600)
    assert told["flat"]["kind"] == "ORTHO"


def test_the_users_camera_stays_where_it_is_and_a_missing_one_is_made(told: dict) -> None:
    assert (told["near, landscape"]["camera"], told["near, landscape"]["still"]) == ("Mine", True)
    assert told["near"]["camera"] == "Camera"
    assert told["near"]["at"] == pytest.approx([1, 2, 3], abs=1e-5)           # the 3D cursor


def test_the_render_has_the_photos_shape_and_the_camera_shows_the_photo(told: dict) -> None:
    assert told["wide"]["render"] == [1920, 800, 1.0]
    assert told["wide"]["background"] == ["head 0"]


def test_a_photo_that_lies_on_its_side_stands_upright_behind_the_mesh(told: dict) -> None:
    turned = told["turned"]
    assert turned["size"] == turned["photo"] == [80, 120]
    assert turned["off"] < 1 and turned["packed"]
