"""A face of known shape and pose, seen as FaceMesh points, is found again."""

from pathlib import Path

import numpy as np
import pytest

from inference_core.pose import HeadPose, compose

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model"
pytestmark = pytest.mark.skipif(not (FACE_MODEL / "face_model.npz").is_file(),
                                reason="needs the face model in ../shared/face_model")
PIXELS_PER_CM = 10.0


@pytest.fixture(scope="module")
def parts():
    from training.face_model import load_face_model
    from training.fitting import FaceFitter, load_anchors
    model = load_face_model(FACE_MODEL / "face_model.npz")
    anchors = load_anchors(FACE_MODEL / "facemesh_correspondence.npz")
    return model, anchors, FaceFitter(model, anchors)


def turned(yaw_deg, pitch_deg, roll_deg):
    y, p, r = np.radians([-yaw_deg, -pitch_deg, -roll_deg])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(about_z) @ about_x @ about_y


def seen(parts, rotation, expression=(), seed=0, noise=0.0):
    """FaceMesh points of a random person with the named expressions, and the truth behind them."""
    model, anchors, _ = parts
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, 0.6, 100)
    weights = np.zeros(len(model.expression_names))
    for name, value in expression:
        weights[model.expression_index(name)] = value
    shape = (model.neutral + np.tensordot(identity, model.identity, 1)
             + np.tensordot(weights, model.expression, 1))
    canonical = anchors.pick(shape) - model.origin
    pose = HeadPose(rotation, PIXELS_PER_CM, np.array([130.0, 120.0]), 1 / 70)
    points = compose(canonical, pose)
    points[:, 2] *= -1                                   # FaceMesh: smaller is nearer
    points[:, :2] += rng.normal(0, noise, (478, 2))
    return points, canonical, pose, weights


def rebuilt(parts, fit):
    model, anchors, _ = parts
    shape = (model.neutral + np.tensordot(fit.identity, model.identity, 1)
             + np.tensordot(fit.expression, model.expression, 1))
    return anchors.pick(shape) - model.origin


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -10, 8), (-35, 12, -15)])
def test_pose_and_shape_of_a_known_face_are_recovered(parts, angles):
    points, canonical, pose, _ = seen(parts, turned(*angles), (("jawOpen", 0.4), ("mouthSmile_L", 0.5)))
    fit = parts[2].fit(points)
    assert fit.error < 0.004
    turn = np.degrees(np.arccos(np.clip((np.trace(fit.pose.rotation @ pose.rotation.T) - 1) / 2, -1, 1)))
    assert turn < 3
    assert abs(fit.pose.scale / pose.scale - 1) < 0.05
    away = rebuilt(parts, fit)[:468] - canonical[:468]
    assert np.sqrt((away**2).sum(1)).mean() < 0.35       # cm; depth is a prior, so millimetres, not microns


def test_model_pose_and_residual_add_up_to_the_points_given(parts):
    points, *_ = seen(parts, turned(15, 5, 0), noise=1.0)
    fit = parts[2].fit(points)
    again = compose(rebuilt(parts, fit), fit.pose)[:, :2] + fit.residual
    np.testing.assert_allclose(again, points[:, :2], atol=0.02)


@pytest.mark.parametrize("name, upper, lower", [("eyeBlink_L", 386, 374), ("eyeBlink_R", 159, 145),
                                               ("jawOpen", 13, 14)])
def test_openings_follow_what_was_seen(parts, name, upper, lower):
    openings = []
    for value in (0.0, 0.8):
        points, canonical, _, _ = seen(parts, turned(5, 0, 0), ((name, value),), noise=0.3)
        found = rebuilt(parts, parts[2].fit(points))
        assert abs((found[upper] - found[lower])[1] - (canonical[upper] - canonical[lower])[1]) < 0.1
        openings.append((found[upper] - found[lower])[1])
    assert abs(openings[1] - openings[0]) > 0.4


def test_weights_keep_their_bounds(parts):
    points, *_ = seen(parts, turned(0, 0, 0), (("jawOpen", 1.0), ("eyeWide_L", 1.0)), noise=3.0)
    fit = parts[2].fit(points)
    assert (fit.expression >= 0).all() and (fit.expression <= 1).all()
    assert (np.abs(fit.identity) <= 3 + 1e-5).all()


@pytest.mark.parametrize("points", [np.zeros((468, 3)), np.full((478, 3), np.nan)])
def test_points_that_are_not_facemesh_are_refused(parts, points):
    with pytest.raises(ValueError, match="478"):
        parts[2].fit(points)


def test_a_missing_correspondence_is_named(tmp_path):
    from training.fitting import load_anchors
    with pytest.raises(ValueError, match="nowhere.npz"):
        load_anchors(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("yaw", [-20.0, 20.0])
def test_the_half_of_the_outline_that_turns_away_is_trusted_less(parts, yaw):
    """There FaceMesh's points follow the silhouette, and slide over the skin."""
    fitter = parts[2]
    outline, rotation = fitter._mean[fitter._oval], turned(yaw, 0, 0)
    side = np.abs(outline[:, 0]) > 2
    nearer = ((outline @ rotation.T)[:, 2] > outline[:, 2])[side]
    trust = fitter._oval_trust(rotation)[side]
    assert nearer.any() and not nearer.all()
    assert trust[nearer].min() > trust[~nearer].max()
