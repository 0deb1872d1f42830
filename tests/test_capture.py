"""What a user may rely on: faces come back in the pixels of the picture, consistent in themselves, wherever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference_core.crop import Crop, crop_around, restore
from inference_core.engine import Prediction, load_network
from inference_core.errors import InputError
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.regression import CaptureOptions, Face, capture_crop, capture_faces, pose_in_image
from inference_core.topology import load_topology

NETWORKS = ("lprnet2", "lprnet")


@pytest.fixture
def weights(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    return tiny_weights


def check(face: Face, image: np.ndarray) -> None:
    """What holds for every face."""
    count = len(face.topology.cells)
    assert face.position_map_image.shape == (128, 128, 3)
    assert face.vertices_image.shape == face.vertices_canonical.shape == (count, 3)
    assert face.landmarks_image.shape == (68, 3)
    for array in (face.position_map_image, face.vertices_image, face.vertices_canonical, face.landmarks_image):
        assert array.dtype == np.float32 and np.isfinite(array).all()
    assert np.array_equal(face.topology.vertices(face.position_map_image), face.vertices_image)
    assert np.allclose(compose(face.vertices_canonical.astype(float), face.pose), face.vertices_image, atol=0.02)
    assert np.allclose(face.topology.landmarks(face.vertices_image), face.landmarks_image, atol=1e-3)
    rigid = face.topology.regions["rigid"]
    assert abs(face.vertices_image[rigid, 2].mean()) < 0.06 * (face.box[2] - face.box[0])
    assert np.allclose([*face.landmarks_image[:, :2].min(0), *face.landmarks_image[:, :2].max(0)], face.box)
    assert 0 <= face.confidence <= 1
    # a head's size: the face is 11 to 17 cm wide, whatever its size in the picture
    assert 11 < np.ptp(face.vertices_canonical[:, 0]) < 17


@pytest.mark.parametrize("name", NETWORKS)
def test_the_face_of_a_portrait_is_captured(weights: Path, astronaut: np.ndarray, name: str) -> None:
    face, = capture_faces(astronaut, CaptureOptions(weights=name))
    check(face, astronaut)
    assert np.hypot(face.landmarks_image[30, 0] - 226, face.landmarks_image[30, 1] - 125) < 30


@pytest.mark.parametrize("name", NETWORKS)
def test_a_box_is_used_in_place_of_the_detector(weights: Path, astronaut: np.ndarray, name: str) -> None:
    box = (330.0, 300.0, 430.0, 400.0)                          # where no face is
    face, = capture_faces(astronaut, CaptureOptions(weights=name, box=box, passes=1))
    check(face, astronaut)
    assert np.hypot(face.pose.shift[0] - 380, face.pose.shift[1] - 350) < 35


def test_where_the_network_sees_no_face_there_is_none(weights: Path) -> None:
    black = np.zeros((300, 300, 3), np.uint8)
    assert capture_faces(black, CaptureOptions(box=(100, 100, 200, 200))) == []
    assert capture_faces(black) == []


def test_steps_are_reported_with_their_time(weights: Path, astronaut: np.ndarray) -> None:
    steps: list[tuple[str, float]] = []
    capture_faces(astronaut, CaptureOptions(passes=3), on_step=lambda name, ms: steps.append((name, ms)))
    assert [name for name, _ in steps] == ["load", "detect", "network", "network", "network", "looks"]
    assert all(ms >= 0 for _, ms in steps)


def test_all_faces_or_the_largest(weights: Path, astronaut: np.ndarray) -> None:
    import cv2
    head = astronaut[:260, 100:360]
    canvas = np.full((520, 800, 3), 120, np.uint8)
    canvas[:, :520] = cv2.resize(head, (520, 520))
    canvas[100:260, 600:760] = cv2.resize(head, (160, 160), interpolation=cv2.INTER_AREA)
    largest, = capture_faces(canvas)
    both = capture_faces(canvas, CaptureOptions(all_faces=True))
    assert len(both) == 2
    assert np.allclose(both[0].vertices_image, largest.vertices_image, atol=1e-3)
    assert both[0].box[2] - both[0].box[0] > both[1].box[2] - both[1].box[0]
    for face in both:
        check(face, canvas)


@pytest.mark.parametrize(("box", "cause"), [
    ((10, 10, 10, 50), "is empty or smaller"), ((50, 10, 10, 50), "is empty or smaller"), ((0, 0, 3, 3), "is empty or smaller"),
    ((900, 900, 950, 950), "does not lie in the picture of 512 x 512"), ((float("nan"), 0, 9, 9), "is not four numbers"),
    ((0, 0, 1e9, 1e9), "does not lie in the picture"), ((0, 0, 9), "is not four numbers")])
def test_a_box_that_cannot_be_used_is_named(weights: Path, astronaut: np.ndarray, box: tuple, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        capture_faces(astronaut, CaptureOptions(box=box))


def test_a_box_may_reach_out_of_the_picture(weights: Path, astronaut: np.ndarray) -> None:
    face, = capture_faces(astronaut, CaptureOptions(box=(-40, 10, 80, 130)))
    check(face, astronaut)


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), None])
def test_what_is_no_picture_is_refused(weights: Path, image) -> None:
    with pytest.raises(InputError, match="array .H, W, 3. of uint8"):
        capture_faces(image)


@pytest.mark.parametrize("passes", [0, 100])
def test_a_wrong_number_of_passes_is_refused(weights: Path, astronaut: np.ndarray, passes: int) -> None:
    with pytest.raises(InputError, match=f"{passes} passes"):
        capture_faces(astronaut, CaptureOptions(passes=passes))


def test_a_pose_in_a_turned_crop_becomes_the_pose_in_the_picture() -> None:
    topology = load_topology()
    for angle in (-2.0, -0.4, 0.0, 0.7, 3.0):
        crop = crop_around((200.0, 100.0), 150.0, angle)
        pose = HeadPose(rotation_from_angles(25, -10, 8), 0.04, np.array([0.45, 0.4]), 0.013)
        expected = restore(compose(topology.mean_canonical.astype(float), pose), crop)
        assert np.allclose(compose(topology.mean_canonical.astype(float), pose_in_image(pose, crop)), expected, atol=1e-6)


class Constant:
    """A network that always answers the same."""

    input_size = 64
    topology = load_topology()

    def __init__(self, position_map: np.ndarray, presence: float = 1.0) -> None:
        self.answer = Prediction(position_map, presence)
        self.seen: list[np.ndarray] = []

    def view(self, crop: Crop) -> Crop:
        return crop

    def predict(self, crop_image: np.ndarray) -> Prediction:
        self.seen.append(crop_image)
        return self.answer


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_an_answer_without_extent_is_no_face(value: float) -> None:
    flat = np.full((128, 128, 3), value, np.float32)
    assert capture_crop(np.zeros((90, 90, 3), np.uint8), crop_around((45, 45), 60), Constant(flat)) is None


def test_an_unsure_answer_is_no_face(tiny_weights: Path) -> None:
    from tiny_networks import rest_map
    where = Crop(np.diag([1 / 60, 1 / 60, 1.0]))
    image, answer = np.zeros((90, 90, 3), np.uint8), rest_map(load_topology()).astype(np.float32)
    assert capture_crop(image, where, Constant(answer, 0.9)) is not None
    assert capture_crop(image, where, Constant(answer, 0.1)) is None


def test_a_network_of_tighter_crops_is_shown_its_part_and_answers_there() -> None:
    from tiny_networks import rest_map

    class Tighter(Constant):
        def view(self, crop: Crop) -> Crop:
            return crop.scaled(0.8)

    image = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    answer, where = rest_map(load_topology()).astype(np.float32), crop_around((45, 45), 50, 0.2)
    usual, tighter = Constant(answer), Tighter(answer)
    face = capture_crop(image, where, usual, 1)
    same = capture_crop(image, where.scaled(1 / 0.8), tighter, 1)
    np.testing.assert_array_equal(usual.seen[0], tighter.seen[0])
    np.testing.assert_allclose(same.vertices_image, face.vertices_image, atol=1e-3)
    assert same.crop.scale == pytest.approx(face.crop.scale * 0.8)


def test_the_second_pass_sees_the_crop_of_the_first_answer(weights: Path, astronaut: np.ndarray) -> None:
    network, first = load_network(), crop_around((226.0, 125.0), 200.0, 0.5)
    once = capture_crop(astronaut, first, network, passes=1)
    twice = capture_crop(astronaut, first, network, passes=2)
    assert np.array_equal(once.crop.matrix, first.matrix)
    from inference_core.crop import crop_from_landmarks
    assert np.allclose(twice.crop.matrix, crop_from_landmarks(once.landmarks_image, upright=True).matrix, atol=1e-5)


def test_the_shipped_network_finds_the_features_of_a_portrait(shipped_weights: Path, astronaut: np.ndarray) -> None:
    face, = capture_faces(astronaut)
    check(face, astronaut)
    eyes = [face.landmarks_image[part, :2].mean(0) for part in (slice(36, 42), slice(42, 48))]
    places = {"right eye": (eyes[0], (203, 101)), "left eye": (eyes[1], (246, 102)),
              "nose tip": (face.landmarks_image[30, :2], (225, 128)),
              "right corner of the mouth": (face.landmarks_image[48, :2], (204, 142)),
              "left corner of the mouth": (face.landmarks_image[54, :2], (244, 143)),
              "chin": (face.landmarks_image[8, :2], (222, 177))}
    away = {name: float(np.hypot(*(found - place))) for name, (found, place) in places.items()}
    assert max(away.values()) < 6, away
    assert face.confidence > 0.9


def test_the_answer_hardly_depends_on_the_first_box(shipped_weights: Path, astronaut: np.ndarray) -> None:
    alone, = capture_faces(astronaut)
    moved, = capture_faces(astronaut, CaptureOptions(box=(165, 75, 275, 190), passes=3))
    assert np.abs(alone.landmarks_image[:, :2] - moved.landmarks_image[:, :2]).mean() < 2
