"""A take: the capture of a whole video in one folder (NAME.lprtake), raw, written as it goes and read piece by piece.

header.json says where it comes from (`take_header`); frames.bin holds a record a frame (`take_records`). Reading takes
the heads of all frames (some 200 bytes each) and the positions of one frame when asked for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_core.errors import TakeError
from inference_core.pose import HeadPose, compose
from inference_core.take_header import AGAIN, FORMAT, FRAMES, TakeHeader, own_topology, read_header
from inference_core.take_records import (LOST, MAGIC, PREAMBLE, Head, TakeFrame, positions_of, read_body, read_head,
                                         scan)
from inference_core.take_writer import TakeWriter
from inference_core.topology import Topology

if TYPE_CHECKING:
    from inference_core.tracking import FrameResult

FARTHEST_CM = 1000.0            # from the middle of a head: no part of it is
SMALLEST_CM = 1.0               # no head is; topologies of a few vertices are

__all__ = ["Take", "TakeFrame", "TakeHeader", "TakeRows", "TakeWriter", "open_take", "take_frame"]


@dataclass(frozen=True, eq=False)
class TakeRows(ABC):
    """What reads like a take: n rows, one for each frame that was captured or lost. Raw takes and smoothed ones.

    index (n,) int64 in the source, rising; time_s (n,) float64; valid (n,) bool: a face was seen; confidence (n,); box
    (n, 4) image pixels; rotation (n, 3, 3), scale (n,), shift (n, 2), inverse_distance (n,): the pose in image pixels,
    NaN where no face was seen. All float64. complete: the capture came to its end.
    """

    header: TakeHeader
    topology: Topology
    index: np.ndarray
    time_s: np.ndarray
    valid: np.ndarray
    confidence: np.ndarray
    box: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    inverse_distance: np.ndarray
    complete: bool

    def __len__(self) -> int:
        return len(self.index)

    @property
    def raw(self) -> TakeRows:
        """As it was captured: itself, or what a smoothed take was made of."""
        return self

    @abstractmethod
    def canonical(self, row: int) -> np.ndarray:
        """(N, 3) float32 cm of a row with a face."""

    def pose(self, row: int) -> HeadPose:
        """In image pixels. Raises ValueError for a row without a face."""
        if not self.valid[row]:
            raise ValueError(f"row {row} of the take has no face")
        return HeadPose(self.rotation[row], float(self.scale[row]), self.shift[row], float(self.inverse_distance[row]))

    def vertices_image(self, row: int) -> np.ndarray:
        """(N, 3) float32 image pixels."""
        return compose(self.canonical(row), self.pose(row)).astype(np.float32)

    def landmarks_image(self, row: int) -> np.ndarray:
        """(68, 3) float32 image pixels."""
        return self.topology.landmarks(self.vertices_image(row))

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """(first, last) row of every stretch without a face."""
        edges = np.flatnonzero(np.diff(np.r_[True, self.valid, True]))
        return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]


@dataclass(frozen=True, eq=False)
class Take(TakeRows):
    """A take on the disk, as it was captured."""

    path: Path
    table: np.ndarray

    def canonical(self, row: int) -> np.ndarray:
        """(N, 3) float32 cm, read now. Raises ValueError for a row without a face, TakeError where it is damaged."""
        if not self.valid[row]:
            raise ValueError(f"row {row} of the take has no face")
        vertices = positions_of(self._body(row), self._head(row), self.topology.mean_canonical)
        if not np.abs(vertices).max() <= FARTHEST_CM or self._collapsed(vertices):      # nor where one is not a number
            raise self._damaged(row)
        return vertices

    def state(self, row: int) -> bytes:
        """What the tracker left with this frame, for a resume; see TakeFrame."""
        return self._body(row)[:self._head(row).state_bytes]

    def _head(self, row: int) -> Head:
        return read_head(self.table[row].tobytes()[8:], len(self.topology.cells))       # checked when it was opened

    def _body(self, row: int) -> bytes:
        try:
            with (self.path / FRAMES).open("rb") as file:
                body = read_body(file, int(self.table["place"][row]), self._head(row))
        except OSError as error:
            raise TakeError(f"{self.path}: frame {self.index[row]} cannot be read ({error.strerror or error}); check "
                            "the folder") from error
        if body is None:
            raise self._damaged(row)
        return body

    def _collapsed(self, vertices: np.ndarray) -> bool:
        return _extent(vertices) < SMALLEST_CM <= _extent(self.topology.mean_canonical)

    def _damaged(self, row: int) -> TakeError:
        return TakeError(f"{self.path}: frame {self.index[row]} is damaged; {AGAIN}")


def _extent(vertices: np.ndarray) -> float:
    return float((vertices.max(0) - vertices.min(0)).max())


def open_take(path: str | Path, topology: Topology | None = None, *, up_to_damage: bool = False) -> Take:
    """A take up to its last whole record, also one that was killed or is still being written; `topology` is the
    one that lies in it, else the shipped one, unless another is given.

    Raises TakeError for what is no take, a newer format, another topology, and a take that is damaged before its end,
    which is not taken for a shorter one unless `up_to_damage` asks for the part before.
    """
    path = Path(path)
    topology = topology or own_topology(path)
    header, frames = read_header(path, topology), path / FRAMES
    try:
        if not frames.is_file():
            raise TakeError(f"{path}: not a whole take (no {FRAMES} in it); {AGAIN}")
        with frames.open("rb") as file:
            start, vertices = file.read(PREAMBLE.size), len(topology.cells)
            preamble = PREAMBLE.pack(MAGIC, FORMAT, vertices)
            if start != preamble and not (len(start) < len(preamble) and preamble.startswith(start)):
                raise TakeError(f"{frames}: damaged or not of this take; {AGAIN}")
            found = scan(file, vertices)
    except OSError as error:
        raise TakeError(f"{frames}: cannot be read ({error.strerror or error}); check the folder") from error
    table = found.table
    if found.damaged and not up_to_damage:
        raise TakeError(f"{path}: damaged after {len(table)} whole frames; copy it again, or read what comes before "
                        "with --up-to-damage")
    numbers = table["numbers"]
    return Take(header, topology, table["index"], numbers[:, 0], table["kind"] != LOST, numbers[:, 1], numbers[:, 2:6],
                numbers[:, 6:15].reshape(-1, 3, 3), numbers[:, 15], numbers[:, 16:18], numbers[:, 18], found.complete,
                path, table)


def take_frame(result: FrameResult, identity: int | None = None) -> TakeFrame:
    """What a take keeps of a frame: the face of this identity, by default the one followed, and the tracker's state.
    An answer that holds a number that is none counts as no face."""
    face = result.face if identity is None else result.faces.get(identity)
    state = result.state.to_bytes()
    if face is None:
        return TakeFrame(result.index, result.time_s, state=state)
    pose = face.pose
    numbers = (face.vertices_canonical, pose.rotation, pose.scale, pose.shift, pose.inverse_distance, face.confidence)
    if not all(np.isfinite(part).all() for part in numbers) or pose.scale <= 0:
        return TakeFrame(result.index, result.time_s, state=state)
    return TakeFrame(result.index, result.time_s, True, face.confidence, face.box, pose, face.vertices_canonical, state)
