"""Normals that follow the morph targets: what a moving face is shaded by.

The normals of a mixed face are no mix of the normals of the shapes. So they are not taken from the shapes but fitted:
those normals which, mixed by the same weights, come nearest to those of the faces themselves in the least squares.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inference_core.mesh import vertex_normals

SHORTEST = 1e-3                 # of the normal without weights: below it has no direction
AT_ONCE = 32


def morph_normals(read: Callable[[int], np.ndarray], triangles: np.ndarray,
                  weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """read(i) -> (N, 3) face i, called once for each; weights (n, r) of every face. -> base (N, 3) float32 unit normals
    and targets (r, N, 3) float32, so that base + sum of weights times targets points where the face's normals do."""
    mixing, products = np.c_[np.ones(len(weights)), weights].astype(np.float64), np.float64(0)
    for start in range(0, len(mixing), AT_ONCE):
        rows = mixing[start:start + AT_ONCE]
        normals = np.stack([vertex_normals(read(start + i), triangles).ravel() for i in range(len(rows))])
        products = products + rows.T @ normals
    fitted = np.linalg.lstsq(mixing.T @ mixing, products, rcond=1e-10)[0].reshape(mixing.shape[1], -1, 3)
    # only the direction of the sum is seen, and the base must have length 1
    length = np.linalg.norm(fitted[0], axis=1)[:, None]
    base = np.where(length < SHORTEST, [0, 0, 1], fitted[0] / np.maximum(length, SHORTEST))
    return base.astype(np.float32), (fitted[1:] / np.maximum(length, SHORTEST)).astype(np.float32)
