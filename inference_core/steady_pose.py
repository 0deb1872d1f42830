"""Steady poses of the head, over a whole take.

A pose is where the middle of the inner face lies in the picture, how the head is turned, and how large it is. The
middle of nose and lips is what a network sees best: its errors in turn and size then do not move the face. Shut lids
make it believe in a smaller head that looks up; what of turn and size follows the lids is found by regression and taken
out.

Ever wider filters are tried, and each is taken as far as noise alone explains what it changes (in the manner of Lepski,
"On a problem of adaptive estimation in Gaussian white noise", 1991): a still head is very still, a fast one is where it
was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inference_core.pose import HeadPose, compose
from inference_core.rigid import turn_matrix, turn_vector
from inference_core.time_filters import (CALMEST_PLACE, CALMEST_TURN, NOISE_LEFT, WIDTHS_S, calmer, line_weights,
                                         noise_of)
from inference_core.topology import Topology

SIZE_CALM = 2.5                 # times the noise of sizes still counts as noise: heads grow and shrink slowly
NEARNESS_CALM = 3.0             # times the widest filter: the camera does not change its lens
BLINK_S = 0.39                  # lids that shut for longer are no blink, and tell nothing about errors
LIDS_MOVE_S = 0.07
# how much turn and log size may be off by shut lids: what the regression holds for likely beforehand
LIKELY_TURN_RAD, LIKELY_SIZE = 0.05, 0.03
MOST_LIKELY = 2.0               # times that is all that is put down to lids
LEAST_SHUT = 0.15               # lids differ by as much between two looks at a face
OPEN_QUANTILE = 0.8
LEFT_LIDS, RIGHT_LIDS = ((43, 44), (47, 46)), ((37, 38), (41, 40))        # iBUG 68: upper, lower


@dataclass(frozen=True, eq=False)
class PoseTrack:
    """n poses, NaN where no face is: place (n, 2) pixels of `point` (3,) cm; rotation (n, 3, 3); size (n,) log of the
    scale; nearness (n,) 1/cm; lids (n, 2) cm that the left and the right eye are open."""

    point: np.ndarray
    place: np.ndarray
    rotation: np.ndarray
    size: np.ndarray
    nearness: np.ndarray
    lids: np.ndarray

    @classmethod
    def empty(cls, count: int, canonical: np.ndarray, topology: Topology) -> PoseTrack:
        shapes = ((count, 2), (count, 3, 3), (count,), (count,), (count, 2))
        return cls(inner_face(topology, canonical), *(np.full(shape, np.nan) for shape in shapes))

    def set(self, row: int, pose: HeadPose, lids: np.ndarray) -> None:
        self.place[row] = compose(self.point[None], pose)[0, :2]
        self.rotation[row], self.size[row] = pose.rotation, np.log(pose.scale)
        self.nearness[row] = pose.inverse_distance
        self.lids[row] = lids

    def pose(self, row: int) -> HeadPose:
        """In image pixels."""
        loose = HeadPose(self.rotation[row], float(np.exp(self.size[row])), np.zeros(2), float(self.nearness[row]))
        return replace(loose, shift=self.place[row] - compose(self.point[None], loose)[0, :2])


def inner_face(topology: Topology, canonical: np.ndarray) -> np.ndarray:
    """(3,) float64 the middle of nose and lips."""
    return canonical[topology.regions["nose"] | topology.regions["lips"]].mean(0).astype(np.float64)


def lids_of(topology: Topology, canonical: np.ndarray) -> np.ndarray:
    """(2,) cm that the left and the right eye are open."""
    y = topology.landmarks(canonical)[:, 1]
    return np.array([(y[list(upper)] - y[list(lower)]).mean() for upper, lower in (LEFT_LIDS, RIGHT_LIDS)])


def filled(track: PoseTrack, segments: list[tuple[int, int]], time_s: np.ndarray) -> PoseTrack:
    """The gaps inside the segments filled in between their ends, evenly in time."""
    out = replace(track, **{name: getattr(track, name).copy()
                            for name in ("place", "rotation", "size", "nearness", "lids")})
    for first, last in segments:
        missing = np.flatnonzero(np.isnan(track.size[first:last + 1])) + first
        seen = np.setdiff1d(np.arange(first, last + 1), missing)
        for row in missing:
            before, after = seen[seen < row][-1], seen[seen > row][0]
            share = (time_s[row] - time_s[before]) / (time_s[after] - time_s[before])
            for values in (out.place, out.size, out.nearness, out.lids):
                values[row] = (1 - share) * values[before] + share * values[after]
            turn = turn_vector(out.rotation[before].T @ out.rotation[after])
            out.rotation[row] = out.rotation[before] @ turn_matrix(share * turn)
    return out


def steady_poses(track: PoseTrack, time_s: np.ndarray, segments: list[tuple[int, int]], strength: float) -> PoseTrack:
    """The track without blinks in it and without trembling. strength: of the filters' widths."""
    shut = _shut(track.lids)
    track = _without_blinks(track, shut, time_s, segments)
    open_ = (1.02 - _around(shut.mean(1), time_s)) ** 2
    place, rotation, size, nearness = (values.copy() for values in (track.place, track.rotation, track.size,
                                                                    track.nearness))
    usual = np.exp(np.nanmedian(track.size))
    places = track.place / usual
    noise = [noise_of(_rms, places, time_s, CALMEST_PLACE),
             noise_of(_rms, _summed_turns(track.rotation), time_s, CALMEST_TURN),
             SIZE_CALM * noise_of(_rms, track.size[:, None], time_s)]
    for first, last in segments:
        for row in range(first, last + 1):
            at, turn, large = places[row], np.zeros(3), track.size[row:row + 1]
            for width, left in zip(WIDTHS_S, NOISE_LEFT):
                low, weights = line_weights(time_s, row, first, last, width * strength)
                window = slice(low, low + len(weights))
                turns = turn_vector(track.rotation[row].T @ track.rotation[window])
                at = calmer(at, places[window], weights, _rms, noise[0], left)
                turn = calmer(turn, turns, weights, _rms, noise[1], left)
                # what is said of its size while lids are shut counts little
                low, weights = line_weights(time_s, row, first, last, width * strength, open_**2)
                large = calmer(large, track.size[low:low + len(weights), None], weights, _rms,
                               noise[2] / open_[row] ** 2, left)
            place[row] = at * usual
            rotation[row], size[row] = track.rotation[row] @ turn_matrix(turn), large[0]
            low, weights = line_weights(time_s, row, first, last, NEARNESS_CALM * WIDTHS_S[-1] * strength)
            nearness[row] = weights @ track.nearness[low:low + len(weights)]
    return replace(track, place=place, rotation=rotation, size=size, nearness=np.maximum(nearness, 0))


def _shut(lids: np.ndarray) -> np.ndarray:
    """(n, 2) share of its usual opening by which each eye is shut; 0 where no face is."""
    usual = np.maximum(np.nanquantile(lids, OPEN_QUANTILE, axis=0), 1e-3)
    return np.nan_to_num(np.clip(1 - lids / usual, 0, 1))


def _around(shut: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(n,) the most within LIDS_MOVE_S: the error begins before the lids are seen to move."""
    first, last = (np.searchsorted(time_s, time_s + step) for step in (-LIDS_MOVE_S, LIDS_MOVE_S))
    return np.array([shut[a:b].max() for a, b in zip(first, last)])


def _without_blinks(track: PoseTrack, shut: np.ndarray, time_s: np.ndarray, segments) -> PoseTrack:
    """What of turn and size follows the lids is the network's error: regressed on blinks alone (all slow motion is
    taken off both sides), each number as firmly as its own unrest allows."""
    shut = np.clip((shut - LEAST_SHUT) / (1 - LEAST_SHUT), 0, 1)
    both = shut.mean(1)
    causes = np.stack([shut[:, 0], shut[:, 1], both * (1 - both)], 1)      # the last: more, or less, than in proportion
    turn, size, lids = (np.zeros((len(time_s), k)) for k in (3, 1, 3))
    for first, last in segments:
        for row in range(first, last + 1):
            at, weights = line_weights(time_s, row, first, last, BLINK_S)
            window = slice(at, at + len(weights))
            turn[row] = -weights @ turn_vector(track.rotation[row].T @ track.rotation[window])
            size[row] = track.size[row] - weights @ track.size[window]
            lids[row] = causes[row] - weights @ causes[window]
    fast = np.hstack([turn, size])
    likely = np.array([LIKELY_TURN_RAD] * 3 + [LIKELY_SIZE])
    unrest = np.median(np.abs(fast[np.isfinite(track.size)]), 0) / 0.6745
    error = np.stack([np.linalg.solve(lids.T @ lids + (u / l) ** 2 * np.eye(3), lids.T @ y)
                      for y, u, l in zip(fast.T, np.maximum(unrest, 1e-6), likely)], 1)
    error = np.clip(error, -MOST_LIKELY * likely, MOST_LIKELY * likely)
    rotation = track.rotation.copy()
    for row in np.flatnonzero(shut.max(1) > 0):
        rotation[row] = rotation[row] @ turn_matrix(-causes[row] @ error[:, :3])
    return replace(track, rotation=rotation, size=track.size - causes @ error[:, 3])


def _summed_turns(rotation: np.ndarray) -> np.ndarray:
    """(n, 3): the turns summed up from row to row; NaN starts anew."""
    steps = turn_vector(np.swapaxes(rotation[:-1], 1, 2) @ rotation[1:])
    return np.cumsum(np.vstack([np.zeros(3), np.nan_to_num(steps)]), 0)


def _rms(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(values), -1))
