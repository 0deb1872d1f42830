"""Steady results while they come: what has been seen so far is all that is known, so fast motion may lag by a frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference_core.pose import HeadPose, compose
from inference_core.regression import Face
from inference_core.rigid import fit_rigid, turn_matrix, turn_vector
from inference_core.smoothed_take import OPENINGS, held_part, regions_of
from inference_core.smoothing import SmoothingOptions
from inference_core.steady_pose import inner_face, lids_of
from inference_core.time_filters import OneEuro
from inference_core.tracking import FrameResult

# (Hz at rest, Hz that a unit a second adds): radians, centimetres, log size, 1/cm; centimetres of the expression
TURN, PLACE, SIZE, NEARNESS = (0.1, 12.0), (0.1, 3.0), (0.1, 2.0), (0.1, 0.0)
EXPRESSION, OPENING = (0.1, 8.0), (0.1, 12.0)
DEAF = 2.5                      # times the noise: what is slower is taken for noise, and what is seen lags by as much
LONGEST_STEP_S = 0.5            # after a longer break a face starts anew
SKULL_FRAMES = 300              # that the skull is averaged over
FORGET_S = 20.0                 # the usual opening of lids, measured anew


class LiveSmoother:
    """`smoother(result)` -> the same result with steady faces, each on its own. Frames are given in turn."""

    def __init__(self, options: SmoothingOptions = SmoothingOptions()) -> None:
        self._options = options
        self._faces: dict[int, tuple[float, _SteadyFace]] = {}

    def __call__(self, result: FrameResult) -> FrameResult:
        kept, faces = {}, {}
        for name, face in result.faces.items():
            last_s, steady = self._faces.get(name, (result.time_s, None))
            step_s = result.time_s - last_s
            if steady is None or not 0 < step_s <= LONGEST_STEP_S:
                steady, step_s = _SteadyFace(face, self._options), 0.0
            faces[name] = steady(face, step_s)
            kept[name] = (result.time_s, steady)
        # a face that is lost for a moment goes on where it was
        self._faces = {n: f for n, f in self._faces.items() if result.time_s - f[0] <= LONGEST_STEP_S} | kept
        return replace(result, faces=faces)


class _SteadyFace:
    def __init__(self, face: Face, options: SmoothingOptions) -> None:
        topology = face.topology
        self._options = options
        self._skull, self._frames = face.vertices_canonical, 0
        self._rigid = topology.regions["rigid"]
        self._moves = (1 - min(options.identity, 1.0) * held_part(topology))[:, None].astype(np.float32)
        self._point = inner_face(topology, self._skull)
        self._turn, self._pixels = face.pose.rotation, face.pose.scale         # what turns and places are measured from
        self._usual = lids_of(topology, self._skull)
        numbers = np.array([_tuned(part, options.pose) for part in (TURN, PLACE, SIZE, NEARNESS)]).T
        self._pose = OneEuro(*numbers, np.eye(4))
        regions = regions_of(topology)
        tuned = np.array([_tuned(OPENING, options.openings) if name in OPENINGS
                          else _tuned(EXPRESSION, options.expression) for name in regions]).T
        self._expression = OneEuro(*tuned, np.stack(list(regions.values())))

    def __call__(self, face: Face, step_s: float) -> Face:
        canonical, pose, options = face.vertices_canonical, face.pose, self._options
        if not (options.pose or options.expression or options.openings or options.identity):
            return face
        if options.identity > 0:
            rigid = fit_rigid(self._skull[self._rigid], canonical[self._rigid])
            pose, canonical = rigid.pose(pose), rigid.undone(canonical)
            self._frames = min(self._frames + 1, SKULL_FRAMES)
            self._skull = self._skull + (canonical - self._skull) / np.float32(self._frames)
        if options.pose > 0:
            pose = self._steady_pose(pose, lids_of(face.topology, canonical), step_s)
        if options.expression > 0 or options.openings > 0:
            canonical = self._expression(canonical, step_s)
        if options.identity > 0:
            canonical = self._skull + self._moves * (canonical - self._skull)
        return _face(face, canonical, pose)

    def _steady_pose(self, pose: HeadPose, lids: np.ndarray, step_s: float) -> HeadPose:
        """One Euro on all numbers of the pose. Shut lids make networks believe in a smaller head that looks up: while
        they are shut, size and nodding are hardly believed."""
        self._usual = np.maximum(self._usual * np.exp(-step_s / FORGET_S), lids)
        open_ = np.clip(lids / np.maximum(self._usual, 1e-3), 0.1, 1).mean() ** 4
        place = compose(self._point[None], pose)[0, :2] / self._pixels
        numbers = np.zeros((4, 3))
        numbers[0] = turn_vector(pose.rotation @ self._turn.T)
        numbers[1, :2] = place
        numbers[2, 0], numbers[3, 0] = np.log(pose.scale), pose.inverse_distance
        trust = np.ones((4, 3))
        trust[0, 0] = trust[2] = open_
        turn, place, size, near = self._pose(numbers, step_s, trust)
        loose = HeadPose(turn_matrix(turn) @ self._turn, float(np.exp(size[0])), np.zeros(2), float(near[0]))
        shift = place[:2] * self._pixels - compose(self._point[None], loose)[0, :2]
        return replace(loose, shift=shift)


def _tuned(part: tuple[float, float], strength: float) -> tuple[float, float, float]:
    return (part[0] / strength, part[1] / strength, DEAF * strength) if strength > 0 else (np.inf, 0.0, 0.0)


def _face(face: Face, canonical: np.ndarray, pose: HeadPose) -> Face:
    vertices = compose(canonical, pose).astype(np.float32)
    landmarks = face.topology.landmarks(vertices)
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return replace(face, position_map_image=face.topology.position_map(vertices), vertices_image=vertices,
                   landmarks_image=landmarks, vertices_canonical=canonical.astype(np.float32), pose=pose, box=box)
