"""The 128 x 128 grid over an unwrapped face: which point of the surface each cell of the position map holds.

A cell inside a hole (eye, mouth) is not valid. The valid cells next to a hole are moved onto the hole's contour, so
that lids and lips end in a smooth line instead of a staircase; their neighbours make room for them. The outermost
cells sit on the rim of the face.
All uv: u right, v down, unit square; cell (row r, column c) sits at ((c + .5) / size, (r + .5) / size) unless moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RELAX_REACH = 6             # cells around a hole that may move
RELAX_ROUNDS = 60
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))


@dataclass(frozen=True)
class Grid:
    """valid (S, S) bool; positions (S, S, 2) uv, moved where next to a hole."""

    valid: np.ndarray
    positions: np.ndarray

    @property
    def cells(self) -> np.ndarray:
        return np.argwhere(self.valid).astype(np.int32)

    def faces(self) -> np.ndarray:
        """(F, 4) int32 vertex indices, counter-clockwise seen from outside the face; -1 ends a triangle.

        A 2 x 2 block with three valid cells gives a triangle: it closes the staircase along a hole.
        """
        index = np.full(self.valid.shape, -1, np.int32)
        index[self.valid] = np.arange(self.valid.sum())
        # image rows run down and image left is the subject's right: this order is counter-clockwise from outside
        blocks = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
        count = (blocks >= 0).sum(1)
        quads = blocks[count == 4]
        three = blocks[count == 3]
        triangles = np.array([np.r_[b[b >= 0], -1] for b in three], np.int32).reshape(-1, 4)
        return np.concatenate([quads, triangles]).astype(np.int32)


def build_grid(size: int, uv: np.ndarray, triangles: np.ndarray, holes: list[np.ndarray]) -> Grid:
    """Grid over the unwrap `uv` (V, 2) of `triangles` (T, 3); `holes` are closed contours (n, 2) in uv.

    The unwrap must be mirror-symmetric about u = 0.5; so is the grid, exactly.
    """
    centres = (np.arange(size) + 0.5) / size
    positions = np.stack(np.meshgrid(centres, centres), -1)
    valid = locate(positions.reshape(-1, 2), uv, triangles)[0].reshape(size, size) >= 0
    valid &= valid[:, ::-1]
    on_hole = _next_to_invalid(valid)
    moved = positions.copy()
    for contour in holes:
        for cells in _cells_by_hole(on_hole, positions, contour):
            moved[cells[:, 0], cells[:, 1]] = _spread_on_contour(positions[cells[:, 0], cells[:, 1]], contour)
    moved = _relax(moved, valid, on_hole)
    moved[0, :, 1], moved[-1, :, 1], moved[:, 0, 0], moved[:, -1, 0] = 0, 1, 0, 1        # the rim itself
    mirrored = moved[:, ::-1] * [-1, 1] + [1, 0]
    return Grid(valid, (moved + mirrored) / 2)


def locate(points: np.ndarray, uv: np.ndarray, triangles: np.ndarray, nearest: bool = False):
    """Triangle (n,) and barycentric weights (n, 3) of each point; -1 outside. `nearest`: clamp to the closest one."""
    found = np.full(len(points), -1)
    weights = np.zeros((len(points), 3))
    closest = np.full(len(points), np.inf)
    order = np.argsort(points[:, 0], kind="stable")
    xs = points[order, 0]
    margin = 0.02 if nearest else 1e-9
    corners = uv[triangles]
    low, high = corners.min(1) - margin, corners.max(1) + margin
    for t in range(len(triangles)):
        some = order[np.searchsorted(xs, low[t, 0]):np.searchsorted(xs, high[t, 0], "right")]
        some = some[(points[some, 1] >= low[t, 1]) & (points[some, 1] <= high[t, 1])]
        if not len(some):
            continue
        a, b, c = corners[t]
        w12 = np.linalg.solve(np.stack([b - a, c - a], 1), (points[some] - a).T).T
        w = np.c_[1 - w12.sum(1), w12]
        inside = (w >= -1e-9).all(1)
        hit = some[inside & (closest[some] > 0)]
        found[hit], weights[hit], closest[hit] = t, w[inside & (closest[some] > 0)], 0
        if nearest:
            clamped = np.clip(w, 0, None)
            clamped /= clamped.sum(1, keepdims=True)
            distance = np.linalg.norm(clamped @ corners[t] - points[some], axis=1)
            better = distance < closest[some]
            found[some[better]], weights[some[better]] = t, clamped[better]
            closest[some[better]] = distance[better]
    return found, weights


def _next_to_invalid(valid: np.ndarray) -> np.ndarray:
    padded = np.pad(valid, 1, constant_values=True)
    size = len(valid)
    near = np.zeros_like(valid)
    for dr, dc in NEIGHBOURS:
        near |= ~padded[1 + dr:1 + dr + size, 1 + dc:1 + dc + size]
    return near & valid


def _cells_by_hole(on_hole, positions, contour):
    """The boundary cells that belong to this contour: nearer to it than a few cells, in one list."""
    cells = np.argwhere(on_hole)
    low, high = contour.min(0) - 2 / len(on_hole), contour.max(0) + 2 / len(on_hole)
    p = positions[cells[:, 0], cells[:, 1]]
    inside = ((p > low) & (p < high)).all(1)
    if inside.any():
        yield cells[inside]


def _spread_on_contour(points: np.ndarray, contour: np.ndarray, rounds: int = 30) -> np.ndarray:
    """Nearest places on the closed contour, then evened out along it so that no two coincide."""
    following = np.roll(contour, -1, 0)
    lengths = np.linalg.norm(following - contour, axis=1)
    start = np.r_[0, np.cumsum(lengths)[:-1]]
    total = lengths.sum()
    along = ((points[:, None] - contour) * (following - contour)).sum(-1) / lengths**2
    along = np.clip(along, 0, 1)
    distance = np.linalg.norm(contour + along[..., None] * (following - contour) - points[:, None], axis=-1)
    best = distance.argmin(1)
    rows = np.arange(len(points))
    arc = start[best] + along[rows, best] * lengths[best]
    centre = contour.mean(0)
    angle = np.arctan2(*(points - centre).T)
    # order by arc; ties (several cells nearest to one corner) by their angle about the hole's centre
    direction = np.sign(np.sum(np.diff(np.unwrap(np.arctan2(*(contour - centre).T)))))
    order = np.lexsort((direction * angle, np.round(arc, 6)))
    s = arc[order]
    for _ in range(rounds):
        before, after = np.r_[s[-1] - total, s[:-1]], np.r_[s[1:], s[0] + total]
        s = 0.6 * s + 0.2 * (before + after)
    s = s % total
    place = np.searchsorted(start, s, "right") - 1
    t = ((s - start[place]) / lengths[place])[:, None]
    out = np.empty_like(points)
    out[order] = contour[place] * (1 - t) + following[place] * t
    return out


def _relax(positions, valid, fixed):
    """Cells near a hole become the mean of their neighbours; contour cells, far cells and the border stay."""
    size = len(valid)
    reach = np.zeros_like(valid)
    near = fixed.copy()
    for _ in range(RELAX_REACH):
        grown = near.copy()
        for dr, dc in NEIGHBOURS:
            grown |= np.roll(near, (dr, dc), (0, 1))
        near = grown
        reach |= near
    free = reach & valid & ~fixed
    free[[0, -1]] = False
    free[:, [0, -1]] = False
    r, c = np.nonzero(free)
    # offsets from the regular place are smoothed: they fade out towards the cells that stay
    centres = (np.arange(size) + 0.5) / size
    regular = np.stack(np.meshgrid(centres, centres), -1)
    offset = positions - regular
    for _ in range(RELAX_ROUNDS):
        total, weight = np.zeros((len(r), 2)), np.zeros((len(r), 1))
        for dr, dc in NEIGHBOURS:
            known = valid[r + dr, c + dc][:, None]
            total += offset[r + dr, c + dc] * known
            weight += known
        offset[r, c] = total / np.maximum(weight, 1)
    return regular + offset
