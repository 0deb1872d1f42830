"""What the kinds of files share: which face stands for a lost frame, and where the head is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference_core.mesh import METRES_PER_CM

if TYPE_CHECKING:
    from inference_core.take import TakeRows
    from inference_core.topology import Topology


@dataclass(frozen=True, eq=False)
class StillFace:
    """As much of a face as the writers of mesh files need."""

    topology: Topology
    vertices_canonical: np.ndarray


def held_rows(take: TakeRows) -> np.ndarray:
    """(n,) the row whose face stands for each row: its own, the last one seen, or the first where none was yet."""
    seen = np.where(take.valid, np.arange(len(take)), -1)
    return np.maximum(np.maximum.accumulate(seen), np.argmax(take.valid))


def frame_rate(take: TakeRows) -> float:
    """Rows a second as they came: one over the median of the steps; 0 with fewer than two rows or stamps that
    stand."""
    steps = np.diff(take.time_s)
    steps = steps[steps > 0]
    return float(1 / np.median(steps)) if len(steps) else 0.0


def head_place(take: TakeRows, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and place (3,) in cm of the head, y up, z towards the camera, the origin in the middle of the
    picture. How near the head is to the camera is not known; z stays 0."""
    width, height = take.header.size
    x, y = (take.shift[row] - [(width - 1) / 2, (height - 1) / 2]) / take.scale[row]
    return take.rotation[row], np.array([x, -y, 0.0])


def placed(take: TakeRows, row: int, head: bool) -> np.ndarray:
    """(N, 3) float32 cm: the face of a row with a face, upright in place or moved as the head was."""
    vertices = take.canonical(row)
    if not head:
        return vertices
    rotation, place = head_place(take, row)
    return (vertices @ rotation.T.astype(np.float32) + place.astype(np.float32)).astype(np.float32)


def placed_metres(take: TakeRows, row: int, head: bool) -> np.ndarray:
    return placed(take, row, head) * np.float32(METRES_PER_CM)


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """(n, 3, 3) -> (n, 4) x, y, z, w of length 1, neighbours on the same side, so that they can be interpolated."""
    r = np.asarray(rotations, np.float64)
    # four times the outer product of the quaternion with itself: its column of the largest diagonal is the surest
    x, y, z, w = r[:, 0, 0], r[:, 1, 1], r[:, 2, 2], np.ones(len(r))
    square = np.empty((len(r), 4, 4))
    for i, diagonal in enumerate((x - y - z + w, y - x - z + w, z - x - y + w, x + y + z + w)):
        square[:, i, i] = diagonal
    for i, j in ((0, 1), (0, 2), (1, 2)):
        square[:, i, j] = square[:, j, i] = r[:, i, j] + r[:, j, i]
    for i, (a, b) in enumerate(((2, 1), (0, 2), (1, 0))):
        square[:, i, 3] = square[:, 3, i] = r[:, a, b] - r[:, b, a]
    largest = np.argmax(np.einsum("nii->ni", square), axis=1)
    q = square[np.arange(len(r)), :, largest]
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    turns = np.where((q[1:] * q[:-1]).sum(1) < 0, -1, 1)
    q[1:] *= np.cumprod(turns)[:, None]
    return q
