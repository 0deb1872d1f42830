"""A network that shrinks openings is stretched by what it shrank, and in nothing else."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs the [training] extra")

from training.openings import OPENINGS, openings       # noqa: E402
from training.stretch import KEPT, MOST, factors, stretch    # noqa: E402


def test_openings_grow_with_lids_lips_and_mouth_corners():
    closed = np.zeros((68, 3))
    for place, (name, (pairs, axis, sign)) in enumerate(OPENINGS.items()):
        opened = closed.copy()
        for first, second in pairs:
            opened[first, axis] += 0.3 * sign
            opened[second, axis] -= 0.2 * sign
        grown = openings(opened) - openings(closed)
        assert grown[place] == pytest.approx(0.5), name
        assert np.abs(np.delete(grown, place)).max() < 1e-12, name


def test_the_factor_is_what_was_shrunk_within_its_bounds():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1, (4000, 4))
    by = factors(true, true * [0.9, 0.8, 1.2, 0.2])
    lids = (1 / 0.9 + 1 / 0.8) / 2
    np.testing.assert_allclose(by, [lids, lids, 1, 1 + KEPT["mouth width"] * (MOST - 1)], rtol=1e-6)


def test_a_stretched_layer_gives_stretched_openings_and_leaves_the_rest():
    rng = np.random.default_rng(1)
    kernel, bias, matrix = rng.normal(0, 1, (6, 9)), rng.normal(0, 1, 9), rng.normal(0, 1, (9, 4))
    x, by = rng.normal(0, 1, (50, 6)), np.array([1.2, 1.2, 1.05, 1.3])
    before = x @ kernel + bias
    middle = (before @ matrix).mean(0)
    new_kernel, new_bias = stretch(kernel, bias, matrix, middle, by)
    after = x @ new_kernel + new_bias
    np.testing.assert_allclose(after @ matrix, middle + by * (before @ matrix - middle), atol=1e-9)
    moved = after - before
    null = np.eye(9) - np.linalg.pinv(matrix.T) @ matrix.T      # what changes no opening stays
    np.testing.assert_allclose(moved @ null, 0, atol=1e-9)
