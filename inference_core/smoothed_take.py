"""What `smoothing.smooth` returns: a take whose positions are steadied when they are asked for.

Expressions are steadied as a few dozen numbers a frame, in every region of the face on its own: lids may blink while
the rest is still. What these numbers do not tell stays as it was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.rigid import Rigid
from inference_core.steady_pose import PoseTrack
from inference_core.take import TakeRows
from inference_core.time_filters import CALMEST_SHARE, NOISE_LEFT, WIDTHS_S, calmer, line_weights, noise_of
from inference_core.topology import Topology

if TYPE_CHECKING:
    from inference_core.smoothing import SmoothingOptions

SOFT_CELLS = 1.5                # regions pass into one another over so many cells of the unwrap
OPENINGS, SLOWER = ("left_lids", "right_lids", "lips"), ("brows", "nose", "jaw")
OPENINGS_WIDTH = 0.8            # of the filters' widths, for lids and lips
OPENINGS_NOISE = 0.6            # of their noise is taken for noise: speech is made of small, fast motion


@dataclass(frozen=True, eq=False)
class Shapes:
    """skull (N, 3) cm; basis (C, 3 N) orthonormal; parts (n, C) of each frame's expression, NaN where no face is;
    rigids: how each seen row lies to the skull, empty where none is held."""

    skull: np.ndarray
    basis: np.ndarray
    parts: np.ndarray
    rigids: dict[int, Rigid]

    @classmethod
    def empty(cls, count: int, skull: np.ndarray, basis: np.ndarray) -> Shapes:
        return cls(skull, basis, np.full((count, len(basis)), np.nan, np.float32), {})

    def filled(self, segments: list[tuple[int, int]], time_s: np.ndarray) -> Shapes:
        """The gaps inside the segments filled in between their ends, evenly in time."""
        parts = self.parts.copy()
        for first, last in segments:
            rows = np.arange(first, last + 1)
            seen = rows[np.isfinite(self.parts[rows]).all(1)]
            for part in parts.T:
                part[rows] = np.interp(time_s[rows], time_s[seen], part[seen])
        return replace(self, parts=parts)


@dataclass(frozen=True, eq=False)
class SmoothedTake(TakeRows):
    """A steady take. interpolated (n,) bool: rows of short gaps, filled in; they are valid, with confidence 0."""

    interpolated: np.ndarray
    motion: Motion

    @property
    def raw(self) -> TakeRows:
        return self.motion.take

    def canonical(self, row: int) -> np.ndarray:
        """(N, 3) float32 cm of a row with a face."""
        if not self.valid[row]:
            raise ValueError(f"row {row} of the take has no face")
        return self.motion(int(row))


def steadied(take: TakeRows, poses: PoseTrack, motion: Motion) -> SmoothedTake:
    valid, box = np.zeros(len(take), bool), take.box.copy()
    for first, last in motion.segments:
        valid[first:last + 1] = True
        seen = np.flatnonzero(take.valid[first:last + 1]) + first
        for side in range(4):
            box[first:last + 1, side] = np.interp(take.time_s[first:last + 1], take.time_s[seen], take.box[seen, side])
    interpolated = valid & ~take.valid
    shift = np.full((len(take), 2), np.nan)
    for row in np.flatnonzero(valid):
        shift[row] = poses.pose(row).shift
    return SmoothedTake(take.header, take.topology, take.index, take.time_s, valid,
                        np.where(interpolated, 0, take.confidence), box, poses.rotation, np.exp(poses.size), shift,
                        poses.nearness, take.complete, interpolated, motion)


class Motion:
    """The positions of a take, steady: `motion(row)` -> (N, 3) float32 cm."""

    def __init__(self, take: TakeRows, shapes: Shapes, segments: list[tuple[int, int]],
                 options: SmoothingOptions) -> None:
        self.take, self.segments = take, segments
        self._shapes, self._options = shapes, options
        self._regions = [_Region(weights, shapes, take.time_s, name in OPENINGS)
                         for name, weights in regions_of(take.topology).items()]
        hold = min(options.identity, 1.0) * held_part(take.topology)
        self._moves = (1 - hold).astype(np.float32)[:, None]

    def __call__(self, row: int) -> np.ndarray:
        shapes, options = self._shapes, self._options
        first, last = next(segment for segment in self.segments if segment[0] <= row <= segment[1])
        out = self._seen(row)
        windows = {opening: self._windows(row, first, last, strength)
                   for opening, strength in ((False, options.expression), (True, OPENINGS_WIDTH * options.openings))}
        for region in self._regions:
            region.calm(out, row, windows[region.opening])
        return shapes.skull + self._moves * (out - shapes.skull) if options.identity > 0 else out

    def _windows(self, row: int, first: int, last: int, strength: float) -> list[tuple[int, np.ndarray]]:
        """First row and weights for each of the filters; none where nothing is to be steadied."""
        widths = WIDTHS_S if strength > 0 else ()
        return [line_weights(self.take.time_s, row, first, last, width * strength) for width in widths]

    def _seen(self, row: int) -> np.ndarray:
        """(N, 3) on the held skull; in a gap what the parts tell."""
        shapes = self._shapes
        if not self.take.valid[row]:
            return shapes.skull + (shapes.parts[row] @ shapes.basis).reshape(-1, 3)
        canonical = self.take.canonical(row)
        return shapes.rigids[row].undone(canonical) if shapes.rigids else canonical.copy()


class _Region:
    """A part of the face that moves as one: the numbers of every frame that tell how it moves, as vectors whose length
    is the root mean square in cm over the region."""

    def __init__(self, weights: np.ndarray, shapes: Shapes, time_s: np.ndarray, opening: bool) -> None:
        self.opening = opening
        self._rows = np.flatnonzero(weights > 0)
        self._weights = weights[self._rows, None]
        basis = shapes.basis.reshape(len(shapes.basis), len(weights), 3)[:, self._rows]
        squares = np.einsum("avk,v,bvk->ab", basis, self._weights[:, 0], basis, optimize=True) / self._weights.sum()
        strength, axes = np.linalg.eigh(squares.astype(np.float64))
        strength = np.maximum(strength, 1e-9 * max(strength.max(initial=0), 1e-9))
        self._numbers = (shapes.parts @ (axes * np.sqrt(strength))).astype(np.float32)
        back = (axes / np.sqrt(strength)).T.astype(np.float32)
        self._basis = back @ basis.reshape(len(basis), 3 * len(self._rows))
        self._noise = noise_of(_length, self._numbers, time_s, CALMEST_SHARE) * (OPENINGS_NOISE if opening else 1.0)

    def calm(self, vertices: np.ndarray, row: int, windows: list[tuple[int, np.ndarray]]) -> None:
        """Changes `vertices` from as seen to as calm as noise allows."""
        value = seen = self._numbers[row]
        for (low, weights), left in zip(windows, NOISE_LEFT):
            value = calmer(value, self._numbers[low:low + len(weights)], weights, _length, self._noise, left)
        if windows and len(value):
            away = ((value - seen).astype(np.float32) @ self._basis).reshape(-1, 3)
            vertices[self._rows] += self._weights * away


def _length(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(values).sum(-1))


def regions_of(topology: Topology) -> dict[str, np.ndarray]:
    """{region: (N,) float32, the part of each vertex that belongs to it}; they sum to 1 and pass softly into one
    another."""
    return _regions_of(topology)


@lru_cache(maxsize=2)
def _regions_of(topology: Topology) -> dict[str, np.ndarray]:
    parts = {name: _soft(topology, topology.regions[name]) for name in OPENINGS + SLOWER}
    parts["rest"] = np.clip(1 - sum(parts.values()), 0, None)
    total = sum(parts.values())
    return {name: (part / total).astype(np.float32) for name, part in parts.items()}


def held_part(topology: Topology) -> np.ndarray:
    """(N,) 0..1: how far each vertex is part of the skull. The model's rigid region reaches into lower lids, which do
    move in people."""
    moving = np.logical_or.reduce([topology.regions[name] for name in (*OPENINGS, *SLOWER)])
    return _soft(topology, topology.regions["rigid"] & ~moving)


def _soft(topology: Topology, region: np.ndarray) -> np.ndarray:
    """(N,) bool -> (N,) 0..1: blurred over the unwrap, without mixing in what is no vertex."""
    at = topology.cells[:, 0], topology.cells[:, 1]
    known = np.zeros((topology.size, topology.size), np.float32)
    inside = known.copy()
    known[at], inside[at] = 1, region
    blurred = [cv2.GaussianBlur(picture, (0, 0), SOFT_CELLS, borderType=cv2.BORDER_CONSTANT)
               for picture in (inside, known)]
    return blurred[0][at] / np.maximum(blurred[1][at], 1e-6)
