"""Few shapes that, mixed, make every face of a take: what morph targets are for.

The main shapes are found by a randomised projection (Halko, Martinsson and Tropp, "Finding structure with randomness",
SIAM Review 2011) that reads the take a block of frames at a time, so that a long take needs no more memory than a
short one. What is left over is measured, not estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

MOST_SHAPES, OVERSAMPLED = 64, 16
WANTED_RMS_CM, WANTED_WORST_CM = 0.002, 0.01
AT_ONCE = 32
Read = Callable[[int], np.ndarray]


@dataclass(frozen=True, eq=False)
class LowRank:
    """face of frame i = base (N, 3) + sum of weights[i] (r,) in [0, 1] times shapes (r, N, 3), in cm. worst and rms:
    the distance of a vertex from where it was, over all frames and vertices."""

    base: np.ndarray
    shapes: np.ndarray
    weights: np.ndarray
    worst_cm: float
    rms_cm: float


def low_rank(read: Read, count: int, most: int = MOST_SHAPES, seed: int = 0) -> LowRank:
    """read(i) -> (N, 3) float32 cm for i below count; called some five times for each. As many shapes as the wanted
    error takes, up to `most`."""
    first = read(0)
    blocks = lambda: _blocks(read, count, first.ravel())            # noqa: E731
    mean, basis = _span(blocks, count, first.size, min(most + OVERSAMPLED, count), seed)
    codes, energy = [], 0.0
    for block in blocks():
        codes.append((block - mean) @ basis)
        energy += float(((block - mean) ** 2).sum(dtype=np.float64))
    codes = np.concatenate(codes).astype(np.float64)
    strength, turn = np.linalg.eigh(codes.T @ codes)
    strength, turn = strength[::-1], turn[:, ::-1]
    most = min(most, len(strength))
    rms = np.sqrt(np.maximum(energy - np.cumsum(strength[:most]), 0) / (count * len(first)))
    rank = min(1 + int((rms > WANTED_RMS_CM).sum()), most)
    while True:
        weights = (codes @ turn[:, :rank]).astype(np.float32)
        shapes = np.ascontiguousarray((basis @ turn[:, :rank].astype(np.float32)).T)
        worst_cm, rms_cm = _error(blocks(), mean, shapes, weights)
        if worst_cm <= WANTED_WORST_CM or rank == most:
            break
        rank = min(2 * rank, most)
    sign = np.where(weights.max(0) < -weights.min(0), np.float32(-1), np.float32(1))
    weights, shapes = weights * sign, shapes * sign[:, None]        # so that the base is the corner nearest to the mean
    low = weights.min(0)
    reach = np.maximum(weights.max(0) - low, 1e-9)
    base = first + (mean + low @ shapes).reshape(first.shape)
    shapes = (shapes * reach[:, None]).reshape(rank, *first.shape)
    return LowRank(base, shapes, (weights - low) / reach, worst_cm, rms_cm)


def _span(blocks, count: int, size: int, tries: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) of the blocks' rows and an orthonormal basis (D, tries) that holds most of what they differ by."""
    random = np.random.default_rng(seed).standard_normal((size, tries), np.float32)
    total, sketch = np.zeros(size), []
    for block in blocks():
        total += block.sum(0, dtype=np.float64)
        sketch.append(block @ random)
    sketch = np.concatenate(sketch).astype(np.float64)
    mean, frames = (total / count).astype(np.float32), np.linalg.qr(sketch - sketch.mean(0))[0].astype(np.float32)
    rows = np.zeros((tries, size), np.float32)
    for number, block in enumerate(blocks()):
        rows += frames[number * AT_ONCE:number * AT_ONCE + len(block)].T @ (block - mean)
    return mean, np.linalg.qr(rows.T)[0]


def _blocks(read: Read, count: int, first: np.ndarray) -> Iterator[np.ndarray]:
    """(up to AT_ONCE, 3 N) float32: the faces less the first, which keeps the numbers small."""
    for start in range(0, count, AT_ONCE):
        yield np.stack([read(i).ravel() for i in range(start, min(start + AT_ONCE, count))]) - first


def _error(blocks, mean, shapes, weights) -> tuple[float, float]:
    """The largest distance of a vertex from where it was, and the root mean square."""
    worst, total, done = 0.0, 0.0, 0
    for block in blocks:
        off = block - mean - weights[done:done + len(block)] @ shapes
        square = (off.reshape(len(block), -1, 3) ** 2).sum(2)
        worst, total = max(worst, float(square.max())), total + float(square.sum(dtype=np.float64))
        done += len(block)
    return float(np.sqrt(worst)), float(np.sqrt(total / (done * len(mean) / 3)))
