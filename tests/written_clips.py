"""Clips whose frames show their own number, written with PyAV, so that OpenCV is not its own judge."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS = 160, 96, 8
MILLISECOND = Fraction(1, 1000)


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width, 3) uint8: the number in bars, its lowest bit left, white above black; the lower right is grey."""
    bars = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255
    picture = np.repeat(bars[np.arange(width) * BITS // width][None], height, 0)
    picture[height // 2:] = np.where(np.arange(width) < width // 2, 255, 128)
    return np.repeat(picture[..., None], 3, 2)


def number_in(image: np.ndarray) -> int:
    """The number that an upright picture shows."""
    row = image[image.shape[0] // 4, :, 1]
    middles = (np.arange(BITS) + 0.5) * image.shape[1] / BITS
    return sum(1 << bit for bit, x in enumerate(middles) if row[int(x)] > 127)


def write_clip(path: Path, times_ms: Sequence[int], codec: str = "libx264", size: tuple[int, int] = (WIDTH, HEIGHT),
               numbers: Sequence[int] | None = None, rate: int = 25, container: dict[str, str] | None = None,
               aspect: tuple[int, int] | None = None, **options: str) -> Path:
    """A frame for every time; the container's format follows the ending. aspect: width by height of a pixel."""
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}.get(codec, "yuv420p")
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        stream.codec_context.time_base = Fraction(1, rate) if codec == "mpeg4" or path.suffix == ".avi" else MILLISECOND
        for number, time_ms in zip(numbers or range(len(times_ms)), times_ms):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, *size), "rgb24")
            frame.pts = round(time_ms * MILLISECOND / stream.codec_context.time_base)
            frame.time_base = stream.codec_context.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def times_by_pyav(path: Path) -> list[float]:
    """The time of every frame, from the first one on, as PyAV reads it."""
    with av.open(str(path)) as clip:
        times = [frame.time for frame in clip.decode(video=0)]
    return [time - times[0] for time in times]


def with_matrix(path: Path, source: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 whose track says how to turn it: a, b, c, d of the matrix in its header."""
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    data[place:place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def damaged(path: Path, source: Path, first: int, count: int = 1) -> Path:
    """A copy in which so many packets hold nothing but zeros, as where a disk has lost a sector."""
    data = source.read_bytes()
    with av.open(str(source)) as clip:
        packets = [bytes(packet) for packet in clip.demux(video=0) if packet.size]
    place = 0
    for number, packet in enumerate(packets[:first + count]):
        place = data.index(packet, place)               # they lie in order; small ones may be alike
        if number >= first:
            data = data[:place] + bytes(len(packet)) + data[place + len(packet):]
        place += len(packet)
    path.write_bytes(data)
    return path


def with_edit(path: Path, source: Path, start_s: float, length_s: float) -> Path:
    """A copy of an MP4 of PyAV that shows a part alone, as telephones cut their clips."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as clip:
        units_per_s = 1 / clip.streams.video[0].time_base
    place = data.index(b"elst") + 12
    before, = struct.unpack(">i", data[place + 4:place + 8])
    data[place:place + 8] = struct.pack(">Ii", round(1000 * length_s), before + round(start_s * units_per_s))
    path.write_bytes(data)
    return path


def joined(path: Path, *clips: Path, step_s: float) -> Path:
    """MPEG-TS clips in one file, each step_s after the last; every one with its own headers in its packets."""
    with path.open("wb") as file:
        for number, clip in enumerate(clips):
            moved = clip.with_name(f"moved{number}.ts")
            with av.open(str(clip)) as source, av.open(str(moved), "w", options={"muxdelay": "0"}) as output:
                stream = output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.stream = stream
                        shift = round(number * step_s / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        output.mux(packet)
            file.write(moved.read_bytes())
    return path
