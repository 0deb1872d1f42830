"""The size of the pictures, read from the packets of a video.

OpenCV does not tell that the size changes midway: it goes on with new stamps and gives the last picture of the old size
again and again. So the packets are looked at once more, undecoded, in step with the frames.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2

from inference_core.frames.opencv import grab, open_capture
from inference_core.picture_headers import inspect

Size = tuple[int, int]
UNDECODED = -1                  # of CAP_PROP_FORMAT
HEADER_BYTES = 512              # the size stands at the beginning of a sequence header
LONGEST_NUMBER = 32             # bits
WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)     # profiles of H.264


class SizeWatch:
    """Looks for another size than the first one."""

    def __init__(self, path: str) -> None:
        self._packets = packet_sizes(path)
        self._next = next(self._packets, None)
        self._first: Size | None = None
        self._change: tuple[Size, Size] | None = None

    def change(self, time_s: float | None) -> tuple[Size, Size] | None:
        """(first size, other size) once a packet up to this time, which rises from call to call, has another size; None
        looks one packet further."""
        while self._change is None and self._next is not None and (time_s is None or self._next[0] <= time_s):
            size = self._next[1]
            self._first = self._first or size
            if self._first is not None and size not in (None, self._first):
                self._change = self._first, size
            self._next = next(self._packets, None)
            if time_s is None:
                break
        return self._change

    def close(self) -> None:
        self._packets.close()


def packet_sizes(path: str) -> Iterator[tuple[float, Size | None]]:
    """Time and, where it begins with a picture that needs no other, size of every packet; nothing for a codec that is
    not known here."""
    capture = open_capture(path, cv2.CAP_FFMPEG)
    try:
        codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("latin-1").upper()
        size_of = SIZE_OF.get(codec)
        if size_of is None or not capture.set(cv2.CAP_PROP_FORMAT, UNDECODED):
            return
        while grab(capture) is not None:
            size = None
            if capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME):
                done, packet = capture.retrieve()
                size = size_of(packet.tobytes()) if done and packet is not None else None
            yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, size
    finally:
        capture.release()


def last_packet_s(path: str) -> float:
    """The time of the last packet, whether it can be decoded or not; 0 where there is none."""
    capture, last_s = open_capture(path, cv2.CAP_FFMPEG), 0.0
    try:
        if capture.set(cv2.CAP_PROP_FORMAT, UNDECODED):
            while grab(capture) is not None:
                last_s = max(last_s, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    finally:
        capture.release()
    return last_s


class Bits:
    """Reads a header bit by bit; behind the end lie zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> self._left if self._left >= 0 else self._value << -self._left) & ((1 << count) - 1)

    def number(self) -> int:
        """Exp-Golomb: as many zeros as digits follow the first one."""
        zeros = 0
        while zeros < LONGEST_NUMBER and self._left > 0 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def _vp8(packet: bytes) -> Size | None:
    if packet[3:6] != b"\x9d\x01\x2a" or len(packet) < 10:
        return None
    return int.from_bytes(packet[6:8], "little") & 0x3FFF, int.from_bytes(packet[8:10], "little") & 0x3FFF


def _vp9(packet: bytes) -> Size | None:
    bits = Bits(packet[:32])
    bits.take(2)
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    known, other_frame, _ = bits.take(1), bits.take(1), bits.take(2)
    if known or other_frame or bits.take(24) != 0x498342:
        return None
    if profile >= 2:
        bits.take(1)
    rgb = bits.take(3) == 7
    bits.take({(False, 0): 1, (False, 1): 4, (True, 1): 1}.get((rgb, profile % 2), 0))
    return bits.take(16) + 1, bits.take(16) + 1


def _h264(packet: bytes) -> Size | None:
    header = next((unit for unit in _units(packet) if unit[0] & 31 == 7), None)
    if header is None:
        return None
    bits = Bits(header[1:])
    profile = bits.take(24) >> 16
    bits.number()
    chroma = 1
    if profile in WITH_CHROMA_FORMAT:
        chroma = bits.number()
        bits.take(chroma == 3)
        bits.number(), bits.number(), bits.take(1)
        if bits.take(1):
            for number in range(12 if chroma == 3 else 8):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1), bits.number(), bits.number()
        for _ in range(min(bits.number(), 255)):
            bits.number()
    bits.number(), bits.take(1)
    width, height = 16 * (bits.number() + 1), 16 * (bits.number() + 1)
    fields = 2 - bits.take(1)
    bits.take(2 if fields == 2 else 1)
    if bits.take(1):
        across, down = (1 if chroma in (0, 3) else 2), (2 if chroma == 1 else 1) * fields
        left, right, top, bottom = (bits.number() for _ in range(4))
        return width - across * (left + right), height * fields - down * (top + bottom)
    return width, height * fields


def _skip_scaling_list(bits: Bits, length: int) -> None:
    if not bits.take(1):
        return
    last = following = 8
    for _ in range(length):
        if following:
            code = bits.number()
            following = (last + ((code + 1) // 2 if code % 2 else -code // 2)) % 256
        last = following or last


def _hevc(packet: bytes) -> Size | None:
    header = next((unit for unit in _units(packet) if unit[0] >> 1 & 63 == 33), None)
    if header is None:
        return None
    bits = Bits(header[2:])
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    if layers:
        present = [(bits.take(1), bits.take(1)) for _ in range(8)][:layers]
        for profile, level in present:
            bits.take(88 * profile + 8 * level)
    bits.number()
    if bits.number() == 3:
        bits.take(1)
    return bits.number(), bits.number()


def _units(packet: bytes) -> Iterator[bytes]:
    """The beginnings of the units of an H.264 or HEVC packet, without the bytes that keep them from looking like a
    start."""
    for unit in packet.split(b"\0\0\1")[1:]:
        if unit:
            yield unit[:HEADER_BYTES].replace(b"\0\0\3", b"\0\0")


def _jpeg(packet: bytes) -> Size | None:
    return inspect(packet)[1]


SIZE_OF = {"H264": _h264, "AVC1": _h264, "HEVC": _hevc, "HEV1": _hevc, "HVC1": _hevc, "VP80": _vp8, "VP90": _vp9,
           "MJPG": _jpeg}
