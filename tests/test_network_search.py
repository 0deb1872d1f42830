"""What a user may rely on: where no detector sees a face the network looks, and believes what holds still."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core import network_search
from inference_core.crop import Crop, crop_around
from inference_core.engine import Prediction, load_network
from inference_core.network_search import MAX_SQUARES, all_stages, certain_enough, certainty, find, follow, squares
from inference_core.regression import capture_faces
from inference_core.topology import load_topology
from tiny_networks import rest_map

MARK = np.array([70.0, 55.0])           # where the white disc is, and how wide
MARK_SIZE = 46


class DiscNetwork:
    """Believes in a bright disc and lays the mean face on it; `trembling` lays it elsewhere every time."""

    input_size, tells_presence = 48, True
    topology = load_topology()

    def __init__(self, trembling: float = 0.0) -> None:
        self.map, self.rng, self.trembling = rest_map(load_topology()), np.random.default_rng(0), trembling

    def view(self, crop: Crop) -> Crop:
        return crop

    def presence(self, crop_image: np.ndarray) -> float:
        return self.predict(crop_image).presence

    def predict(self, crop_image: np.ndarray) -> Prediction:
        white = crop_image[..., 0] > 128
        if white.sum() < 40:
            return Prediction(self.map.astype(np.float32), 0.0)
        rows, columns = np.nonzero(white)
        middle = (np.array([columns.mean(), rows.mean()]) + 0.5) / len(white)
        size = 2 * np.sqrt(white.mean() / np.pi) + self.rng.normal(0, self.trembling)
        at = np.r_[middle + self.rng.normal(0, self.trembling, 2), 0]
        return Prediction(((self.map - [0.5, 0.5, 0]) * size * 1.4 + at).astype(np.float32), 1 - 1e-6)


def disc() -> np.ndarray:
    picture = np.zeros((120, 200, 3), np.uint8)
    cv2.circle(picture, tuple(int(v) for v in MARK), MARK_SIZE // 2, (255, 255, 255), -1)
    return picture


@pytest.mark.parametrize("enlarge", [1, 8])
def test_what_the_network_believes_in_and_holds_still_is_found(enlarge: int) -> None:
    picture = cv2.resize(disc(), None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    found, = find(picture, DiscNetwork())
    middle = found.crop.to_image(np.array([0.5, 0.5]))
    assert found.sure and found.view == "network"
    assert np.abs(middle / enlarge - MARK).max() < 8
    assert MARK_SIZE < 1 / found.crop.scale / enlarge < 3 * MARK_SIZE


def test_what_wanders_is_not_believed() -> None:
    assert find(disc(), DiscNetwork(trembling=0.15)) == []


def test_an_empty_picture_has_no_face() -> None:
    assert find(np.zeros((120, 200, 3), np.uint8), DiscNetwork()) == []
    assert find(np.full((8, 300, 3), 255, np.uint8), DiscNetwork()) == []


def test_the_less_the_answers_move_the_more_certain() -> None:
    where = crop_around(MARK, 1.6 * MARK_SIZE)
    values = [certainty(disc(), where, DiscNetwork(trembling)) for trembling in (0.0, 0.01, 0.03, 0.1)]
    assert values == sorted(values, reverse=True)


def test_a_face_turned_far_may_hold_still_a_little_less() -> None:
    assert certain_enough(22.0, 0.0) and not certain_enough(21.9, -59.0)
    assert certain_enough(18.5, 75.0) and certain_enough(18.5, -75.0) and not certain_enough(17.5, 75.0)
    assert not certain_enough(float("-inf"), 90.0) and not certain_enough(float("nan"), 90.0)


def test_answers_that_are_no_numbers_are_no_face() -> None:
    network = DiscNetwork()
    network.map = np.full_like(network.map, np.nan)
    assert follow(disc(), crop_around(MARK, 80), network) is None
    assert find(disc(), network) == []


@pytest.mark.parametrize("size", [(16, 16), (640, 480), (480, 480), (480, 16), (16, 480), (480, 120)])
def test_the_squares_are_few_and_cover_the_picture(size: tuple[int, int]) -> None:
    grid = squares(*size)
    assert 0 < len(grid) <= MAX_SQUARES
    points = np.stack(np.meshgrid(np.linspace(0, size[0] - 1, 9), np.linspace(0, size[1] - 1, 9)), -1).reshape(-1, 2)
    inside = [((c.to_crop(points) >= -0.05) & (c.to_crop(points) <= 1.05)).all(1) for c in grid]
    assert np.any(inside, axis=0).all()


def test_the_network_looks_after_all_other_stages(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    monkeypatch.setattr(network_search, "search", lambda image, stages: iter([[], []]))
    assert [len(stage) for stage in all_stages(disc(), DiscNetwork())] == [0, 0, 1]
    # the original's network says of everything that it is a face
    assert [len(stage) for stage in all_stages(disc(), load_network("lprnet"))] == [0, 0]


def test_presence_alone_is_that_of_the_whole_answer(tiny_weights: Path, astronaut: np.ndarray) -> None:
    for name, tells in (("lprnet2", True), ("lprnet", False)):
        network = load_network(name, weights_dir=tiny_weights)
        crop = crop_around((226.0, 125.0), 200.0).cut(astronaut, network.input_size)
        assert network.presence(crop) == network.predict(crop).presence
        assert network.tells_presence == tells


def test_a_face_that_no_detector_sees_is_captured(shipped_weights: Path, astronaut: np.ndarray,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_search, "search", lambda image, stages: iter([[]]))
    face, = capture_faces(astronaut)
    nose = face.landmarks_image[30, :2]
    assert np.hypot(*(nose - (225, 128))) < 6 and face.confidence > 0.9


def test_pictures_without_a_face_stay_without(shipped_weights: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the test pictures")
    for name in ("coffee", "grass", "gravel", "page", "clock", "chelsea"):
        picture = getattr(data, name)()
        picture = picture if picture.ndim == 3 else np.stack([picture] * 3, 2)
        assert find(np.ascontiguousarray(picture), load_network()) == [], name
