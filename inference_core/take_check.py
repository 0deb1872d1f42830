"""Whether the numbers of a take can be those of a head: takes may come from anywhere, and checksums are easily made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference_core.errors import TakeError
from inference_core.take import Take
from inference_core.take_header import AGAIN

FARTHEST_PX, SCALES, LATEST_S, NEAREST_CM = 1e7, (1e-4, 1e6), 1e9, 20.0
STRETCH = 1e-3
TICK_S = 0.001                  # between frames whose stamps are the same


def checked(take: Take) -> Take:
    """The take, its stamps rising: those of older live takes may stand still, as clocks do, and go on by ticks then.
    Raises TakeError naming the first frame that holds numbers no head has, or comes before the last one."""
    with np.errstate(all="ignore"):
        stretch = np.abs(take.rotation @ np.swapaxes(take.rotation, 1, 2) - np.eye(3)).max((1, 2))
        possible = (stretch < STRETCH) & (np.linalg.det(take.rotation) > 0)
        early = np.flatnonzero(~(np.diff(take.time_s, prepend=-np.inf) >= 0))
    possible &= (take.scale >= SCALES[0]) & (take.scale <= SCALES[1]) & (np.abs(take.shift).max(1) <= FARTHEST_PX)
    possible &= (take.inverse_distance >= 0) & (take.inverse_distance <= 1 / NEAREST_CM)
    wrong = np.flatnonzero((take.valid & ~possible) | ~(np.abs(take.time_s) <= LATEST_S))
    for rows, cause in ((wrong, "holds numbers that no head has"), (early, "comes earlier than the one before")):
        if len(rows):
            raise TakeError(f"{take.path}: damaged or altered (frame {take.index[rows[0]]} {cause}); {AGAIN}")
    return take if (np.diff(take.time_s) > 0).all() else replace(take, time_s=_rising(take.time_s))


def _rising(time_s: np.ndarray) -> np.ndarray:
    """As `video.rising` has them from the start."""
    moved = time_s.tolist()
    for row in range(1, len(moved)):
        if moved[row] <= moved[row - 1]:
            moved[row] = moved[row - 1] + TICK_S
    return np.array(moved)
