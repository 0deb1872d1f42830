"""Grain for skin that was made up: a smooth continuation is as flat as wax beside what a photo shows."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.smooth_fill import smooth_fill

OCTAVES = 4                     # of detail, the finest 2 texels long
MOST = 2.5                      # times the usual strength: edges of lids, hair and collars are no grain
DEVIATION = 1.25                # of a normal distribution, for a mean distance of 1


def grain(light: np.ndarray, known: np.ndarray, octaves: int = OCTAVES, seed: int = 0) -> np.ndarray:
    """light (H, W) float32, known (H, W) float32 in [0, 1] -> (H, W) float32 around 0: noise, in every octave as strong
    as the detail of the light in the nearest parts that are known. The same for the same input."""
    known = np.ascontiguousarray(known, np.float32)
    if octaves == 0 or min(known.shape) < 4 or not known.any():
        return np.zeros(known.shape, np.float32)
    share = cv2.pyrDown(known)
    coarse = cv2.pyrDown(np.float32(light * known)) / np.maximum(share, 1e-6)
    detail = np.abs(light - _up(coarse, known.shape))
    usual = np.median(detail[known >= 0.5 * known.max()])
    strength = smooth_fill(np.minimum(detail, MOST * usual)[..., None], known)[..., 0]
    noise = np.random.default_rng(seed).standard_normal(known.shape, np.float32)
    noise -= _up(cv2.pyrDown(noise), known.shape)
    finer = DEVIATION / max(float(noise.std()), 1e-6) * strength * noise
    return finer + _up(grain(coarse, share, octaves - 1, seed + 1), known.shape)


def _up(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.pyrUp(values, dstsize=shape[::-1])
