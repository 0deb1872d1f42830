"""What the child process of a live capture tells: plain numbers behind a head that says how many, every length checked
before anything of it is read, so that nonsense in the pipe costs no memory. No pickle."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import BinaryIO

import numpy as np

from inference_core.live.options import LARGEST_TEXTURE
from inference_core.pose import HeadPose

MAGIC = b"LPRl"
HEAD = struct.Struct("<4sBI")           # magic, kind, bytes that follow
STATUS, RESULT, TEXTURE = 1, 2, 3
# number, index, frames lost, recorded, width, height, face seen; time_s, arrived_s, done_s, confidence, rotation,
# scale, shift, inverse distance
NUMBERS = struct.Struct("<QQQQII?7x4d9dd2dd")
MAX_STATUS, MAX_CAMERAS = 1 << 16, 100
PNG, MAX_TEXTURE = b"\x89PNG\r\n\x1a\n", 3 * LARGEST_TEXTURE ** 2 + (1 << 20)
LOADING, OPENING, LIVE, ENDED, FAILED = "loading", "opening", "live", "ended", "failed"
STAGES = (LOADING, OPENING, LIVE, ENDED, FAILED)


@dataclass(frozen=True, eq=False)
class LiveResult:
    """One frame. number: of the results of this capture, from 0; index and time_s: of the frame in its source; lost,
    recorded: how many frames so far had no face, and went to the take; arrived_s, done_s: when the picture came and
    when its result was ready, by time.monotonic(), which all processes share; size (width, height) of the picture in
    pixels; pose in image pixels and vertices_canonical (N, 3) float32 cm, smoothed, None where no face was seen."""

    number: int
    index: int
    time_s: float
    arrived_s: float
    done_s: float
    lost: int
    recorded: int
    size: tuple[int, int]
    confidence: float = 0.0
    pose: HeadPose | None = None
    vertices_canonical: np.ndarray | None = None


@dataclass(frozen=True)
class LiveStatus:
    """stage: one of STAGES; message: the one sentence of a failure; frames, lost, recorded: at the end; cameras: those
    that open, as (name, width, height)."""

    stage: str
    message: str = ""
    frames: int = 0
    lost: int = 0
    recorded: int = 0
    cameras: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class LiveTexture:
    """png: a picture file, square, first row v = 0."""

    png: bytes


Message = LiveStatus | LiveResult | LiveTexture


def encode(message: Message) -> list[bytes | memoryview]:
    """The parts to write, one after the other."""
    if isinstance(message, LiveStatus):
        return _parts(STATUS, json.dumps(asdict(message)).encode())
    if isinstance(message, LiveTexture):
        return _parts(TEXTURE, message.png)
    pose, vertices = message.pose, message.vertices_canonical
    seen = pose is not None and vertices is not None
    pose = pose if seen else HeadPose(np.zeros((3, 3)), 0.0, np.zeros(2))
    numbers = NUMBERS.pack(message.number, message.index, message.lost, message.recorded, *message.size, seen,
                           message.time_s, message.arrived_s, message.done_s, message.confidence,
                           *np.ravel(pose.rotation), pose.scale, *pose.shift, pose.inverse_distance)
    return _parts(RESULT, numbers, *([np.ascontiguousarray(vertices, np.float32)] if seen else []))


def read_messages(stream: BinaryIO, vertices: int) -> Iterator[Message]:
    """The messages of a pipe, up to its end; a last one that is torn is left out. vertices: N of the topology.

    Raises ValueError, saying why, as soon as something is no message; nothing longer than a message can be is read.
    """
    while len(head := _read(stream, HEAD.size)) == HEAD.size:
        magic, kind, length = HEAD.unpack(head)
        if magic != MAGIC or not _possible(kind, length, vertices):
            raise ValueError("what came is no message")
        body = _read(stream, length)
        if len(body) < length:
            return
        yield _DECODE[kind](body)


def _parts(kind: int, *parts: bytes | np.ndarray) -> list[bytes | memoryview]:
    views = [memoryview(part).cast("B") for part in parts]
    return [HEAD.pack(MAGIC, kind, sum(view.nbytes for view in views)), *views]


def _possible(kind: int, length: int, vertices: int) -> bool:
    if kind == STATUS:
        return length <= MAX_STATUS
    if kind == RESULT:
        return length in (NUMBERS.size, NUMBERS.size + 12 * vertices)
    return kind == TEXTURE and length <= MAX_TEXTURE


def _read(stream: BinaryIO, count: int) -> bytes:
    """Fewer only at the end."""
    data = stream.read(count)
    if len(data) == count:
        return data
    parts = [data]
    while data and (missing := count - sum(map(len, parts))):
        data = stream.read(missing)
        parts.append(data)
    return b"".join(parts)


def _status(body: bytes) -> LiveStatus:
    try:
        values = json.loads(body)
        known = {field.name: values[field.name] for field in fields(LiveStatus)}
        cameras = tuple((str(name), int(width), int(height)) for name, width, height in known.pop("cameras"))
        counts = {name: int(known[name]) for name in ("frames", "lost", "recorded")}
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError("a status cannot be read") from error
    if known["stage"] not in STAGES or not isinstance(known["message"], str) or len(cameras) > MAX_CAMERAS:
        raise ValueError("a status says what no status says")
    return LiveStatus(known["stage"], known["message"], **counts, cameras=cameras)


def _result(body: bytes) -> LiveResult:
    number, index, lost, recorded, width, height, seen, *numbers = NUMBERS.unpack_from(body)
    if not all(map(math.isfinite, numbers)) or seen != (len(body) > NUMBERS.size):
        raise ValueError("a result holds impossible numbers")
    time_s, arrived_s, done_s, confidence = numbers[:4]
    pose = vertices = None
    if seen:
        pose = HeadPose(np.reshape(numbers[4:13], (3, 3)), numbers[13], np.array(numbers[14:16]), numbers[16])
        vertices = np.frombuffer(body, "<f4", offset=NUMBERS.size).reshape(-1, 3)
        if not np.isfinite(vertices).all() or pose.scale <= 0:
            raise ValueError("a result holds impossible numbers")
    return LiveResult(number, index, time_s, arrived_s, done_s, lost, recorded, (width, height), confidence, pose,
                      vertices)


def _texture(body: bytes) -> LiveTexture:
    if not body.startswith(PNG):
        raise ValueError("a texture is no picture")
    return LiveTexture(body)


_DECODE = {STATUS: _status, RESULT: _result, TEXTURE: _texture}
