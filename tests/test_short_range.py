"""What a user may rely on: the shipped face detector sees faces in any part of a picture, and its file is checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.crop import crop_around
from inference_core.detection import detect_faces, search
from inference_core.errors import WeightsError
from inference_core.short_range import look
from inference_core.weights import detector_file

FACE, SIZE = np.array([226.0, 125.0]), 95


@pytest.mark.parametrize("turn_deg", [-30, 0, 20, 40])
@pytest.mark.parametrize("side", [200, 420])
def test_a_face_is_seen_where_it_is_and_as_it_is_turned(astronaut: np.ndarray, side: int, turn_deg: int) -> None:
    seen = look(astronaut, crop_around(FACE, side, np.deg2rad(turn_deg)), 0.6)[0]
    assert np.abs(np.array(seen.centre) - FACE).max() < 15 and 0.7 * SIZE < seen.side < 1.4 * SIZE
    assert abs(np.rad2deg(seen.roll_rad)) < 15          # as the head is turned in the picture, whatever the square's turn


def test_what_lies_outside_the_picture_is_black(astronaut: np.ndarray) -> None:
    assert look(astronaut, crop_around((-3000, -3000), 200), 0.3) == []


def test_a_turned_square_sees_an_upside_down_face(astronaut: np.ndarray) -> None:
    over = np.ascontiguousarray(astronaut[::-1, ::-1])
    middle = np.array(astronaut.shape[1::-1]) - 1 - FACE
    seen = look(over, crop_around(middle, 300, np.pi), 0.6)[0]
    assert np.abs(np.array(seen.centre) - middle).max() < 15
    assert abs(abs(np.rad2deg(seen.roll_rad)) - 180) < 15


def test_an_altered_detector_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               astronaut: np.ndarray) -> None:
    known = detector_file()
    assert known is not None
    entry = dict(path="face_detector.tflite", sha256=known.sha256, bytes=known.bytes)
    (tmp_path / "weights.json").write_text(json.dumps(dict(format=1, default="x", detector=entry, networks=[])))
    data = bytearray(known.read())
    data[1000] ^= 1
    (tmp_path / "face_detector.tflite").write_bytes(data)
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="face_detector.tflite: its SHA-256 is not"):
        detect_faces(astronaut)
    (tmp_path / "face_detector.tflite").unlink()
    with pytest.raises(WeightsError, match="face_detector.tflite: the network file cannot be read"):
        detect_faces(astronaut)


def test_without_a_detector_in_the_folder_dlib_alone_finds_the_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                    astronaut: np.ndarray) -> None:
    (tmp_path / "weights.json").write_text(json.dumps(dict(format=1, default="x", networks=[])))
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tmp_path))
    assert len(list(search(astronaut))) == 2
    found, = detect_faces(astronaut)
    assert found.view == "front"


@pytest.mark.parametrize("path", ["../face_detector.tflite", "/etc/passwd", "", 5])
def test_a_detector_outside_the_folder_is_refused(tmp_path: Path, path: object) -> None:
    entry = dict(path=path, sha256="0" * 64, bytes=1)
    (tmp_path / "weights.json").write_text(json.dumps(dict(format=1, default="x", detector=entry, networks=[])))
    with pytest.raises(WeightsError, match="its detector is not described as it should be"):
        detector_file(tmp_path)


def test_the_detector_is_put_into_a_weights_folder_beside_its_networks(tmp_path: Path, shipped_weights: Path) -> None:
    pytest.importorskip("tensorflow", reason="the training tools import TensorFlow")
    from training.convert import write_cards
    from training.detector import NAME, add_detector
    shutil.copy(shipped_weights / "weights.json", tmp_path)
    before = json.loads((tmp_path / "weights.json").read_text())
    add_detector((shipped_weights / NAME).read_bytes(), tmp_path)
    assert json.loads((tmp_path / "weights.json").read_text()) == before
    write_cards(tmp_path, before["networks"][:1])       # another training run leaves it alone
    assert json.loads((tmp_path / "weights.json").read_text())["detector"] == before["detector"]
    assert cv2.dnn.readNetFromTFLite(str(tmp_path / NAME)) is not None
