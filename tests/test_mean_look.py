"""What a careful capture does: the mean of several looks is a face like any other, and is about the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.crop import Crop, crop_around
from inference_core.engine import Prediction, load_network
from inference_core.mean_look import ROLLS_DEG, mean_look, mean_of, mean_pose, mirrored
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.regression import CaptureOptions, capture_crop, capture_faces
from inference_core.topology import load_topology

TOPOLOGY = load_topology()


def answer(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, shift=(0.5, 0.5), wink: float = 0.0) -> Prediction:
    """A face whose right half may be lower than the left one."""
    canonical = TOPOLOGY.mean_canonical + np.float32([0, wink, 0]) * (TOPOLOGY.mean_canonical[:, :1] > 0)
    pose = HeadPose(rotation_from_angles(yaw, pitch, roll), 0.04, np.array(shift), 0.015)
    canonical_map = TOPOLOGY.position_map(canonical)
    return Prediction(compose(canonical_map, pose).astype(np.float32), 0.9, canonical_map, pose)


class Seer:
    """A network that knows where the face is: in a picture of which only the place of one dark and one light spot, the
    subject's right and left eye, tells it."""

    input_size, topology = 160, TOPOLOGY

    def __init__(self) -> None:
        self.pictures = 0

    def predict(self, picture: np.ndarray) -> Prediction:
        self.pictures += 1
        grey = picture.astype(float).mean(2) - 128
        middles = []
        for values in (np.clip(-grey - 40, 0, None), np.clip(grey - 40, 0, None)):
            y, x = np.indices(values.shape)
            middles.append(np.array([(values * x).sum(), (values * y).sum()]) / values.sum() + 0.5)
        dark, light = (middle / self.input_size for middle in middles)
        across = light - dark
        # a mirrored face still has its right eye to the left, so whose is darker says nothing
        roll = np.rad2deg(np.arctan2(*across[::-1] * np.sign(across[0])))
        return answer(roll=roll, shift=(dark + light) / 2)


def eyes_picture(roll_deg: float) -> np.ndarray:
    picture = np.full((200, 200, 3), 128, np.uint8)
    angle = np.deg2rad(roll_deg)
    y, x = np.indices((200, 200))
    for sign, value in ((-1, 0), (1, 255)):
        centre = 100 + sign * 30 * np.array([np.cos(angle), np.sin(angle)])
        picture[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 81] = value
    return picture


@pytest.mark.parametrize("roll", [0.0, 5.0, -12.0])
def test_looks_are_about_the_same_place_of_the_picture(roll: float) -> None:
    """Turned, mirrored and turned back, all of them say what one says."""
    network, crop = Seer(), crop_around((104.0, 97.0), 150.0, 0.1)
    one = network.predict(crop.cut(eyes_picture(roll), 160))
    found = mean_look(eyes_picture(roll), crop, network)
    assert network.pictures == 1 + 2 * len(ROLLS_DEG)
    np.testing.assert_allclose(found.pose.shift, one.pose.shift, atol=2e-3)
    np.testing.assert_allclose(found.pose.rotation, one.pose.rotation, atol=0.01)
    away = TOPOLOGY.vertices(found.position_map_crop) - TOPOLOGY.vertices(one.position_map_crop)
    assert np.abs(away).max() < 6e-3


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-40, 40), st.floats(-0.3, 0.3))
def test_the_mirror_of_the_mirror_is_the_answer(yaw: float, pitch: float, roll: float, wink: float) -> None:
    first = answer(yaw, pitch, roll, (0.4, 0.55), wink)
    other = mirrored(first, TOPOLOGY)
    back = mirrored(other, TOPOLOGY)
    for name in ("position_map_crop", "canonical_map"):
        one, two = (TOPOLOGY.vertices(getattr(each, name)) for each in (first, back))
        np.testing.assert_allclose(one, two, atol=1e-5)
    np.testing.assert_allclose(other.pose.yaw_pitch_roll_deg, [-yaw, pitch, -roll], atol=1e-6)
    # its parts still belong together
    np.testing.assert_allclose(TOPOLOGY.vertices(compose(other.canonical_map, other.pose)),
                               TOPOLOGY.vertices(other.position_map_crop), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-40, 40), st.floats(0, 15))
def test_the_mean_of_turns_is_the_turn_between(yaw: float, pitch: float, roll: float, away: float) -> None:
    poses = [HeadPose(rotation_from_angles(yaw, pitch, roll + sign * away), scale, np.array([sign, 2.0]), 0.01)
             for sign, scale in ((-1, 2.0), (1, 8.0))]
    mean = mean_pose(poses)
    np.testing.assert_allclose(mean.rotation, rotation_from_angles(yaw, pitch, roll), atol=1e-9)
    assert mean.scale == pytest.approx(4.0) and mean.shift.tolist() == [0, 2] and mean.inverse_distance == pytest.approx(0.01)


def test_the_mean_of_turned_shapes_keeps_its_size() -> None:
    """Points that are averaged where they are seen would draw together."""
    found = mean_of([answer(yaw=-20.0), answer(yaw=20.0)])
    np.testing.assert_allclose(TOPOLOGY.vertices(found.canonical_map), TOPOLOGY.mean_canonical, atol=1e-5)
    np.testing.assert_allclose(found.pose.yaw_pitch_roll_deg, 0, atol=1e-6)


def test_a_photo_is_looked_at_carefully_unless_asked_not_to(shipped_weights: Path, astronaut: np.ndarray) -> None:
    network = load_network()
    careful, = capture_faces(astronaut)
    once, = capture_faces(astronaut, CaptureOptions(careful=False))
    assert not np.array_equal(careful.vertices_image, once.vertices_image)
    assert np.abs(careful.landmarks_image - once.landmarks_image)[:, :2].mean() < 1.5
    again = capture_crop(astronaut, careful.crop, network, 1, careful=True)
    np.testing.assert_array_equal(again.vertices_image, careful.vertices_image)
    # what holds of every face
    np.testing.assert_allclose(compose(careful.vertices_canonical.astype(float), careful.pose), careful.vertices_image, atol=0.02)
    assert np.isfinite(careful.position_map_image[TOPOLOGY.cells[:, 0], TOPOLOGY.cells[:, 1]]).all()


def test_the_mirrored_photo_gives_the_mirrored_face(shipped_weights: Path, astronaut: np.ndarray) -> None:
    """One look does so only nearly: the mean of both sides is the same for both."""
    width = astronaut.shape[1]
    crop = crop_around((width / 2 - 0.5, 120.0), 160.0)
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    moved = Crop(crop.matrix)
    face, other = (capture_crop(image, moved, load_network(), 1, -1.0, careful=True) for image in (astronaut, flipped))
    expected = face.vertices_image[TOPOLOGY.mirror] * [-1, 1, 1] + [width - 1, 0, 0]
    np.testing.assert_allclose(other.vertices_image, expected, atol=0.3)


def test_a_mesh_without_partners_is_not_mirrored() -> None:
    """PRNet's has vertices that have none."""
    import dataclasses
    alone = dataclasses.replace(TOPOLOGY, mirror=np.arange(len(TOPOLOGY.mirror), dtype=np.int32))
    network = Seer()
    network.topology = alone
    mean_look(eyes_picture(0), crop_around((100.0, 100.0), 150.0), network)
    assert TOPOLOGY.symmetric and not alone.symmetric and network.pictures == len(ROLLS_DEG)
