"""Backgrounds for rendered faces, made of nothing: gradients, blurred shapes, walls, noise."""

from __future__ import annotations

import cv2
import numpy as np


def draw_backdrop(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) float32 linear light in 0..1."""
    kind = rng.random()
    base = rng.random() ** 2 * np.exp(rng.normal(0, rng.choice([0.08, 0.3, 0.8]), 3))
    out = np.zeros((size, size, 3), np.float32) + np.float32(base)
    if kind > 0.15:                                             # else a plain wall, lit from one side
        for cells in (2, 4, 9, 20)[:rng.integers(1, 5)]:
            grey = rng.normal(0, 0.5, (cells, cells, 1))
            noise = (grey + rng.normal(0, 0.15, (cells, cells, 3))).astype(np.float32)
            out *= np.exp(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC))
    if kind > 0.5:
        _add_shapes(rng, out)
    line = np.linspace(-1, 1, size, dtype=np.float32)
    a, b = np.float32(rng.normal(0, 0.2, 2))
    out *= np.exp(a * line[None, :, None] + b * line[:, None, None])
    if rng.random() < 0.7:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 5))
    return np.clip(out, 0, 1)


def _add_shapes(rng, out):
    """Furniture, windows, lamps, leaves: boxes and discs of any colour."""
    size = len(out)
    for _ in range(rng.integers(3, 25)):
        colour = tuple(float(c) for c in rng.uniform(0, 1) ** 2 * (1 + rng.normal(0, 0.25, 3)))
        x, y = (int(v) for v in rng.integers(-size // 8, size, 2))
        w, h = (int(v) for v in rng.integers(3, size // 2, 2))
        pick = rng.random()
        if pick < 0.5:
            cv2.rectangle(out, (x, y), (x + w, y + h), colour, -1)
        elif pick < 0.8:
            cv2.circle(out, (x, y), w // 3 + 1, colour, -1, cv2.LINE_8)
        else:
            cv2.line(out, (x, y), (x + w, y + 2 * h - size // 2), colour, 1 + w // 12)
