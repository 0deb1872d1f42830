"""Flatten a triangulated surface into a convex outline without a flipped triangle.

`embed` starts with Tutte's embedding (W. T. Tutte, "How to draw a graph", 1963; M. Floater, 1997), which
cannot flip a triangle. `relax` then lowers the symmetric Dirichlet energy, the sum over triangles of
A (|J|^2 + |J^-1|^2) with J the map from a rest triangle of area A to the plane, as M. Rabinovich et al.,
"Scalable Locally Injective Mappings", 2017: each round solves a weighted least-squares stand-in and goes
along its direction, but never as far as the first triangle would flip (J. Smith and S. Schaefer, "Bijective
Parameterization with Free Boundaries", 2015).
All triangles counter-clockwise in the plane (u right, w up).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

SHARE_OF_FIRST_FLIP = 0.8
SHORTER, SHORTEST = 0.6, 1e-8          # line search: factor per try, step at which it gives up
SETTLED = 1e-6                         # relative gain of a round at which the work is done
STEADYING = 1e-9                       # keeps the normal equations regular


def rest_frames(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(T, 2, 2): the two edges from each triangle's first corner, as columns, in the triangle's own plane."""
    first, second = (points[triangles[:, k]] - points[triangles[:, 0]] for k in (1, 2))
    length = np.linalg.norm(first, axis=1)
    along = (first * second).sum(1) / length
    across = np.linalg.norm(np.cross(first, second), axis=1) / length
    return np.stack([np.stack([length, along], -1), np.stack([np.zeros_like(length), across], -1)], -2)


def embed(triangles: np.ndarray, outline: np.ndarray, outline_plane: np.ndarray) -> np.ndarray:
    """(V, 2): every vertex at the mean of its neighbours, those of `outline` at `outline_plane`, convex."""
    count = triangles.max() + 1
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    links = sp.csr_matrix((np.ones(len(ends)), ends.T), (count, count))
    system = (sp.diags(np.asarray(links.sum(1)).ravel()) - links).tocsr()
    inner = np.setdiff1d(np.arange(count), outline)
    plane = np.zeros((count, 2))
    plane[outline] = outline_plane
    plane[inner] = spsolve(system[inner][:, inner].tocsc(), -(system[inner][:, outline] @ outline_plane))
    return plane


def relax(triangles: np.ndarray, rest: np.ndarray, plane: np.ndarray, held: np.ndarray,
          rounds: int) -> np.ndarray:
    """(V, 2) places of lower distortion. plane (V, 2) without flips; held (V, 2) bool: coordinates that stay.

    Raises ValueError when `plane` has a flipped triangle.
    """
    gradient = _gradient(triangles, rest, len(plane))
    area = np.linalg.det(rest) / 2
    energy = _energy(gradient @ plane, area)
    if not np.isfinite(energy):
        raise ValueError("the start of an unwrap has a flipped triangle")
    for _ in range(rounds):
        move = _target(gradient, area, plane, held) - plane
        step = min(1.0, SHARE_OF_FIRST_FLIP * _first_flip(triangles, plane, move))
        while (lower := _energy(gradient @ (plane + step * move), area)) >= energy:
            step *= SHORTER
            if step < SHORTEST:
                return plane
        plane = plane + step * move
        if energy - lower < SETTLED * energy:
            break
        energy = lower
    return plane


def signed_areas(triangles: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """(T,) twice the area, positive when counter-clockwise."""
    first, second = (plane[triangles[:, k]] - plane[triangles[:, 0]] for k in (1, 2))
    return _cross(first, second)


def _gradient(triangles: np.ndarray, rest: np.ndarray, count: int) -> sp.csr_matrix:
    """(2 T, V): derivatives along the rest triangles' first axis, then along the second."""
    inverse = np.linalg.inv(rest)
    total = len(triangles)
    rows, columns, values = [], [], []
    for axis in range(2):
        for edge in range(2):
            rows += [np.arange(total) + axis * total] * 2
            columns += [triangles[:, edge + 1], triangles[:, 0]]
            values += [inverse[:, edge, axis], -inverse[:, edge, axis]]
    place = (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_matrix((np.concatenate(values), place), (2 * total, count))


def _jacobians(derivatives: np.ndarray) -> np.ndarray:
    """(2 T, 2) -> (T, coordinate, axis)."""
    return np.stack(np.split(derivatives, 2), -1)


def _energy(derivatives: np.ndarray, area: np.ndarray) -> float:
    jacobian = _jacobians(derivatives)
    determinant = np.linalg.det(jacobian)
    if determinant.min() <= 0:
        return np.inf
    square = (jacobian**2).sum((1, 2))
    return float((area * (square + square / determinant**2)).sum())


def _target(gradient: sp.csr_matrix, area: np.ndarray, plane: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Where least squares want the vertices: sum of A |W (J - R)|^2, R the rotation nearest to J."""
    u, stretch, vt = np.linalg.svd(_jacobians(gradient @ plane))
    u[:, :, 1] *= np.sign(np.linalg.det(u @ vt))[:, None]
    rotation = u @ vt
    near_one = np.abs(stretch - 1) < 1e-6
    safe = np.where(near_one, 2.0, stretch)
    strength = np.where(near_one, 2.0, np.sqrt((safe - safe**-3) / (safe - 1)))
    weight = (u * strength[:, None]) @ u.transpose(0, 2, 1) * np.sqrt(area)[:, None, None]
    goal = weight @ rotation
    total = len(area)
    blocks = [[sp.diags(weight[:, row, coordinate]) @ gradient[axis * total:(axis + 1) * total]
               for coordinate in range(2)] for axis in range(2) for row in range(2)]
    system = sp.bmat(blocks, format="csc")
    right = np.concatenate([goal[:, row, axis] for axis in range(2) for row in range(2)])
    places, free = plane.T.ravel(), ~held.T.ravel()
    moving = system[:, free]
    normal = moving.T @ moving + STEADYING * sp.eye(free.sum())
    places[free] = spsolve(normal.tocsc(), moving.T @ (right - system[:, ~free] @ places[~free]))
    return places.reshape(2, -1).T


def _first_flip(triangles: np.ndarray, plane: np.ndarray, move: np.ndarray) -> float:
    """The share of `move` at which the first triangle flips: a quadratic's smallest positive root."""
    first, second = (plane[triangles[:, k]] - plane[triangles[:, 0]] for k in (1, 2))
    first_move, second_move = (move[triangles[:, k]] - move[triangles[:, 0]] for k in (1, 2))
    a, c = _cross(first_move, second_move), _cross(first, second)
    b = _cross(first, second_move) + _cross(first_move, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(b * b - 4 * a * c)
        shares = np.concatenate([2 * c / (root - b), 2 * c / (-root - b)])
    return float(shares[shares > 0].min(initial=np.inf))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
