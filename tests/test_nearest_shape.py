"""The nearest shape that a network could say: what its decoder makes is found again, other shapes as near as they come."""

import numpy as np

from inference_core.engine import load_network
from inference_core.pose import rotation_from_angles
from training.nearest_shape import SayableShapes


def test_a_shape_of_the_decoder_is_found_whatever_its_size_and_turn():
    network = load_network()
    topology = network.topology
    sayable = SayableShapes(network.decoder, topology)
    code = np.random.default_rng(0).normal(0, 0.7, len(sayable.basis)).astype(np.float32)
    said = topology.vertices(network.decoder(code)).astype(np.float64)
    np.testing.assert_allclose(sayable.mean + np.tensordot(code, sayable.basis, 1), said, atol=1e-3)
    moved = 1.2 * said @ rotation_from_angles(20, 5, -8).T + [1, 2, 3]
    known = np.arange(len(said)) % 3 > 0
    from inference_core.rigid import fit_rigid
    found = sayable.nearest(moved, known)
    fit = fit_rigid(found, moved)
    away = np.linalg.norm(fit.scale * found @ fit.turn.T + fit.move - moved, axis=1)
    assert away.mean() < 0.02 and away[~known].mean() < 0.02


def test_a_wrinkle_that_no_code_has_stays_over():
    network = load_network()
    sayable = SayableShapes(network.decoder, network.topology)
    known = np.ones(len(sayable.mean), bool)
    rough = sayable.mean + np.random.default_rng(1).normal(0, 0.1, sayable.mean.shape)
    away = np.linalg.norm(sayable.nearest(rough, known) - rough, axis=1).mean()
    assert 0.1 < away < 0.2
