"""The grid topology: which cells of a position map are mesh vertices, and what they mean. Read from topology.npz."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from inference_core.errors import TopologyError
from inference_core.paths import weights_dir

TOPOLOGY = "topology.npz"          # its name in a weights folder
MAX_BYTES, MAX_SIZE = 16 << 20, 1024
REGIONS = ("rigid", "left_lids", "right_lids", "lips", "brows", "jaw", "nose")
SYMMETRIC_CM = 0.01
SHAPES = dict(name=(), size=(), cells=("N", 2), faces=("F", 4), uvs=("N", 2), mirror=("N",),
              landmark_vertices=(68, 4), landmark_weights=(68, 4), facemesh_vertices=(478, 4),
              facemesh_weights=(478, 4), mean_canonical=("N", 3), **{f"region_{r}": ("N",) for r in REGIONS})
REBUILD = "fetch the file again or rebuild it with python -m training.build_topology"


@dataclass(frozen=True, eq=False)
class Topology:
    """N mesh vertices, the valid cells of a (size, size) grid in row-major order.

    cells (N, 2) int32 row, column; faces (F, 4) int32, counter-clockwise from outside, -1 ends a triangle; uvs (N, 2)
    float32 u right, v down, unit square; mirror (N,) int32 partner on the other side; regions {name: (N,) bool};
    landmark_* (68, 4) and facemesh_* (478, 4): vertices and weights of the iBUG 68 and the FaceMesh points, rows sum to
    1 (0 where FaceMesh has a point and the mesh none: the irises); mean_canonical (N, 3) float32 cm; sha256 of the
    file, which lay at path.
    """

    name: str
    size: int
    cells: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    mirror: np.ndarray
    regions: dict[str, np.ndarray]
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray
    facemesh_vertices: np.ndarray
    facemesh_weights: np.ndarray
    mean_canonical: np.ndarray
    sha256: str
    path: Path

    def vertices(self, position_map: np.ndarray) -> np.ndarray:
        """(size, size, 3) map -> (N, 3)."""
        return np.take(position_map.reshape(-1, position_map.shape[-1]), self._places, axis=0)

    @cached_property
    def _places(self) -> np.ndarray:
        """(N,) of the cells in a map without rows: gathered so, a third of the time that rows and columns take."""
        return self.cells[:, 0].astype(np.intp) * self.size + self.cells[:, 1]

    @cached_property
    def symmetric(self) -> bool:
        """Whether the mean face is its own mirror image by `mirror`; PRNet's mesh has vertices without a partner."""
        away = self.mean_canonical[self.mirror] * np.float32([-1, 1, 1]) - self.mean_canonical
        return bool(np.abs(away).max() < SYMMETRIC_CM)

    def position_map(self, vertices: np.ndarray) -> np.ndarray:
        """(N, 3) -> (size, size, 3) float32, NaN where no cell is valid."""
        out = np.full((self.size, self.size, 3), np.nan, np.float32)
        out[self.cells[:, 0], self.cells[:, 1]] = vertices
        return out

    def landmarks(self, vertices: np.ndarray) -> np.ndarray:
        """(..., N, 3) -> (..., 68, 3)."""
        return _interpolate(vertices, self.landmark_vertices, self.landmark_weights)

    def facemesh_points(self, vertices: np.ndarray) -> np.ndarray:
        """(..., N, 3) -> (..., 478, 3); NaN for points that the mesh does not have."""
        points = _interpolate(vertices, self.facemesh_vertices, self.facemesh_weights)
        points[..., self.facemesh_weights.sum(1) == 0, :] = np.nan
        return points

    @property
    def triangles(self) -> np.ndarray:
        """(T, 3) int32: the faces, quads split along their first diagonal."""
        quads = self.faces[:, 3] >= 0
        return np.concatenate([self.faces[:, :3], self.faces[quads][:, [0, 2, 3]]])


def load_topology(path: str | Path | None = None) -> Topology:
    """Read and verify a topology; without a path the shipped one. Read once, unless the file changes. Raises
    TopologyError."""
    path = weights_dir() / TOPOLOGY if path is None else Path(path)
    try:
        status = path.stat()
    except OSError:
        return _read(path)
    return _read_once(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read_once(path: Path, changed_ns: int, size: int) -> Topology:
    return _read(path)


def _interpolate(vertices, index, weights):
    return (vertices[..., index, :] * weights[..., None].astype(vertices.dtype)).sum(-2)


def _read(path: Path) -> Topology:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TopologyError(f"{path}: larger than a topology can be ({MAX_BYTES >> 20} MB); {REBUILD}")
        data = path.read_bytes()
    except OSError as error:
        raise TopologyError(f"{path}: the topology cannot be read ({error.strerror}); {REBUILD}") from error
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as z:
            if sum(info.file_size for info in z.zip.infolist()) > 4 * MAX_BYTES:
                raise ValueError("it unpacks to far too much")
            arrays = {key: z[key] for key in SHAPES}
    except Exception as error:      # numpy and zipfile raise many kinds on a damaged file
        raise TopologyError(f"{path}: not a topology file ({error}); {REBUILD}") from error
    problem = _problem(arrays)
    if problem:
        raise TopologyError(f"{path}: the topology is inconsistent ({problem}); {REBUILD}")
    fields = {k: v for k, v in arrays.items() if not k.startswith("region_")}
    fields |= dict(name=str(arrays["name"]), size=int(arrays["size"]), sha256=hashlib.sha256(data).hexdigest(),
                   path=path, regions={r: arrays[f"region_{r}"] for r in REGIONS})
    return Topology(**fields)


def _problem(a: dict[str, np.ndarray]) -> str | None:
    """What is wrong, or None: shapes, ranges, mirror, weights, winding, one connected manifold edge each."""
    sizes = {"N": len(a["cells"]) if a["cells"].ndim else 0, "F": len(a["faces"]) if a["faces"].ndim else 0}
    for key, shape in SHAPES.items():
        if a[key].shape != tuple(sizes.get(s, s) for s in shape):
            return f"{key} has shape {a[key].shape}"
    count, size = sizes["N"], int(a["size"])
    if not 2 <= size <= MAX_SIZE or not count:
        return f"size {size}, {count} vertices"
    flat = a["cells"][:, 0].astype(np.int64) * size + a["cells"][:, 1]
    if a["cells"].min() < 0 or a["cells"].max() >= size or not (np.diff(flat) > 0).all():
        return "cells outside the grid or out of order"
    for key in ("faces", "landmark_vertices", "facemesh_vertices", "mirror"):
        low = -1 if key == "faces" else 0
        if a[key].min() < low or a[key].max() >= count:
            return f"{key} points outside the mesh"
    if (a["faces"][:, :3] < 0).any():
        return "a face with fewer than three corners"
    if not np.array_equal(a["mirror"][a["mirror"]], np.arange(count)):
        return "mirror partners do not pair up"
    for key in ("landmark_weights", "facemesh_weights"):
        total = a[key].sum(1)
        if not (np.isclose(total, 1, atol=1e-4) | ((total == 0) & (key == "facemesh_weights"))).all():
            return f"{key} do not sum to 1"
    if not np.isfinite(a["mean_canonical"]).all() or not ((a["uvs"] >= 0) & (a["uvs"] <= 1)).all():
        return "points or uvs out of range"
    return _winding_problem(a)


def _winding_problem(a) -> str | None:
    quads = a["faces"][:, 3] >= 0
    triangles = np.concatenate([a["faces"][:, :3], a["faces"][quads][:, [0, 2, 3]]])
    uv = a["uvs"][triangles].astype(np.float64)
    (ux, uy), (vx, vy) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    area = ux * vy - uy * vx
    if not ((area > 0).all() or (area < 0).all()):
        return "a flipped face in the unwrap"
    polygons = [a["faces"][quads], a["faces"][~quads][:, :3]]
    edges = np.concatenate([np.stack([p, np.roll(p, -1, 1)], -1).reshape(-1, 2) for p in polygons]).astype(np.int64)
    if len(np.unique(edges @ [len(a["cells"]), 1])) != len(edges):
        return "two faces run along an edge in the same direction"
    return None
