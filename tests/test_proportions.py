"""Proportions put on heads for training: smooth, alike on both sides, and lids and lips stay what they are."""

import numpy as np
import pytest

from inference_core.topology import load_topology
from training.proportions import CHILD, Proportions, draw_strengths, proportion_moves

TOPOLOGY = load_topology()
MEAN = TOPOLOGY.mean_canonical


@pytest.fixture(scope="module")
def moves():
    return proportion_moves(MEAN)


def child(moves, young=1.0):
    return MEAN + sum(young * CHILD.get(name, 0.0) * move for name, move in moves.items())


def test_both_sides_of_a_face_move_alike(moves):
    for name, move in moves.items():
        np.testing.assert_allclose(move[TOPOLOGY.mirror], move * [-1, 1, 1], atol=2e-3, err_msg=name)


def test_no_move_folds_the_face_even_at_its_strongest(moves):
    def normals(points):
        a, b, c = points[TOPOLOGY.triangles].transpose(1, 0, 2)
        return np.cross(b - a, c - a)
    before = normals(MEAN)
    for name, move in moves.items():
        for strength in (-2, 2):
            turned = (np.einsum("tk,tk->t", normals(MEAN + strength * move), before) < 0).mean()
            assert turned < 0.002, (name, strength, turned)


def test_a_child_has_a_short_lower_face_large_eyes_and_a_flat_nose(moves):
    young, old = TOPOLOGY.landmarks(child(moves)), TOPOLOGY.landmarks(MEAN)
    height = lambda p: p[27, 1] - p[8, 1]  # noqa: E731
    lower = lambda p: p[33, 1] - p[8, 1]  # noqa: E731
    span = lambda p: np.linalg.norm(p[36] - p[45])  # noqa: E731
    eye = lambda p: np.linalg.norm(p[36] - p[39])  # noqa: E731
    nose = lambda p: p[30, 2] - p[[36, 45], 2].mean()  # noqa: E731
    assert lower(young) / span(young) < 0.92 * lower(old) / span(old)
    assert eye(young) / height(young) > 1.1 * eye(old) / height(old)
    assert nose(young) / span(young) < 0.95 * nose(old) / span(old)


def test_lips_that_touch_still_touch(moves):
    old = TOPOLOGY.landmarks(MEAN)[[61, 62, 63]] - TOPOLOGY.landmarks(MEAN)[[67, 66, 65]]
    for name, move in moves.items():
        new = TOPOLOGY.landmarks(MEAN + 2 * move)
        np.testing.assert_allclose(new[[61, 62, 63]] - new[[67, 66, 65]], old, atol=0.06, err_msg=name)


def test_lids_part_no_further_on_larger_eyes(moves):
    def gaps(points):
        marks = TOPOLOGY.landmarks(points)
        return marks[[37, 38, 43, 44], 1] - marks[[41, 40, 47, 46], 1]
    for name, move in moves.items():
        np.testing.assert_allclose(gaps(MEAN + 2 * move), gaps(MEAN), atol=0.06, err_msg=name)


def test_some_heads_stay_as_they_are_and_the_same_seed_gives_the_same(moves):
    names = list(moves)
    drawn = np.stack([draw_strengths(np.random.default_rng([3, n]), names) for n in range(400)])
    assert 0.4 < (drawn == 0).all(1).mean() < 0.6 and np.abs(drawn).max() < 3
    mesh = Proportions(MEAN)
    rngs = lambda: [np.random.default_rng([3, n]) for n in range(3)]  # noqa: E731
    np.testing.assert_array_equal(mesh(rngs()), mesh(rngs()))
