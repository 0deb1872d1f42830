"""What is measured of every frame of a take, in one pass over it: how the head is turned, how far mouth and eyes are
open, when the eyes blink, how much the face trembles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_core.steady_pose import lids_of

if TYPE_CHECKING:
    from inference_core.take import TakeRows

OUTER_EYES = 36, 45                                     # iBUG 68
LIPS = (61, 62, 63), (67, 66, 65)                       # inner upper, inner lower
USUAL_S, USUAL_QUANTILE = 2.0, 0.8      # an eye is as open as usual at this quantile of so many seconds to each side
SHUT, MOVED = 0.55, 0.35        # shares of the usual opening: missing in a blink; by which lids come down and up
LONGEST_BLINK_S = 0.6                   # lids that stay shut for longer rest, or look down
MOST_AROUND = 500                       # rows to each side that the usual opening is found from


@dataclass(frozen=True, eq=False)
class Measures:
    """n rows; NaN where no face was seen. time_s (n,) from the first frame on, never falling; angles_deg (n, 3) yaw,
    pitch, roll; mouth_mm (n,) between the inner lips; eyes_mm (n, 2) between the lids, left and right; bends (n,): the
    second difference of the face's shape in time, root mean square over its vertices, in shares of the distance between
    the outer corners of the eyes, NaN beside gaps; blinks: (first, last) rows of each."""

    time_s: np.ndarray
    angles_deg: np.ndarray
    mouth_mm: np.ndarray
    eyes_mm: np.ndarray
    bends: np.ndarray
    blinks: list[tuple[int, int]]


def measure(take: TakeRows, on_frame: Callable[[], None] = lambda: None) -> Measures:
    """Reads every frame once, in constant memory but for a few numbers of each. Raises TakeError."""
    count = len(take)
    angles, eyes = np.full((count, 3), np.nan), np.full((count, 2), np.nan)
    mouth, bends = np.full(count, np.nan), np.full(count, np.nan)
    last: list[np.ndarray] = []
    for row in range(count):
        on_frame()
        if not take.valid[row]:
            last = []
            continue
        canonical = take.canonical(row)
        landmarks = take.topology.landmarks(canonical)
        angles[row] = take.pose(row).yaw_pitch_roll_deg
        eyes[row] = 10 * lids_of(take.topology, canonical)
        mouth[row] = 10 * (landmarks[list(LIPS[0]), 1] - landmarks[list(LIPS[1]), 1]).mean()
        if len(last) == 2:
            bend = canonical - 2 * last[1] + last[0]
            across = np.linalg.norm(landmarks[OUTER_EYES[0]] - landmarks[OUTER_EYES[1]])
            bends[row - 1] = math.sqrt(np.square(bend).sum(1).mean()) / max(float(across), 1e-6)
        last = [*last[-1:], canonical]
    time_s = np.maximum.accumulate(take.time_s - take.time_s[0]) if count else take.time_s
    return Measures(time_s, angles, mouth, eyes, bends, blinks_in(eyes, time_s))


def blinks_in(openings: np.ndarray, time_s: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) rows in which the lids of both eyes (n, 2) shut for a moment: they come down and up again by MOVED
    of what is open as usual, and at the lowest SHUT of it is missing. A wink is no blink, nor is what a gap or an end
    of the take cuts off."""
    shut, found = np.minimum(*(_shut(opening, time_s) for opening in openings.T)), []
    openest, peak = np.inf, -1                          # share missing since lids last came up; row of the lowest lids
    for row, share in enumerate(shut):
        if np.isnan(share):
            openest, peak = np.inf, -1
        elif peak < 0:
            openest = min(openest, share)
            peak = row if share - openest >= MOVED else -1
        elif share > shut[peak]:
            peak = row
        elif shut[peak] - share >= MOVED:
            first = last = peak
            while shut[first - 1] > shut[peak] - MOVED:         # both end before the lids were open: the loop saw that
                first -= 1
            while shut[last + 1] > shut[peak] - MOVED:
                last += 1
            if shut[peak] >= SHUT and time_s[last] - time_s[first] <= LONGEST_BLINK_S:
                found.append((first, last))
            openest, peak = share, -1
    return found


def _shut(opening: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """(n,) what is missing of the usual opening, in shares of it."""
    out = np.full(len(opening), np.nan)
    starts, ends = np.searchsorted(time_s, time_s - USUAL_S), np.searchsorted(time_s, time_s + USUAL_S, side="right")
    for row in np.flatnonzero(np.isfinite(opening)):
        around = opening[max(starts[row], row - MOST_AROUND):min(ends[row], row + MOST_AROUND + 1)]
        usual = float(np.quantile(around[np.isfinite(around)], USUAL_QUANTILE))
        out[row] = 1 - opening[row] / usual if usual > 0 else 0.0
    return out
