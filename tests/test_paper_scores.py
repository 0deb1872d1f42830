"""The measures of PRNet's paper, against cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.pose import rotation_from_angles
from training.paper_scores import alignment_errors, by_bands, icp, reconstruction_error


def box(width: float, height: float) -> np.ndarray:
    """(1, 68, 3): landmarks whose box is width x height."""
    points = np.zeros((1, 68, 3))
    points[0, :4, :2] = [[0, 0], [width, 0], [0, height], [width, height]]
    points[0, 4:, :2] = [width / 2, height / 2]
    return points


def test_an_error_of_one_pixel_is_one_over_the_root_of_width_times_height() -> None:
    true = box(16, 4)                       # sqrt(64) = 8
    assert alignment_errors(true[..., :2] + [1, 0], true[..., :2]) == pytest.approx([100 / 8])
    moved = true.copy()
    moved[0, :34, 0] += 1                   # half of the points
    assert alignment_errors(moved, true) == pytest.approx([50 / 8])


def test_in_three_dimensions_the_mean_depth_is_free_and_the_rest_counts() -> None:
    true = box(16, 4)
    assert alignment_errors(true + [0, 0, 500], true) == pytest.approx([0])
    assert alignment_errors(true + [3, 4, 500], true) == pytest.approx([500 / 8])
    deep = true.copy()
    deep[0, ::2, 2] += 6                    # half of the points 6 nearer: 3 off from their mean each
    assert alignment_errors(deep, true) == pytest.approx([300 / 8])
    # the mean z is each face's own
    two = np.concatenate([true + [0, 0, 5], true - [0, 0, 5]])
    assert alignment_errors(two, np.concatenate([true, true])) == pytest.approx([0, 0])


def test_dense_points_are_measured_by_the_box_of_the_landmarks() -> None:
    dense = np.random.default_rng(0).uniform(-50, 50, (2, 500, 3))
    marks = np.concatenate([box(16, 4), box(10, 10)])
    assert alignment_errors(dense + [0, 2, 9], dense, marks) == pytest.approx([200 / 8, 200 / 10])


def test_points_that_do_not_correspond_are_refused() -> None:
    with pytest.raises(ValueError, match="do not correspond"):
        alignment_errors(np.zeros((1, 68, 2)), np.zeros((1, 68, 3)))


def test_each_band_counts_alike_however_many_faces_it_has() -> None:
    errors, yaw = np.array([1.0, 1, 1, 3, 2, 6]), np.array([0.0, -29.9, 12, 29, -30, 89])
    assert by_bands(errors, yaw) == {"0-30": 1.5, "30-60": 2.0, "60-90": 6.0, "mean": pytest.approx(9.5 / 3)}
    assert by_bands(errors[:5], yaw[:5]) == {"0-30": 1.5, "30-60": 2.0, "60-90": None, "mean": None}


def head(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A cloud (3000, 3) of a bent, lopsided surface, and its landmarks with outer eye corners 10 apart."""
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, 3000))
    cloud = np.stack([8 * u, 10 * v, 5 - 3 * u**2 - 2 * v**2 + 2 * np.exp(-8 * (u**2 + (v - 0.2)**2)) + 0.7 * u * v], 1)
    marks = np.zeros((68, 3))
    marks[36], marks[45] = [-5, 0, 0], [5, 0, 0]
    return cloud, marks


@settings(max_examples=15, deadline=None)
@given(st.floats(-12, 12), st.floats(-12, 12), st.floats(-12, 12), st.floats(0.2, 5), st.integers(0, 9))
def test_where_and_how_large_a_reconstruction_is_does_not_matter(yaw, pitch, roll, scale, seed) -> None:
    cloud, marks = head(seed)
    moved = scale * cloud @ rotation_from_angles(yaw, pitch, roll).T + [40, -30, 200]
    assert reconstruction_error(moved, cloud, marks) < 0.02
    assert np.abs(icp(moved, cloud) - cloud).max() < 0.02


def test_a_reconstruction_that_stands_off_by_a_tenth_of_the_eyes_is_off_by_ten_per_cent() -> None:
    # a plane of cells 4 wide; the reconstruction lies 1 before it and behind it in turn, and no turn or size mends that
    x, y = np.meshgrid(np.arange(40.0), np.arange(40.0))
    plane = np.stack([4 * x, 4 * y, 0 * x], 2).reshape(-1, 3)
    rough = plane + np.where((x + y) % 2, 1, -1).reshape(-1, 1) * [0, 0, 1]
    _, marks = head()
    assert reconstruction_error(rough, plane, marks) == pytest.approx(10, rel=0.01)
    assert reconstruction_error(rough, plane, 2 * marks) == pytest.approx(5, rel=0.01)


def test_a_dent_is_measured_and_not_fitted_away() -> None:
    cloud, marks = head()
    dented = cloud.copy()
    rows = cloud[:, 0] > 4                          # a quarter of the points
    dented[rows, 2] += 1.0
    error = reconstruction_error(dented, cloud, marks)
    assert 0.5 < error < 100 * rows.mean() * 1.0 / 10      # less than unaligned: 2.5 % at most
