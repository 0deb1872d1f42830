"""A steady take out of a raw one: smoothing is applied when a take is read, never stored.

In the order in which trembling arises: the crop was held still while tracking; here the head's pose (`steady_pose`),
then the expression in canonical space (`smoothed_take`), where a turning head does not move it. One skull is estimated
over the take and held: every frame's pose is the rigid fit of that skull, so that proportions do not breathe. Filters
are symmetric in time: nothing lags.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from inference_core.errors import InputError
from inference_core.rigid import fit_rigid
from inference_core.smoothed_take import Motion, Shapes, steadied
from inference_core.steady_pose import PoseTrack, filled, lids_of, steady_poses
from inference_core.take import TakeRows

STRONGEST = 8.0
LEARNED_ROWS = 200              # frames that the skull and the expressions are learned from
COMPONENTS, LEAST_STRENGTH = 64, 1e-7
SIDE = 0.5                      # cosine from which on a turned face tells about its skull


@dataclass(frozen=True)
class SmoothingOptions:
    """Strengths, 1 = as measured to be good, 0 = raw: pose of the head; expression; openings: lids and lips, which are
    faster; identity: how firmly the skull is held. Gaps of up to max_gap_s are filled in and marked, 0 = none."""

    pose: float = 1.0
    expression: float = 1.0
    openings: float = 1.0
    identity: float = 1.0
    max_gap_s: float = 0.25

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= STRONGEST:
                raise InputError(f"smoothing: {field.name} cannot be {value:g}; give 0 (raw) to {STRONGEST:g}")


RAW = SmoothingOptions(0.0, 0.0, 0.0, 0.0, 0.0)


def smooth(take: TakeRows, options: SmoothingOptions = SmoothingOptions(),
           on_row: Callable[[], None] = lambda: None) -> TakeRows:
    """What reads like the take, but steady. Reads every frame once and keeps three kilobytes of each; positions are
    read again when they are asked for. on_row is called for every row that is read, and may raise to stop."""
    seen = np.flatnonzero(take.valid)
    if options == RAW or not len(seen):
        return take
    segments = segments_of(take.time_s, seen, options.max_gap_s)
    skull, basis = learned(take, seen)
    shapes, poses = _read(take, seen, skull, basis, options.identity > 0, on_row)
    poses = filled(poses, segments, take.time_s)
    if options.pose > 0:
        poses = steady_poses(poses, take.time_s, segments, options.pose)
    shapes = shapes.filled(segments, take.time_s)
    return steadied(take, poses, Motion(take, shapes, segments, options))


def segments_of(time_s: np.ndarray, seen: np.ndarray, max_gap_s: float) -> list[tuple[int, int]]:
    """(first, last) rows of the stretches that are steadied as one: seen rows, and short gaps between them. A gap is as
    long as from its first lost frame to the next that was seen."""
    cuts = [0]
    for number in range(1, len(seen)):
        before, after = seen[number - 1], seen[number]
        if after > before + 1 and time_s[after] - time_s[before + 1] > max_gap_s:
            cuts.append(number)
    return [(int(seen[first]), int(seen[last - 1])) for first, last in zip(cuts, [*cuts[1:], len(seen)])]


def learned(take: TakeRows, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) float32 cm, the shape of this take's face, its expressions averaged, frontal and sure frames counting
    most; and (C, 3 N) float32, what its expressions are made of: orthonormal, strongest first."""
    rows = seen[np.unique(np.linspace(0, len(seen) - 1, LEARNED_ROWS).astype(int))]
    weights = np.maximum(take.confidence[rows] * np.clip(take.rotation[rows, 2, 2] - SIDE, 0, 1) ** 2, 1e-6)
    weights = np.float32(weights / weights.sum())       # of the shapes' own kind: none of them is converted
    rigid = take.topology.regions["rigid"]
    shapes = np.stack([take.canonical(int(row)) for row in rows])
    mean = np.tensordot(weights, shapes, 1)
    for number, shape in enumerate(shapes):
        shapes[number] = fit_rigid(mean[rigid], shape[rigid]).undone(shape)
    skull = np.tensordot(weights, shapes, 1)
    away = (shapes - skull).reshape(len(rows), -1)
    strength, mixes = np.linalg.eigh((away @ away.T).astype(np.float64))
    kept = np.flatnonzero(strength > LEAST_STRENGTH * max(strength[-1], 1e-9))[::-1][:COMPONENTS]
    return skull, (mixes[:, kept] / np.sqrt(strength[kept])).T.astype(np.float32) @ away


def _read(take: TakeRows, seen: np.ndarray, skull, basis, hold: bool, on_row) -> tuple[Shapes, PoseTrack]:
    """One pass over the positions: how each frame lies to the skull, what its expression is made of, and its pose."""
    topology, rigid = take.topology, take.topology.regions["rigid"]
    shapes = Shapes.empty(len(take), skull, basis)
    poses = PoseTrack.empty(len(take), skull, topology)
    for row in map(int, seen):
        canonical, pose = take.canonical(row), take.pose(row)
        if hold:
            shapes.rigids[row] = fit_rigid(skull[rigid], canonical[rigid])
            pose, canonical = shapes.rigids[row].pose(pose), shapes.rigids[row].undone(canonical)
        shapes.parts[row] = basis @ (canonical - skull).ravel()
        poses.set(row, pose, lids_of(topology, canonical))
        on_row()
    return shapes, poses
