"""Build weights/topology.npz: the grid topology that every position map of ours shares.

    python -m training.build_topology FACE_MODEL --layout LAYOUT.npz --facemesh CORRESPONDENCE.npz -o weights/topology.npz

FACE_MODEL is the packed model or ICT-FaceKit's FaceXModel folder. Without --layout the unwrap is computed anew
(`training.layout`). Beside the fields of `inference_core.topology.Topology` the file keeps `source_vertices` and
`source_weights` (N, 3): which vertices of the face model each mesh vertex interpolates; training needs them.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from inference_core.errors import LPRNetError
from inference_core.files import written_beside
from training.face_model import NARROW_VERTICES, FaceModel, load_face_model
from training.grid import Grid, build_grid, locate
from training.landmark_places import landmarks_on_unwrap
from training.layout import build_layout

SIZE = 128
LID_REACH_CM, LIP_REACH_CM = 0.55, 0.75            # skin this near to an opening belongs to the lids, the lips
BROW_REACH_CM, JAW_REACH_CM = 0.8, 1.6
NOSE_LANDMARKS, JAW_LANDMARKS, BROW_LANDMARKS = range(27, 36), range(0, 17), range(17, 27)
NOSE_REACH_CM = 1.3
LAYOUT_SHAPES = dict(uv=(NARROW_VERTICES, 2), tri=(None, 3), eyes=(2, None), mouth=(None,))


def build_topology(model: FaceModel, layout: dict, facemesh_uv: np.ndarray | None) -> dict[str, np.ndarray]:
    """All arrays of topology.npz. layout: uv, tri, eyes, mouth, as training.layout gives them."""
    uv, triangles = layout["uv"], layout["tri"]
    grid = build_grid(SIZE, uv, triangles, [uv[loop] for loop in (*layout["eyes"], layout["mouth"])])
    vertices_uv = grid.positions[grid.valid]
    where, weights = locate(vertices_uv, uv, triangles, nearest=True)
    source = triangles[where]
    # averaging mirrored partners keeps the mean face exactly symmetric where a point lies on an edge
    interpolate = lambda points: (points[source] * weights[..., None]).sum(1)  # noqa: E731
    mean = interpolate(model.neutral[:NARROW_VERTICES].astype(np.float64) - model.origin)
    mirror = _mirror(grid)
    mean = (mean + mean[mirror] * [-1, 1, 1]) / 2
    faces = grid.faces()
    split = np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])
    landmark_vertices, landmark_weights = _anchors(landmarks_on_unwrap(model.mirror, uv), vertices_uv, split)
    if facemesh_uv is None:
        facemesh_uv = np.full((478, 2), np.nan)
    facemesh_vertices, facemesh_weights = _anchors(facemesh_uv, vertices_uv, split)
    arrays = dict(
        name=np.array("ict-128"), size=np.array(SIZE), cells=grid.cells, faces=faces,
        uvs=vertices_uv.astype(np.float32), mirror=mirror.astype(np.int32),
        landmark_vertices=landmark_vertices, landmark_weights=landmark_weights,
        facemesh_vertices=facemesh_vertices, facemesh_weights=facemesh_weights,
        mean_canonical=mean.astype(np.float32),
        source_vertices=source.astype(np.int32), source_weights=weights.astype(np.float32))
    landmarks = (mean[landmark_vertices] * landmark_weights[..., None]).sum(1)
    for name, mask in _regions(model, layout, mean, landmarks, source, weights).items():
        arrays["region_" + name] = mask | mask[mirror] if "_" not in name else mask
    return arrays


def _mirror(grid: Grid) -> np.ndarray:
    index = np.full(grid.valid.shape, -1)
    index[grid.valid] = np.arange(grid.valid.sum())
    return index[:, ::-1][grid.valid]


def _anchors(points_uv, vertices_uv, triangles):
    """Four vertex indices and weights per point (the fourth weight is 0); NaN points get weight 0 throughout."""
    known = ~np.isnan(points_uv).any(1)
    vertices = np.zeros((len(points_uv), 4), np.int32)
    out = np.zeros((len(points_uv), 4), np.float32)
    where, weights = locate(points_uv[known], vertices_uv.astype(np.float64), triangles, nearest=True)
    if (where < 0).any():
        raise ValueError("a landmark lies further than 0.02 of the square from every face of the grid")
    vertices[known, :3] = triangles[where]
    out[known, :3] = weights
    return vertices, out


def _regions(model, layout, mean, landmarks, source, weights) -> dict[str, np.ndarray]:
    neutral = model.neutral[:NARROW_VERTICES] - model.origin
    near = lambda points, reach: cKDTree(points).query(mean)[0] < reach  # noqa: E731
    right, left = sorted((neutral[loop] for loop in layout["eyes"]), key=lambda p: p[:, 0].mean())
    path = lambda chosen: _dense_path(landmarks[list(chosen)])  # noqa: E731
    brows = near(np.concatenate([path(range(17, 22)), path(range(22, 27))]), BROW_REACH_CM)
    rigid = (model.rigid[source] * weights).sum(1) > 0.5
    return dict(rigid=rigid, right_lids=near(right, LID_REACH_CM), left_lids=near(left, LID_REACH_CM),
                lips=near(neutral[layout["mouth"]], LIP_REACH_CM), brows=brows,
                jaw=near(path(JAW_LANDMARKS), JAW_REACH_CM),
                nose=near(landmarks[list(NOSE_LANDMARKS)], NOSE_REACH_CM))


def _dense_path(points, step=0.1):
    parts = [a + np.linspace(0, 1, max(int(np.linalg.norm(b - a) / step), 2))[:, None] * (b - a)
             for a, b in zip(points[:-1], points[1:])]
    return np.concatenate(parts)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("face_model", type=Path)
    parser.add_argument("--layout", type=Path, help="unwrap made by training.layout; computed when left out")
    parser.add_argument("--facemesh", type=Path, help="FaceMesh correspondence: adds the 478 FaceMesh points")
    parser.add_argument("-o", "--output", type=Path, default=Path("weights/topology.npz"))
    options = parser.parse_args(arguments)
    if options.output.suffix != ".npz":
        parser.error(f"--output {options.output}: give a name that ends in .npz")
    try:
        with written_beside(options.output) as beside:          # first: a bad folder is told before the work
            model = load_face_model(options.face_model)
            layout = _read(options.layout, LAYOUT_SHAPES) if options.layout else build_layout(model)
            arrays = build_topology(model, layout, _facemesh_uv(options.facemesh, layout))
            np.savez_compressed(beside, **arrays)
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.output}: {len(arrays['cells'])} vertices, {len(arrays['faces'])} faces")
    return 0


def _read(path: Path, shapes: dict[str, tuple[int | None, ...]]) -> dict[str, np.ndarray]:
    """Arrays of an .npz; None stands for any length. Raises ValueError naming the file and what is amiss."""
    try:
        with np.load(path, allow_pickle=False) as z:
            arrays = {key: z[key] for key in shapes}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read ({error}); give an .npz with {', '.join(shapes)}") from error
    for key, shape in shapes.items():
        found = arrays[key].shape
        if len(found) != len(shape) or any(want not in (None, got) for want, got in zip(shape, found)):
            raise ValueError(f"{path}: {key} has shape {found}; give an .npz made for this face model")
    return arrays


def _facemesh_uv(path, layout):
    if path is None:
        return None
    vertex, weight = _read(path, dict(vertex=(478, 3), weight=(478, 3))).values()
    known = (vertex < NARROW_VERTICES).all(1)
    uv = np.full((len(vertex), 2), np.nan)
    uv[known] = (layout["uv"][vertex[known]] * weight[known][..., None]).sum(1)
    return uv


if __name__ == "__main__":
    sys.exit(main())
