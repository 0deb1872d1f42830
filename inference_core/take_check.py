"""Whether the numbers of a take can be those of a head: takes may come from anywhere, and checksums are easily made."""

from __future__ import annotations

import numpy as np

from inference_core.errors import TakeError
from inference_core.take import Take
from inference_core.take_header import AGAIN

FARTHEST_PX, SCALES, LATEST_S, NEAREST_CM = 1e7, (1e-4, 1e6), 1e9, 20.0
STRETCH = 1e-3


def checked(take: Take) -> Take:
    """The take itself. Raises TakeError naming the first frame that holds numbers no head has, or comes no later than
    the one before."""
    with np.errstate(all="ignore"):
        stretch = np.abs(take.rotation @ np.swapaxes(take.rotation, 1, 2) - np.eye(3)).max((1, 2))
        possible = (stretch < STRETCH) & (np.linalg.det(take.rotation) > 0)
        early = np.flatnonzero(~(np.diff(take.time_s, prepend=-np.inf) > 0))
    possible &= (take.scale >= SCALES[0]) & (take.scale <= SCALES[1]) & (np.abs(take.shift).max(1) <= FARTHEST_PX)
    possible &= (take.inverse_distance >= 0) & (take.inverse_distance <= 1 / NEAREST_CM)
    wrong = np.flatnonzero((take.valid & ~possible) | ~(np.abs(take.time_s) <= LATEST_S))
    for rows, cause in ((wrong, "holds numbers that no head has"), (early, "comes no later than the one before")):
        if len(rows):
            raise TakeError(f"{take.path}: damaged or altered (frame {take.index[rows[0]]} {cause}); {AGAIN}")
    return take
