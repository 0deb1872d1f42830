"""Head poses: composing, taking apart, reporting and fitting agree with each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.pose import HeadPose, compose, decompose, fit_pose, rotation_from_angles
from inference_core.topology import load_topology

TOPOLOGY = load_topology()
angle = st.floats(-70, 70)
poses = st.builds(
    lambda yaw, pitch, roll, scale, x, y, k: HeadPose(rotation_from_angles(yaw, pitch, roll), scale, np.array([x, y]), k),
    st.floats(-80, 80), st.floats(-50, 50), st.floats(-170, 170), st.floats(0.02, 60), st.floats(-500, 500),
    st.floats(-500, 500), st.floats(0, 0.025))


@settings(max_examples=40, deadline=None)
@given(poses)
def test_taking_apart_undoes_composing(pose):
    points = TOPOLOGY.mean_canonical.astype(np.float64)
    np.testing.assert_allclose(decompose(compose(points, pose), pose), points, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(poses)
def test_a_pose_is_found_again_from_the_points_it_makes(pose):
    found = fit_pose(compose(TOPOLOGY.mean_canonical.astype(np.float64), pose), TOPOLOGY)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=2e-4)
    assert found.scale == pytest.approx(pose.scale, rel=2e-4)
    assert found.inverse_distance == pytest.approx(pose.inverse_distance, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(angle, angle, st.floats(-170, 170))
def test_angles_survive_the_rotation(yaw, pitch, roll):
    pose = HeadPose(rotation_from_angles(yaw, pitch, roll), 1.0, np.zeros(2))
    np.testing.assert_allclose(pose.yaw_pitch_roll_deg, (yaw, pitch, roll), atol=1e-6)


def nose_tip(yaw=0.0, pitch=0.0, roll=0.0):
    pose = HeadPose(rotation_from_angles(yaw, pitch, roll), 1.0, np.zeros(2))
    return TOPOLOGY.landmarks(compose(TOPOLOGY.mean_canonical, pose))


def test_the_signs_of_the_angles_are_those_of_the_documentation():
    straight = nose_tip()
    assert nose_tip(yaw=20)[30, 0] < straight[30, 0]            # positive yaw: nose towards the left edge
    assert nose_tip(pitch=20)[30, 1] < straight[30, 1]          # positive pitch: nose goes up, y down in the picture
    turned = nose_tip(roll=20)                                   # clockwise: the eye line falls to the right
    assert turned[45, 1] - turned[36, 1] > 1


def test_the_fit_ignores_the_jaw_and_forgives_noise():
    rng = np.random.default_rng(0)
    pose = HeadPose(rotation_from_angles(25, -10, 8), 9.0, np.array([300.0, 200.0]), 0.012)
    points = compose(TOPOLOGY.mean_canonical.astype(np.float64), pose)
    points[TOPOLOGY.regions["jaw"] & ~TOPOLOGY.regions["rigid"]] += 40
    points += rng.normal(0, 0.5, points.shape)
    found = fit_pose(points, TOPOLOGY)
    np.testing.assert_allclose(found.yaw_pitch_roll_deg, pose.yaw_pitch_roll_deg, atol=0.5)
    assert found.scale == pytest.approx(9.0, rel=0.01)
