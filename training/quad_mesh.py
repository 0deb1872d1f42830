"""Plain facts about a mesh of quads: borders, rings around a hole, steps along edges, triangles."""

from __future__ import annotations

import numpy as np

EVEN = 1e-6                 # diagonals that differ by less count as equally long


def boundary_loops(quads: np.ndarray) -> list[np.ndarray]:
    """Vertices of each closed border of quads (Q, 4), in the direction of the quads' own edges."""
    edges = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2).tolist()
    known = set(map(tuple, edges))
    following = {a: b for a, b in edges if (b, a) not in known}
    loops = []
    while following:
        vertex, loop = min(following), []
        while vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return loops


def peel(quads: np.ndarray, loop: np.ndarray, rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Take rings of quads away from around the hole `loop`; the quads left and the hole's new border."""
    for _ in range(rings):
        ring = np.isin(quads, loop).any(1)
        touched = quads[ring]
        quads = quads[~ring]
        loop = next(border for border in boundary_loops(quads) if np.isin(border, touched).all())
    return quads, loop


def split_quads(quads: np.ndarray, points: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """(2 Q, 3) triangles: every quad cut along its shorter diagonal, which treats mirrored quads alike.

    A quad at a corner of the rim, one with a vertex that no other quad has, is cut through that vertex: else
    all three vertices of a triangle could lie on one straight side of the unwrap.
    """
    a, b, c, d = quads.T
    corner = np.isin(quads, rim) & (_quads_at_vertex(quads)[quads] == 1)
    through_ac, through_bd = corner[:, [0, 2]].any(1), corner[:, [1, 3]].any(1)
    length = lambda p, q: np.linalg.norm(points[p] - points[q], axis=1)  # noqa: E731
    cut_ac = np.where(through_ac != through_bd, through_ac, length(a, c) <= length(b, d) + EVEN)
    along_ac = np.stack([a, b, c, a, c, d], 1)
    along_bd = np.stack([a, b, d, b, c, d], 1)
    return np.where(cut_ac[:, None], along_ac, along_bd).reshape(-1, 3)


def corner_vertices(quads: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """(len(rim),) bool: rim vertices that belong to one quad only."""
    return _quads_at_vertex(quads)[rim] == 1


def steps_from(seeds: list[int], quads: np.ndarray, count: int, most: int) -> np.ndarray:
    """(count,) int: edges on the shortest way to a seed, `most` where it is longer or there is none."""
    steps = np.full(count, most)
    steps[seeds] = 0
    ends = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    ends = np.concatenate([ends, ends[:, ::-1]])
    for _ in range(most):
        np.minimum.at(steps, ends[:, 0], steps[ends[:, 1]] + 1)
    return steps


def _quads_at_vertex(quads: np.ndarray) -> np.ndarray:
    return np.bincount(quads.ravel())
