"""frames.bin of a take: one record a frame, appended, each with its length and checksums.

A record is a head of fixed size (numbers of the frame, the length of what follows and its CRC-32, and a CRC-32 of the
head itself) and a body: the tracker's state, then the positions. So the heads of a long take are read without its
positions, and neither can be wrong unnoticed. All numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from inference_core.pose import HeadPose

PREAMBLE = struct.Struct("<8sII")               # magic, format, vertices
MAGIC, RECORD = b"LPRTAKE\0", b"LPRF"
# magic, kind, bytes of state, bytes and CRC-32 of the body, index, time, confidence, box 4, rotation 9, scale, shift 2,
# inverse distance
HEAD = struct.Struct("<4sIIIIq19d")
CHECK = struct.Struct("<I")
HEAD_BYTES = HEAD.size + CHECK.size
# a head and where it lies, as a reader keeps them: 212 bytes a frame
ROW = np.dtype([("place", "<i8"), ("magic", "S4"), ("kind", "<u4"), ("state_bytes", "<u4"), ("body_bytes", "<u4"),
                ("body_crc", "<u4"), ("index", "<i8"), ("numbers", "<f8", (19,)), ("check", "<u4")])
LOST, HALF, SINGLE, END = range(4)              # END: the last record of a finished take; its index counts the frames
BYTES_A_VERTEX = {LOST: 0, HALF: 6, SINGLE: 12, END: 0}
HALF_REACH = 8.0                # cm off the mean face: below, 16 bits are exact to 0.034 mm (0.02 an axis)
MAX_STATE, MAX_FRAMES, MAX_TIME_S = 1 << 16, 10_000_000, 1e12
SEARCHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class TakeFrame:
    """One frame, as it was captured: index in the source; time_s; valid: a face was seen; confidence in [0, 1]; box
    (4,) left, top, right, bottom in image pixels; pose in image pixels and canonical (N, 3) float32 cm, None without a
    face; state: what the tracker needs to go on after this frame exactly as if it had not been stopped, up to 64
    kB."""

    index: int
    time_s: float
    valid: bool = False
    confidence: float = 0.0
    box: np.ndarray | tuple = (np.nan,) * 4
    pose: HeadPose | None = None
    canonical: np.ndarray | None = None
    state: bytes = b""


@dataclass(frozen=True)
class Head:
    """What a record's head says; `size` bytes of the whole record; numbers (19,) as in HEAD from the time on."""

    kind: int
    state_bytes: int
    body_bytes: int
    body_crc: int
    index: int
    numbers: tuple[float, ...]

    @property
    def size(self) -> int:
        return HEAD_BYTES + self.body_bytes


def encode(frame: TakeFrame, mean: np.ndarray, precision: str) -> bytes:
    """The record of a frame. mean (N, 3): the topology's mean face. Raises ValueError for numbers that are not finite
    or of another shape: a program's mistake, not a user's."""
    if len(frame.state) > MAX_STATE or not abs(frame.time_s) < MAX_TIME_S or not np.isfinite(frame.confidence):
        raise ValueError(f"frame {frame.index}: {len(frame.state)} bytes of state, time {frame.time_s}, confidence "
                         f"{frame.confidence}")
    kind, positions, pose = LOST, b"", (np.nan,) * 13
    if frame.valid:
        canonical = np.ascontiguousarray(frame.canonical, np.float32)
        pose = (*np.ravel(frame.pose.rotation), frame.pose.scale, *frame.pose.shift, frame.pose.inverse_distance)
        finite = np.isfinite(canonical).all() and np.isfinite(pose).all()
        if canonical.shape != mean.shape or len(pose) != 13 or not finite or frame.pose.scale <= 0:
            raise ValueError(f"frame {frame.index}: positions or pose are of another shape or not finite")
        offsets = canonical - mean
        kind = HALF if precision == "half" and np.abs(offsets).max() < HALF_REACH else SINGLE
        positions = offsets.astype("<f2").tobytes() if kind == HALF else canonical.astype("<f4").tobytes()
    numbers = (frame.time_s, frame.confidence, *frame.box, *pose)
    return _record(kind, len(frame.state), frame.state + positions, frame.index, numbers)


def end_mark(frames: int) -> bytes:
    return _record(END, 0, b"", frames, (0.0,) * 19)


def _record(kind: int, state_bytes: int, body: bytes, index: int, numbers) -> bytes:
    # one NaN, always the same bits: what is written depends on nothing else
    numbers = [float("nan") if number != number else float(number) for number in numbers]
    head = HEAD.pack(RECORD, kind, state_bytes, len(body), zlib.crc32(body), index, *numbers)
    return head + CHECK.pack(zlib.crc32(head)) + body


def read_head(data: bytes, vertices: int) -> Head | None:
    """None where these bytes are no whole, unaltered head."""
    if len(data) < HEAD_BYTES or data[:4] != RECORD:
        return None
    if CHECK.unpack_from(data, HEAD.size)[0] != zlib.crc32(data[:HEAD.size]):
        return None
    _, kind, state_bytes, body_bytes, body_crc, index, *numbers = HEAD.unpack_from(data)
    if kind not in BYTES_A_VERTEX or state_bytes > MAX_STATE:
        return None
    if body_bytes != state_bytes + BYTES_A_VERTEX[kind] * vertices:
        return None
    usable = abs(numbers[0]) < MAX_TIME_S and np.isfinite(numbers[1])
    if kind in (HALF, SINGLE):
        usable = usable and np.isfinite(numbers[6:]).all() and numbers[15] > 0
    return Head(kind, state_bytes, body_bytes, body_crc, index, tuple(numbers)) if usable else None


def read_body(file: BinaryIO, place: int, head: Head) -> bytes | None:
    """The body of the record that starts at byte `place`; None where it is cut off or altered."""
    file.seek(place + HEAD_BYTES)
    body = file.read(head.body_bytes)
    return body if len(body) == head.body_bytes and zlib.crc32(body) == head.body_crc else None


def positions_of(body: bytes, head: Head, mean: np.ndarray) -> np.ndarray:
    """(N, 3) float32 cm, canonical, out of the body of a frame with a face."""
    kind = "<f2" if head.kind == HALF else "<f4"
    values = np.frombuffer(body, kind, offset=head.state_bytes).astype(np.float32).reshape(mean.shape)
    return values + mean if head.kind == HALF else values


@dataclass
class Scan:
    """rows: place in the file and head of each whole frame, as bytes one after the other; end: the byte behind the
    last of them; complete: the mark of a finished take follows; damaged: what follows is no torn tail, since whole
    records come after it."""

    rows: bytearray
    end: int
    complete: bool = False
    damaged: bool = False

    @property
    def table(self) -> np.ndarray:
        """(n,) of ROW."""
        return np.frombuffer(bytes(self.rows), ROW)


def scan(file: BinaryIO, vertices: int, *, bodies: bool = False) -> Scan:
    """Walks through the heads, and with `bodies` through everything, up to the last whole record. Memory: a head a
    frame.

    A process that is killed leaves at most a piece of one record; a machine that loses its power may leave a last
    second of zeros. Both are a torn tail. Something broken with whole records behind it is damage.
    """
    size = file.seek(0, 2)
    found, last = Scan(bytearray(), PREAMBLE.size), -1
    for place, data in _heads(file, vertices, size):
        head = read_head(data, vertices)
        frames = len(found.rows) // ROW.itemsize
        if head is None or (bodies and read_body(file, place, head) is None) or frames >= MAX_FRAMES:
            found.damaged = _whole_record_in(file, place + 1, vertices, size)
            return found
        if head.kind == END or head.index <= last:
            found.complete = head.kind == END and head.index == frames and place + head.size == size
            found.damaged = not found.complete
            return found
        found.rows += place.to_bytes(8, "little") + data
        found.end, last = place + head.size, head.index
    while found.rows and not _has_body(file, found.rows[-ROW.itemsize:], vertices):
        found.end = int.from_bytes(found.rows[-ROW.itemsize:][:8], "little")
        del found.rows[-ROW.itemsize:]
    return found


def _has_body(file: BinaryIO, row: bytes, vertices: int) -> bool:
    return read_body(file, int.from_bytes(row[:8], "little"), read_head(row[8:], vertices)) is not None


def _heads(file: BinaryIO, vertices: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of every record's head in turn; ends at the end of the file, where a record is cut off, and
    after a head that is broken."""
    place = PREAMBLE.size
    while place < size:
        file.seek(place)
        data = file.read(HEAD_BYTES)
        head = read_head(data, vertices)
        if head is not None and place + head.size > size:
            return
        yield place, data
        if head is None:
            return
        place += head.size


def _whole_record_in(file: BinaryIO, place: int, vertices: int, size: int) -> bool:
    while place < size:
        file.seek(place)
        part = file.read(SEARCHED_AT_ONCE + HEAD_BYTES)
        at = part.find(RECORD)
        while 0 <= at < SEARCHED_AT_ONCE:
            head = read_head(part[at:at + HEAD_BYTES], vertices)
            if head is not None and place + at + head.size <= size:
                return True
            at = part.find(RECORD, at + 1)
        place += SEARCHED_AT_ONCE
    return False
