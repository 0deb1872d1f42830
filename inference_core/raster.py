"""Which triangle covers each pixel: the one rasteriser behind textures, depth tests and renders. NumPy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CANDIDATES = 1_000_000          # pixels of bounding boxes looked at together, which bounds the memory
EDGE = -1e-9                    # a pixel on an edge belongs to both triangles, so that no seam stays empty


@dataclass(frozen=True, eq=False)
class Raster:
    """corners (H, W, 3) int32: vertices of the triangle seen in each pixel, all 0 where there is none; weights
    (H, W, 3) float32: how much each corner counts, all 0 where there is no triangle; front (H, W) bool: the triangle
    turns counter-clockwise as one looks at it, x right, y down."""

    corners: np.ndarray
    weights: np.ndarray
    front: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """(H, W) bool."""
        first, second, third = np.moveaxis(self.weights != 0, 2, 0)         # many times as fast as any(2)
        return first | second | third

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Values of the vertices (N,) or (N, C) -> (H, W) or (H, W, C) float32; 0 where there is no triangle."""
        flat = np.asarray(values, np.float32).reshape(len(values), -1)
        out = np.zeros((*self.front.shape, flat.shape[1]), np.float32)
        for corner in range(3):
            out += flat[self.corners[..., corner]] * self.weights[..., corner, None]
        return out[..., 0] if np.ndim(values) == 1 else out


def rasterize(points: np.ndarray, triangles: np.ndarray, shape: tuple[int, int]) -> Raster:
    """points (N, 2) or (N, 3) in pixels, x right, y down, the centre of the first pixel at 0, 0; with a third column
    the larger value hides the smaller; triangles (T, 3) -> Raster of shape (H, W).

    Points at infinity or not a number leave out their triangles.
    """
    height, width = shape
    points = np.asarray(points, np.float64)
    nearest = np.full(height * width, -np.inf)
    corners = np.zeros((height * width, 3), np.int32)
    weights = np.zeros((height * width, 3), np.float32)
    front = np.zeros(height * width, bool)
    for index, pixel, share, counter_clockwise in _covered(points[:, :2], triangles, height, width):
        vertices = triangles[index]
        if points.shape[1] == 3:
            depth = (points[vertices, 2] * share).sum(1)
            np.maximum.at(nearest, pixel, depth)
            first = depth == nearest[pixel]
            pixel, vertices, share, counter_clockwise = (a[first] for a in (pixel, vertices, share, counter_clockwise))
        corners[pixel], weights[pixel], front[pixel] = vertices, share, counter_clockwise
    return Raster(corners.reshape(height, width, 3), weights.reshape(height, width, 3), front.reshape(height, width))


def _covered(points, triangles, height: int, width: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Chunks of (triangle (K,), pixel (K,), weights (K, 3), counter-clockwise (K,))."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    corners = np.stack([a, b, c])
    usable = np.isfinite(corners).all((0, 2)) & (np.abs(area) > 1e-12)
    low, high = (np.where(usable[:, None], f(corners), 0) for f in (lambda p: p.min(0), lambda p: p.max(0)))
    first = np.maximum(np.ceil(np.clip(low, 0, 2**30)), 0).astype(np.int64)
    last = np.floor(np.clip(high, -1, [width - 1, height - 1])).astype(np.int64)
    size = np.maximum(last - first + 1, 0) * usable[:, None]
    count = size.prod(1)
    wanted = np.flatnonzero(count)
    chunk = np.cumsum(count[wanted]) // CANDIDATES
    for part in np.split(wanted, np.flatnonzero(np.diff(chunk)) + 1):
        index = np.repeat(part, count[part])
        place = np.arange(len(index)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        across = size[index, 0]
        x, y = first[index, 0] + place % across, first[index, 1] + place // across
        # each number in an array of its own: rows of two or three take NumPy twice as long
        to_a, to_b, to_c = ((x - corner[index, 0], y - corner[index, 1]) for corner in (a, b, c))
        shares = [(u * t - v * s) / area[index] for (u, v), (s, t) in ((to_b, to_c), (to_c, to_a), (to_a, to_b))]
        inside = np.flatnonzero((shares[0] >= EDGE) & (shares[1] >= EDGE) & (shares[2] >= EDGE))
        index = index[inside]
        yield index, (y[inside] * width + x[inside]), np.stack([share[inside] for share in shares], 1), area[index] < 0
