"""Lids and lips stop where they touch, in what is shipped and in what training asks for."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="training needs the [training] extra")

import keras                                                # noqa: E402

from inference_core.engine import load_network              # noqa: E402
from inference_core.paths import weights_dir                # noqa: E402
from inference_core.topology import load_topology           # noqa: E402
from training import networks                               # noqa: E402
from training.contacts import TOUCH_CM, contacts, with_contacts         # noqa: E402
from training.convert import main as convert                # noqa: E402
from training.labels import TrainingPoints, label_mesh      # noqa: E402
from training.losses import ShapeLoss                       # noqa: E402
from training.openings import openings                      # noqa: E402
from training.shape_basis import load_basis                 # noqa: E402

TOPOLOGY, MESH = load_topology(), label_mesh()
BASIS = load_basis(weights_dir() / "lprnet2_decoder.npz")
TOUCHING = contacts(TOPOLOGY.landmarks(MESH(BASIS.mean)), TOPOLOGY.landmarks(MESH(BASIS.basis)))
KINDS = len(TOUCH_CM)
OPEN = np.array([0.6, 0.7, 0.9])                            # cm


def landmarks_of(code):
    return TOPOLOGY.landmarks(MESH(BASIS.vertices(code)))


def code_with(wanted):
    """A code whose lids and lips stand apart as wanted (K,) cm."""
    return (np.asarray(wanted) - TOUCHING.middle) @ TOUCHING.back


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1, 2), min_size=KINDS, max_size=KINDS), st.integers(0, 2**31))
def test_what_passed_through_each_other_touches_and_what_did_not_stays(wanted, seed):
    noise = np.random.default_rng(seed).normal(0, 1, networks.CODE)
    noise -= noise @ TOUCHING.matrix @ TOUCHING.back
    settled = TOUCHING.settled(code_with(wanted) + noise)
    apart = openings(landmarks_of(settled))[:KINDS]
    np.testing.assert_allclose(apart, np.maximum(wanted, TOUCHING.floor), atol=1e-4)
    np.testing.assert_allclose(TOUCHING.settled(settled), settled, atol=1e-6)
    if (np.array(wanted) >= TOUCHING.floor).all():
        np.testing.assert_allclose(settled, code_with(wanted) + noise, atol=1e-6)


def test_an_eye_that_is_shut_by_contact_leaves_the_other_eye_and_the_mouth_where_they_are():
    passed = code_with([-0.2, *OPEN[1:]])
    moved = np.linalg.norm(MESH(BASIS.vertices(TOUCHING.settled(passed)) - BASIS.vertices(passed)), axis=1)
    regions = TOPOLOGY.regions
    assert moved[regions["right_lids"]].mean() > 0.05
    assert max(moved[regions[name]].mean() for name in ("left_lids", "lips", "nose")) < 0.016


def test_a_network_with_contacts_answers_what_it_would_settled():
    model = networks.build("lprnet2", 64)
    model.get_layer("code").set_weights([np.random.default_rng(0).normal(0, 1e-3, (640, networks.CODE)), code_with([-0.3, 0.5, -0.1])])
    image = np.random.default_rng(1).random((2, 64, 64, 3), dtype=np.float32)
    before = {name: np.array(value) for name, value in model(image, training=False).items()}
    after = {name: np.array(value) for name, value in with_contacts(model, TOUCHING)(image, training=False).items()}
    np.testing.assert_allclose(after["code"], TOUCHING.settled(before["code"]), atol=1e-4)
    assert np.abs(after["code"] - before["code"]).max() > 0.1
    for name in ("pose", "presence"):
        np.testing.assert_array_equal(after[name], before[name])


def test_the_shipped_network_lets_lids_and_lips_of_its_own_decoder_touch():
    shipped = keras.models.load_model(weights_dir() / "lprnet2.keras", compile=False)
    matrix, bias = shipped.get_layer("passed_each_other").get_weights()
    np.testing.assert_allclose(matrix, -TOUCHING.matrix, atol=1e-3)
    np.testing.assert_allclose(bias, TOUCHING.floor - TOUCHING.middle, atol=1e-3)
    np.testing.assert_allclose(shipped.get_layer("pushed_back").get_weights()[0], TOUCHING.back, atol=2e-3)
    grey = np.full((shipped.inputs[0].shape[1],) * 2 + (3,), 128, np.uint8)
    raw = keras.Model(shipped.inputs[0], shipped.get_layer("code").output)(grey[None].astype(np.float32) / 255, training=False)
    assert openings(landmarks_of(np.array(raw)[0]))[2] < -0.05       # else this picture shows nothing
    answer = TOPOLOGY.landmarks(TOPOLOGY.vertices(load_network("lprnet2").predict(grey).canonical_map))
    assert openings(answer)[2] == pytest.approx(0, abs=0.01)


def test_a_converted_run_lets_lids_and_lips_touch(tmp_path):
    run, wanted = tmp_path / "run", [-0.3, 0.5, -0.1]
    run.mkdir()
    model = networks.build("lprnet2", 64)
    model.get_layer("code").set_weights([np.zeros((640, networks.CODE)), code_with(wanted)])
    model.save(run / "averaged.keras")
    (run / "options.json").write_text(json.dumps(dict(network="lprnet2", crop_side=1.35, seed=0, cold=True)))
    (run / "log.jsonl").write_text(json.dumps(dict(minutes=1.0, samples=32)) + "\n")
    weights = tmp_path / "weights"
    assert convert([str(run), "--basis", str(weights_dir() / "lprnet2_decoder.npz"), "-o", str(weights)]) == 0
    written = keras.models.load_model(weights / "lprnet2.keras", compile=False)
    code = np.array(written(np.zeros((1, 64, 64, 3), np.float32), training=False)["code"])[0]
    np.testing.assert_allclose(openings(landmarks_of(code))[:KINDS], np.maximum(wanted, TOUCHING.floor), atol=5e-3)


def loss_of(code, true_code):
    """The terms of shape for one face seen from the front."""
    points = TrainingPoints(np.arange(len(BASIS.mean)), np.arange(len(BASIS.mean)), np.ones(len(BASIS.mean), np.float32),
                            MESH.landmark_matrix(TOPOLOGY).astype(np.float32))
    row = lambda value: np.asarray(value, np.float32)[None]  # noqa: E731
    pose = np.array(networks.POSE_REST)
    outputs = dict(code=row(code), pose=row(pose), presence=row([9.0]))
    place = row([np.exp(pose[6]), *pose[7:]])
    terms = ShapeLoss(BASIS.mean, BASIS.basis, points)(outputs, row(BASIS.vertices(true_code)), row(np.eye(3)), place, np.ones(1, np.float32))
    return float(terms["total"])


@pytest.mark.parametrize("place", range(KINDS), ids=list(TOUCH_CM))
def test_training_lets_shut_be_said_with_all_strength_and_open_never_be_called_shut(place):
    moved = np.eye(KINDS)[place] * 0.4
    shut = np.where(np.eye(KINDS)[place], TOUCHING.floor, OPEN)
    exact = loss_of(code_with(shut), code_with(shut))
    assert loss_of(code_with(shut - moved), code_with(shut)) == pytest.approx(exact, abs=1e-3)
    assert loss_of(code_with(shut + moved), code_with(shut)) > exact + 0.1
    # of an open eye the answer "passed" is farther off than the answer "shut", as its gradient must lead back
    assert loss_of(code_with(shut - moved), code_with(OPEN)) > loss_of(code_with(shut), code_with(OPEN)) + 0.4
