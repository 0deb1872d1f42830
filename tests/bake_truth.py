"""Where the vertices of a take belong in Blender, worked out from the take alone: the tests' own formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:                   # so that it runs beside an installed add-on, whose core has another name
    from inference_core.take import TakeRows

FACE_SIZE_M = 0.2               # about; tolerances are shares of it
BLENDER = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) / 100           # x, y up, z forward in cm -> metres, z up


def world(take: TakeRows, row: int, head: bool, cursor=(0.0, 0.0, 0.0)) -> np.ndarray:
    """(N, 3) metres: the face of a row with a face, upright or turned and moved as the head was."""
    points = take.canonical(row).astype(np.float64)
    if head:
        width, height = take.header.size
        x = (take.shift[row][0] - (width - 1) / 2) / take.scale[row]
        y = ((height - 1) / 2 - take.shift[row][1]) / take.scale[row]
        points = points @ take.rotation[row].T + [x, y, 0]
    return points @ BLENDER.T + cursor


def at_frame(take: TakeRows, frame: float, fps: float, start: float, head: bool, cursor=(0.0, 0.0, 0.0),
             times=None) -> np.ndarray:
    """The face that the clip shows at a frame of the scene: between two frames with a face straight from one to the
    other; the last one seen holds where frames are lost, the first and last before and after the take."""
    times = (take.time_s if times is None else times) - take.time_s[0]
    seen = np.flatnonzero(take.valid)
    time_s = (frame - start) / fps
    after = int(np.searchsorted(times[seen], time_s + 1e-6, side="right"))
    before = int(seen[max(after - 1, 0)])
    if after == 0 or after == len(seen) or not take.valid[before:seen[after]].all():
        return world(take, before, head, cursor)
    following = int(seen[after])
    share = (time_s - times[before]) / (times[following] - times[before])
    if abs(share) < 1e-5:
        return world(take, before, head, cursor)
    return (1 - share) * world(take, before, head, cursor) + share * world(take, following, head, cursor)
