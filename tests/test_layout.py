"""The unwrap: nothing flipped, left and right alike, lids and lips open; and the steps that it is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.topology import load_topology
from training.flattening import embed, relax, rest_frames, signed_areas
from training.landmark_places import LEFT_OF, RIGHT_AND_MIDDLE, landmark_places, landmarks_on_unwrap
from training.quad_mesh import boundary_loops, peel, split_quads, steps_from

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model"
needs_model = pytest.mark.skipif(not (FACE_MODEL / "face_model.npz").is_file(),
                                 reason="needs the face model in ../shared/face_model")
UPPER_AND_LOWER_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
UPPER_AND_LOWER_LIPS = ((61, 67), (62, 66), (63, 65))
SIDE = 7


def grid_quads(side, hole=()):
    """Counter-clockwise quads over side x side vertices at (column, row), without those in `hole`."""
    quads = [(r * side + c, r * side + c + 1, (r + 1) * side + c + 1, (r + 1) * side + c)
             for r in range(side - 1) for c in range(side - 1) if (r, c) not in hole]
    return np.array(quads)


def grid_points(side):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) / (side - 1)


def on_border(points):
    return (points == 0) | (points == 1)


def distortion(triangles, rest, plane):
    edges = np.stack([plane[triangles[:, k]] - plane[triangles[:, 0]] for k in (1, 2)], -1)
    jacobian = edges @ np.linalg.inv(rest)
    areas = np.linalg.det(rest) / 2
    return (areas * ((jacobian**2).sum((1, 2)) + (np.linalg.inv(jacobian)**2).sum((1, 2)))).sum()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5), min_size=SIDE**2, max_size=SIDE**2))
def test_any_bumpy_patch_is_flattened_without_a_flip_and_relaxing_lowers_its_distortion(heights):
    flat = grid_points(SIDE)
    points = np.c_[flat, heights]
    triangles = split_quads(grid_quads(SIDE), points, boundary_loops(grid_quads(SIDE))[0])
    rim = np.flatnonzero(on_border(flat).any(1))
    start = embed(triangles, rim, flat[rim])
    assert (signed_areas(triangles, start) > 0).all()
    rest = rest_frames(points, triangles)
    relaxed = relax(triangles, rest, start, on_border(flat), rounds=6)
    assert (signed_areas(triangles, relaxed) > 0).all()
    assert distortion(triangles, rest, relaxed) <= distortion(triangles, rest, start)
    np.testing.assert_array_equal(relaxed[on_border(flat)], start[on_border(flat)])


def test_a_flat_patch_pulled_about_goes_back_to_its_own_shape():
    flat = grid_points(SIDE)
    triangles = split_quads(grid_quads(SIDE), np.c_[flat, 0 * flat[:, 0]], boundary_loops(grid_quads(SIDE))[0])
    pulled = flat + 0.12 * np.sin(np.pi * flat) * np.sin(np.pi * flat[:, ::-1]) * [1, -1]
    pulled[on_border(flat)] = flat[on_border(flat)]
    assert np.abs(pulled - flat).max() > 0.1
    rest = rest_frames(np.c_[flat, 0 * flat[:, 0]], triangles)
    np.testing.assert_allclose(relax(triangles, rest, pulled, on_border(flat), 30), flat, atol=1e-3)


def test_a_start_with_a_flipped_triangle_is_refused():
    flat = grid_points(SIDE)
    triangles = split_quads(grid_quads(SIDE), np.c_[flat, 0 * flat[:, 0]], boundary_loops(grid_quads(SIDE))[0])
    rest = rest_frames(np.c_[flat, 0 * flat[:, 0]], triangles)
    flat[SIDE + 1] = flat[3 * SIDE + 3]
    with pytest.raises(ValueError, match="flipped"):
        relax(triangles, rest, flat, on_border(flat), 3)


def test_borders_are_found_and_a_hole_grows_by_rings():
    quads = grid_quads(SIDE, hole={(2, 2)})
    loops = sorted(boundary_loops(quads), key=len)
    assert [len(loop) for loop in loops] == [4, 4 * (SIDE - 1)]
    known = {edge for quad in quads.tolist() for edge in zip(quad, quad[1:] + quad[:1])}
    for loop in loops:
        assert set(zip(loop.tolist(), np.roll(loop, -1).tolist())) <= known
    left, hole = peel(quads, loops[0], 1)
    assert len(quads) - len(left) == 8 and len(hole) == 12
    assert not np.isin(left, loops[0]).any()


def test_quads_are_cut_along_the_shorter_diagonal_but_corners_of_the_rim_through_the_corner():
    points = np.c_[grid_points(SIDE), np.zeros(SIDE**2)]
    quads = grid_quads(SIDE)
    middle = quads[len(quads) // 2]
    points[middle[1]] += [-0.03, 0.03, 0]              # the diagonal from this corner is now the shorter
    triangles = split_quads(quads, points, boundary_loops(quads)[0])
    assert len(triangles) == 2 * len(quads) and (signed_areas(triangles, points[:, :2]) > 0).all()
    cut = [set(t) for t in triangles.tolist() if set(t) <= set(middle.tolist())]
    assert len(cut) == 2 and all({middle[1], middle[3]} <= triangle for triangle in cut)
    for corner in (0, SIDE - 1, SIDE * (SIDE - 1), SIDE**2 - 1):
        assert (triangles == corner).sum() == 2


def test_steps_are_counted_along_edges():
    quads = grid_quads(SIDE)
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    expected = np.minimum(abs(row - 2) + abs(column - 3), 5)
    np.testing.assert_array_equal(steps_from([2 * SIDE + 3], quads, SIDE**2, most=5), expected)


def test_every_landmark_has_one_place():
    left = set(LEFT_OF.values())
    assert set(RIGHT_AND_MIDDLE) | left == set(range(68)) and not set(RIGHT_AND_MIDDLE) & left
    _, weights = landmark_places(np.arange(6706))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)
    assert (weights >= 0).all()


@pytest.fixture(scope="module")
def model():
    from training.face_model import load_face_model
    return load_face_model(FACE_MODEL / "face_model.npz")


@pytest.fixture(scope="module")
def layout(model):
    from training.layout import build_layout
    return build_layout(model)


@needs_model
def test_landmarks_keep_the_spacing_of_the_drawn_scheme(model):
    vertices, weights = landmark_places(model.mirror)
    points = ((model.neutral[vertices] - model.origin) * weights[..., None]).sum(1)
    seen = points[:, :2] / (1 - points[:, 2:] / 70)                             # by a camera at 70 cm
    steps = np.linalg.norm(np.diff(seen, axis=0), axis=1)
    assert steps[:8].std() < 0.03 * steps[:8].mean()                            # jaw, ear to chin
    assert steps[17:21].std() < 0.03 * steps[17:21].mean()                      # brow
    np.testing.assert_allclose(points[[58, 61, 67], 0], points[50, 0], atol=0.02)      # the column of a lip's peak
    np.testing.assert_allclose(points[[49, 59], 0], (points[48, 0] + points[50, 0]) / 2, atol=0.02)
    assert points[31, 1] > points[32, 1] > points[33, 1]                        # the wing's foot lies highest


@needs_model
def test_the_face_is_unwrapped_without_a_flip_and_its_rim_is_the_square(layout):
    uv = layout["uv"]
    assert (signed_areas(layout["tri"], uv) < 0).all()                        # v runs down
    assert np.array_equal(np.unique(layout["tri"]), np.flatnonzero(layout["used"]))
    inside = (uv[layout["used"]] >= -1e-9) & (uv[layout["used"]] <= 1 + 1e-9)
    assert inside.all()
    border = np.minimum(uv, 1 - uv).min(1)
    np.testing.assert_allclose(border[layout["rim"]], 0, atol=1e-9)
    assert (np.delete(border, layout["rim"])[np.delete(layout["used"], layout["rim"])] > 0).all()


@needs_model
def test_the_unwrap_is_its_own_mirror_image(layout):
    uv, mirror = layout["uv"], layout["mirror"]
    np.testing.assert_allclose(uv[mirror], uv * [-1, 1] + [1, 0], rtol=0, atol=1e-9)
    left_of = np.arange(68)
    for right, left in LEFT_OF.items():
        left_of[[right, left]] = left, right
    marks = landmarks_on_unwrap(layout["mirror"], layout["uv"])
    np.testing.assert_allclose(marks[left_of], marks * [-1, 1] + [1, 0], rtol=0,
                               atol=1e-9)
    assert (marks[36:42, 0] < 0.5).all()          # image left is the subject's right


@needs_model
def test_lids_and_lips_are_at_least_six_cells_open(layout):
    cells = landmarks_on_unwrap(layout["mirror"], layout["uv"]) * 128
    for upper, lower in (*UPPER_AND_LOWER_LIDS, *UPPER_AND_LOWER_LIPS):
        assert cells[lower, 1] - cells[upper, 1] >= 6


@needs_model
def test_a_topology_rebuilt_from_the_face_model_alone_is_the_shipped_one(model, layout, tmp_path):
    from training.build_topology import build_topology
    np.savez(tmp_path / "rebuilt.npz", **build_topology(model, layout, None))
    rebuilt, shipped = load_topology(tmp_path / "rebuilt.npz"), load_topology()
    for exact in ("cells", "faces", "mirror"):
        np.testing.assert_array_equal(getattr(rebuilt, exact), getattr(shipped, exact))
    np.testing.assert_allclose(rebuilt.uvs, shipped.uvs, atol=1e-3 / 128)
    np.testing.assert_allclose(rebuilt.mean_canonical, shipped.mean_canonical, atol=1e-3)
    landmarks, expected = (t.landmarks(t.mean_canonical) for t in (rebuilt, shipped))
    np.testing.assert_allclose(landmarks, expected, atol=1e-3)
    for name, mask in shipped.regions.items():
        np.testing.assert_array_equal(rebuilt.regions[name], mask, name)


@needs_model
def test_another_mesh_than_the_ict_face_is_refused(model):
    from dataclasses import replace

    from training.layout import build_layout
    faces = model.faces.copy()
    faces[:500] = faces[500:1000]
    with pytest.raises(ValueError, match="borders"):
        build_layout(replace(model, faces=faces))
