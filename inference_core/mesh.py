"""A face as files and pictures want it: metres, y up, normals; and what belongs to any triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from inference_core.regression import Face

METRES_PER_CM = 0.01


@dataclass(frozen=True, eq=False)
class Mesh:
    """vertices (N, 3) float32 metres, x to the subject's left, y up, the face looks along +z, upright, a head's real
    size; normals (N, 3) float32 unit; uvs (N, 2) float32, u right, v DOWN; faces (F, 4) int32, counter-clockwise from
    outside, -1 ends a triangle; triangles (T, 3) int32, the same split."""

    vertices: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    faces: np.ndarray
    triangles: np.ndarray


def export_mesh(face: Face) -> Mesh:
    """The mesh of a face for files of other programs: the canonical vertices, so that it stands upright however the
    head was turned in the photo."""
    topology = face.topology
    vertices = np.asarray(face.vertices_canonical, np.float32) * np.float32(METRES_PER_CM)
    triangles = topology.triangles
    return Mesh(vertices, vertex_normals(vertices, triangles), topology.uvs, topology.faces, triangles)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N, 3), y up -> unit normals (N, 3) float32 that point to the outside of counter-clockwise triangles, each
    triangle counting by its area; (0, 0, 1) where a vertex has none."""
    corners = np.asarray(vertices, np.float64)[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    gather = lambda values: np.bincount(triangles.ravel(), np.repeat(values, 3), len(vertices))      # noqa: E731
    total = np.stack([gather(across[:, axis]) for axis in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    sure = length > 1e-9 * gather(np.linalg.norm(across, axis=1))[:, None]      # no noise of what cancels out
    return np.where(sure, total / np.where(sure, length, 1), [0, 0, 1]).astype(np.float32)


def upright(points_image: np.ndarray) -> np.ndarray:
    """Image frame (y down) -> the same points with y up, so that counter-clockwise stays outside."""
    return np.asarray(points_image) * np.array([1, -1, 1], np.float32)
