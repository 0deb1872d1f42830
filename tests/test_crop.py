"""Crops: there and back without loss, placed where the networks expect the face."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.crop import crop_around, crop_from_box, crop_from_landmarks, restore
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.topology import load_topology

TOPOLOGY = load_topology()
crops = st.builds(lambda x, y, side, angle: crop_around((x, y), side, angle),
                  st.floats(-2000, 9000), st.floats(-2000, 9000), st.floats(1, 9000), st.floats(-3.1, 3.1))


def face(roll=0.0, yaw=0.0):
    pose = HeadPose(rotation_from_angles(yaw, 0, roll), 12.0, np.array([320.0, 240.0]), 0.014)
    return TOPOLOGY.landmarks(compose(TOPOLOGY.mean_canonical, pose))


@settings(max_examples=80, deadline=None)
@given(crops, st.integers(0, 1000))
def test_points_return_from_the_crop_to_where_they_were(crop, seed):
    points = np.random.default_rng(seed).uniform(-3000, 9000, (30, 3))
    np.testing.assert_allclose(crop.to_image(crop.to_crop(points)), points, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(crops)
def test_a_restored_map_keeps_depth_in_the_same_unit_as_width(crop):
    position_map = np.random.default_rng(0).uniform(0, 1, (4, 4, 3))
    image = restore(position_map, crop)
    for a, b in (((0, 0), (3, 1)), ((2, 2), (1, 3))):
        crop_d, image_d = position_map[a] - position_map[b], image[a] - image[b]
        assert np.linalg.norm(image_d) * crop.scale == pytest.approx(np.linalg.norm(crop_d), rel=1e-6)


@pytest.mark.parametrize("size", [96, 128, 160])
@pytest.mark.parametrize("side", [60, 128, 700, 3000])
def test_a_dot_of_the_picture_lies_in_the_cut_where_the_transform_says(size, side):
    image = np.zeros((3500, 3500, 3), np.uint8)
    cv2.circle(image, (1210, 990), max(side // 30, 2), (255, 255, 255), -1)
    crop = crop_around((1200, 1000), side, 0.3)
    cut = crop.cut(image, size)[..., 0].astype(float)
    rows, columns = np.mgrid[:size, :size]
    found = (np.array([(cut * columns).sum(), (cut * rows).sum()]) / cut.sum() + 0.5) / size
    np.testing.assert_allclose(found, crop.to_crop(np.array([1210.0, 990.0])), atol=0.35 / size)


def test_a_big_picture_is_averaged_not_sampled():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2048, 2048, 3)).astype(np.uint8)
    assert crop_around((1024, 1024), 2000).cut(noise, 128).std() < 12


def test_a_cut_beyond_the_border_repeats_it():
    image = np.full((50, 50, 3), 77, np.uint8)
    assert (crop_around((0, 0), 400).cut(image, 64) == 77).all()


@settings(max_examples=60, deadline=None)
@given(crops, st.sampled_from([(40, 30), (1, 1), (300, 500), (7, 900)]))
def test_a_cut_is_what_warping_the_whole_picture_gives(crop, shape):
    """Only the part that is needed is looked at; nobody may notice."""
    image = cv2.resize(np.random.default_rng(1).integers(0, 256, (12, 12, 3)).astype(np.uint8), shape[::-1])
    got = crop.cut(image, 32)
    assert got.shape == (32, 32, 3)
    if crop.scale * 32 >= 0.5:
        matrix = (np.array([[32, 0, -0.5], [0, 32, -0.5], [0, 0, 1]]) @ crop.matrix)[:2]
        whole = cv2.warpAffine(image, matrix, (32, 32), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        assert np.abs(got.astype(int) - whole).max() <= 6


def test_a_face_at_the_end_of_a_very_wide_picture_is_cut():
    image = np.zeros((60, 40_000, 3), np.uint8)
    image[20:40, 39_000:39_020] = 255
    assert crop_around((39_009.5, 29.5), 40).cut(image, 32).mean() == pytest.approx(255 / 4, rel=0.1)
    assert crop_around((20_000, 30), 60_000).cut(image, 32).shape == (32, 32, 3)


@given(crops, st.floats(0.3, 3))
def test_a_scaled_crop_keeps_its_middle_and_turn(crop, times):
    scaled = crop.scaled(times)
    np.testing.assert_allclose(scaled.to_image(np.array([0.5, 0.5])), crop.to_image(np.array([0.5, 0.5])), atol=1e-6)
    assert scaled.scale * times == pytest.approx(crop.scale) and scaled.angle_rad == pytest.approx(crop.angle_rad)


def test_the_landmark_crop_frames_the_face_as_in_training():
    points = crop_from_landmarks(face(), upright=False).to_crop(face())
    assert np.ptp(points[:, :2], axis=0).max() == pytest.approx(1 / 1.5)
    assert (points[:, 0].min() + points[:, 0].max()) / 2 == pytest.approx(0.5)
    assert (points[:, 1].min() + points[:, 1].max()) / 2 == pytest.approx(0.5 + 0.08 * np.ptp(points[:, 1]))


@pytest.mark.parametrize("roll", [-120, -40, 15, 90])
def test_an_upright_crop_turns_a_tilted_head_level(roll):
    tilted = face(roll)
    points = crop_from_landmarks(tilted, upright=True).to_crop(tilted)
    straight = crop_from_landmarks(face(), upright=True).to_crop(face())
    np.testing.assert_allclose(points, straight, atol=1e-6)


def test_a_box_crop_is_square_and_raised():
    crop = crop_from_box((100, 50, 200, 250), scale=1.2, up=0.1)
    assert 1 / crop.scale == pytest.approx(240)
    np.testing.assert_allclose(crop.to_image(np.array([0.5, 0.5])), (150, 130))
