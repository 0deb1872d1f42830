"""Lays a mesh onto another surface that has other vertices: which point of it each of our vertices means.

A similarity first, then a displacement that follows the nearest points and becomes less stiff round by round (in the
manner of Amberg et al., "Optimal Step Nonrigid ICP Algorithms for Surface Registration", CVPR 2007, with the mesh's
Laplacian for the stiffness).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from inference_core.mesh import vertex_normals
from inference_core.rigid import fit_rigid

STIFFNESS = np.geomspace(300, 0.3, 24)
CLOSE_CM, ALIKE = 1.5, 0.5          # a nearest point farther away, or turned by more than 60 degrees, says nothing
CANDIDATES = 8


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Of each of our N vertices: corners (N, 3) vertices of the other mesh, weights (N, 3); known (N,): whether it is
    there."""

    corners: np.ndarray
    weights: np.ndarray
    known: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(V, 3) of the other mesh -> (N, 3)."""
        return (points[self.corners] * self.weights[..., None]).sum(1)


def register(ours: np.ndarray, our_triangles: np.ndarray, start: tuple[np.ndarray, np.ndarray], points: np.ndarray,
             triangles: np.ndarray) -> tuple[Correspondence, np.ndarray]:
    """ours (N, 3) onto the surface points (V, 3), triangles (T, 3), its outside alone. start: a few points of ours and
    of the surface that mean the same (K, 3) each. Also our vertices as they lie there in the end (N, 3)."""
    fit = fit_rigid(*start)
    placed = fit.scale * ours @ fit.turn.T + fit.move
    surface = _Surface(points, triangles)
    rest, laplacian = placed, _laplacian(our_triangles, len(ours))
    for stiffness in STIFFNESS:
        there, known = surface.nearest(placed, vertex_normals(placed, our_triangles))[:2]
        weight = known.astype(np.float64)
        system = diags(weight + 1e-6) + stiffness * laplacian.T @ laplacian
        placed = rest + splu(system.tocsc()).solve(weight[:, None] * (there - rest))
    _, known, corners, weights = surface.nearest(placed, vertex_normals(placed, our_triangles))
    return Correspondence(corners, weights, known), placed


class _Surface:
    def __init__(self, points: np.ndarray, triangles: np.ndarray) -> None:
        self.points, self.triangles = points, triangles
        corner = points[triangles]
        normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        self.normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self.tree = cKDTree(corner.mean(1))

    def nearest(self, at: np.ndarray, normals: np.ndarray):
        """The nearest point of the triangles that face the same way: (N, 3), whether there is one, its corners and
        weights."""
        _, candidates = self.tree.query(at, CANDIDATES)
        alike = np.einsum("nck,nk->nc", self.normals[candidates], normals) > ALIKE
        best = np.full(len(at), np.inf)
        corners, weights = np.zeros((len(at), 3), np.int64), np.zeros((len(at), 3))
        for column in range(CANDIDATES):
            corner = self.triangles[candidates[:, column]]
            share = _closest(at, self.points[corner])
            away = np.linalg.norm((self.points[corner] * share[..., None]).sum(1) - at, axis=1)
            better = alike[:, column] & (away < best)
            best[better], corners[better], weights[better] = away[better], corner[better], share[better]
        return (self.points[corners] * weights[..., None]).sum(1), best < CLOSE_CM, corners, weights


def _closest(at: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """(N, 3) barycentric weights of the points of triangles (N, 3, 3) that are nearest, a little inside of exact at
    corners."""
    a, u, v = corner[:, 0], corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    uu, uv, vv = (np.einsum("nk,nk->n", p, q) for p, q in ((u, u), (u, v), (v, v)))
    wu, wv = (np.einsum("nk,nk->n", at - a, p) for p in (u, v))
    scale = np.maximum(uu * vv - uv * uv, 1e-12)
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    share = np.clip(np.stack([1 - s - t, s, t], 1), 0, None)
    return share / share.sum(1, keepdims=True)


def _laplacian(triangles: np.ndarray, count: int):
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, 1), axis=0)
    ends = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
    near = coo_matrix((np.ones(2 * len(edges)), ends), (count, count)).tocsr()
    degree = np.asarray(near.sum(1)).ravel()
    return diags(np.ones(count)) - diags(1 / np.maximum(degree, 1)) @ near
