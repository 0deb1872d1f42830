"""Augmentation moves picture and label together, and never moves the label otherwise."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.pose import HeadPose, compose
from training.augment import CROP_SIDE, Placement, damage, draw_nonface, draw_placement
from training.sample import SAMPLE_SIZE


def some_pose(rng):
    rotation, _ = cv2.Rodrigues(rng.normal(0, 0.4, 3))
    return HeadPose(rotation, rng.uniform(4, 9), rng.uniform(80, 120, 2), rng.uniform(0, 0.02))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_placement_moves_the_pose_exactly_as_it_moves_the_picture(seed):
    rng = np.random.default_rng(seed)
    canonical, pose = rng.normal(0, 4, (50, 3)), some_pose(rng)
    image_points = compose(canonical, pose)
    place = draw_placement(rng, rng.uniform(60, 150, (68, 2)), SAMPLE_SIZE)
    seen = image_points[:, :2].copy()
    shape = canonical
    if place.mirror:
        seen[:, 0] = SAMPLE_SIZE - 1 - seen[:, 0]
        shape = canonical * [-1, 1, 1]
    rotation, scale, shift, inverse = place.pose(pose.rotation, pose.scale, pose.shift, pose.inverse_distance, SAMPLE_SIZE)
    moved = compose(shape, HeadPose(rotation, scale, shift, inverse))
    np.testing.assert_allclose(moved[:, :2], place.points(seen), atol=1e-9)
    np.testing.assert_allclose(moved[:, 2], image_points[:, 2] * place.scale, atol=1e-9)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_cut_picture_shows_a_point_where_the_placement_puts_it(mirror):
    image = np.zeros((SAMPLE_SIZE, SAMPLE_SIZE, 3), np.uint8)
    cv2.circle(image, (120, 90), 3, (255, 255, 255), -1)
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    place = Placement(1 / 150, turn, np.array([0.05, -0.1]), mirror)
    crop = place.cut(image, 160)[..., 0].astype(float)
    rows, columns = np.mgrid[:160, :160]
    found = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    point = np.array([SAMPLE_SIZE - 1 - 120 if mirror else 120, 90.0])
    np.testing.assert_allclose((found + 0.5) / 160, place.points(point), atol=0.3 / 160)


def test_a_steady_placement_puts_the_landmarks_where_tracking_would():
    rng = np.random.default_rng(3)
    landmarks = rng.uniform(50, 160, (68, 2))
    points = draw_placement(rng, landmarks, SAMPLE_SIZE, steady=True).points(landmarks)
    assert np.ptp(points, axis=0).max() == pytest.approx(1 / CROP_SIDE)
    assert points.max(0)[0] + points.min(0)[0] == pytest.approx(1)


def test_damage_and_nonfaces_keep_size_and_type():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SAMPLE_SIZE, SAMPLE_SIZE, 3)).astype(np.uint8)
    for _ in range(200):
        crop = damage(rng, image[:128, :128], image[:80, :80])
        assert crop.shape == (128, 128, 3) and crop.dtype == np.uint8
        negative = draw_nonface(rng, image, rng.uniform(60, 150, (68, 2)), 128)
        assert negative.shape == (128, 128, 3) and negative.dtype == np.uint8
