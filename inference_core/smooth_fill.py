"""Smooth continuation of a picture into the parts that are not known."""

from __future__ import annotations

import cv2
import numpy as np

TRUST = 4.0                     # a coarser level counts as known where this share of it, inverted, is


def smooth_fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """values (H, W, C) float32, known (H, W) float32 in [0, 1] -> (H, W, C) float32.

    Where known is 1 the values stay; elsewhere they fade into ever coarser means of what is known around (pull-push:
    Gortler et al., "The Lumigraph", SIGGRAPH 1996). Nothing known at all gives 0.
    """
    known = np.ascontiguousarray(known, np.float32)
    premultiplied = np.ascontiguousarray(values * known[..., None], np.float32)
    return _fill(premultiplied, known)


def _fill(premultiplied: np.ndarray, known: np.ndarray) -> np.ndarray:
    own = premultiplied / np.maximum(known, 1e-6)[..., None]
    if max(known.shape) <= 2:
        total = known.sum()
        mean = premultiplied.sum((0, 1)) / max(float(total), 1e-6)
        return known[..., None] * own + (1 - known[..., None]) * mean
    coarse, share = cv2.pyrDown(premultiplied), cv2.pyrDown(known)
    coarse = coarse.reshape(*share.shape, -1)
    sure = np.minimum(share * TRUST, 1)
    coarse = coarse * (sure / np.maximum(share, 1e-6))[..., None]
    height, width = known.shape
    wide = cv2.pyrUp(_fill(coarse, sure), dstsize=(width, height)).reshape(premultiplied.shape)
    return known[..., None] * own + (1 - known[..., None]) * wide
