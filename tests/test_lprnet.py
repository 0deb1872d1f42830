"""What a user of the original L-PRNet may rely on: its calls, its shapes, and none of its faults."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.errors import InputError
from inference_core.lprnet import LPRNet
from inference_core.topology import load_topology


@pytest.fixture
def model(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> LPRNet:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    return LPRNet()


def test_the_calls_of_the_readme_work(model: LPRNet, astronaut: np.ndarray) -> None:
    cropped_face = model.detect_face(astronaut)
    assert cropped_face.shape == (128, 128, 3) and cropped_face.dtype == np.float32
    assert 0 <= cropped_face.min() and 0.5 < cropped_face.max() <= 1
    uv_map = model.predict_uv(cropped_face)
    assert uv_map.shape == (128, 128, 3)
    frame_contain_pcl, pcl = model.visualize_pcl(uv_map)
    assert frame_contain_pcl.ndim == 3 and frame_contain_pcl.dtype == np.uint8
    assert pcl.shape == (128 * 128, 3)
    assert np.array_equal(pcl.reshape(128, 128, 3), uv_map)


def test_the_map_lies_in_the_crop(model: LPRNet, astronaut: np.ndarray) -> None:
    vertices = load_topology().vertices(model.predict_uv(model.detect_face(astronaut)))
    assert 0 < vertices.min() and vertices.max() < 1
    assert np.abs(vertices.mean(0) - 0.5).max() < 0.15


def test_the_map_goes_back_to_pixels_of_the_picture(model: LPRNet, astronaut: np.ndarray) -> None:
    uv_map = model.predict_uv(model.detect_face(astronaut))
    vertices = load_topology().vertices(model.to_image(uv_map))
    assert np.abs(vertices[:, :2].mean(0) - [226, 125]).max() < 25
    assert np.ptp(vertices[:, 0]) == pytest.approx(np.ptp(load_topology().vertices(uv_map)[:, 0]) / model.crop.scale, rel=1e-3)


def test_how_far_the_crop_reaches_does_not_depend_on_where_the_face_is(shipped_weights: Path,
                                                                       astronaut: np.ndarray) -> None:
    model, sides = LPRNet(), []
    for left, top in ((10, 10), (350, 250)):
        canvas = np.full((560, 660, 3), 120, np.uint8)
        canvas[top:top + 260, left:left + 260] = astronaut[:260, 100:360]
        model.detect_face(canvas)
        sides.append(1 / model.crop.scale)
    assert sides[0] == pytest.approx(sides[1], rel=0.12)


def test_the_crop_is_not_stretched(model: LPRNet, astronaut: np.ndarray) -> None:
    model.detect_face(astronaut)
    across, down = model.crop.to_image(np.array([[0.0, 0], [1, 0], [0, 1]]))[1:] - model.crop.to_image(np.zeros(2))
    assert np.hypot(*across) == pytest.approx(np.hypot(*down))


def test_all_columns_of_the_crop_are_scaled_alike(model: LPRNet) -> None:
    grey = np.full((128, 128, 3), 51, np.uint8)
    assert np.array_equal(model.predict_uv(grey), model.predict_uv(np.full((128, 128, 3), 0.2, np.float32)))


def test_grey_and_transparent_pictures_are_taken(model: LPRNet, astronaut: np.ndarray) -> None:
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    assert model.detect_face(grey).shape == (128, 128, 3)
    assert model.detect_face(np.dstack([astronaut, np.full_like(grey, 255)])).shape == (128, 128, 3)


def test_a_crop_of_another_size_is_scaled(model: LPRNet, astronaut: np.ndarray) -> None:
    crop = np.ascontiguousarray(astronaut[30:230, 120:320])
    small = cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.allclose(model.predict_uv(crop), model.predict_uv(small), atol=1e-6)


def test_no_face_is_one_sentence(model: LPRNet) -> None:
    with pytest.raises(InputError, match="no face was found"):
        model.detect_face(np.full((200, 200, 3), 99, np.uint8))


@pytest.mark.parametrize("face", [np.zeros((128, 100, 3)), np.zeros((128, 128)), np.full((128, 128, 3), 200.0),
                                  np.full((128, 128, 3), np.nan), np.zeros((0, 0, 3))])
def test_what_is_no_cropped_face_is_refused(model: LPRNet, face: np.ndarray) -> None:
    with pytest.raises(InputError, match="cropped face must"):
        model.predict_uv(face)


def test_pixels_are_not_known_before_a_face_was_detected(model: LPRNet) -> None:
    with pytest.raises(InputError, match="call detect_face first"):
        model.to_image(np.zeros((128, 128, 3), np.float32))


def test_the_picture_of_the_points_shows_the_face_in_the_middle(model: LPRNet, astronaut: np.ndarray) -> None:
    frame, _ = model.visualize_pcl(model.predict_uv(model.detect_face(astronaut)))
    rows, columns = np.nonzero((frame != frame[0, 0]).any(2))
    assert 128 < rows.mean() < 384 and 128 < columns.mean() < 384
    assert len(rows) > 0.05 * frame.shape[0] * frame.shape[1]
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 50            # nearer and farther points differ


def test_other_networks_can_be_asked_for(model: LPRNet, astronaut: np.ndarray) -> None:
    other = LPRNet(weights="lprnet2")
    assert other.predict_uv(other.detect_face(astronaut)).shape == (128, 128, 3)
