"""The parts of a multipart/x-mixed-replace body, as cameras send them: a length in each part, or none; every line and
every part bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

MAX_PART_BYTES = 32 << 20
MAX_LINE_BYTES = 8192
MAX_LINES = 64                  # of headers, or of anything else between two parts


class Body(Protocol):
    def read(self, count: int, /) -> bytes: ...
    def readline(self, limit: int, /) -> bytes: ...


def parts(body: Body, boundary: bytes) -> Iterator[bytes]:
    """The contents of the parts up to the closing boundary.

    Raises EOFError where the body ends without one, ValueError with the cause where it is no such body.
    """
    name = boundary.strip(b"-")                 # some cameras name it with its dashes, some without
    closed = _skip_to_boundary(body, name)
    while not closed:
        length = _length(_headers(body))
        if length is None:
            data, closed = _up_to_boundary(body, name)
            yield data
        else:
            data = body.read(length)
            if len(data) < length:
                raise EOFError
            yield data                          # before the next boundary is waited for
            closed = _skip_to_boundary(body, name)


def _line(body: Body) -> bytes:
    line = body.readline(MAX_LINE_BYTES)
    if not line:
        raise EOFError
    return line


def _is_boundary(line: bytes, name: bytes) -> bool:
    return line.startswith(b"--") and line.strip().strip(b"-") == name


def _closes(line: bytes) -> bool:
    return line.rstrip().endswith(b"--")


def _skip_to_boundary(body: Body, name: bytes) -> bool:
    """Whether it is the closing one."""
    for _ in range(MAX_LINES):
        line = _line(body)
        if _is_boundary(line, name):
            return _closes(line)
    raise ValueError("its parts do not begin where it says")


def _headers(body: Body) -> dict[bytes, bytes]:
    headers = {}
    for _ in range(MAX_LINES):
        line = _line(body)
        if not line.endswith(b"\n"):
            raise ValueError("a header is too long")
        if not line.strip():
            return headers
        key, _, value = line.partition(b":")
        headers[key.strip().lower()] = value.strip()
    raise ValueError("a part has too many headers")


def _length(headers: dict[bytes, bytes]) -> int | None:
    text = headers.get(b"content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) > 12:
        raise ValueError("the length of a part is not a number")
    if int(text) > MAX_PART_BYTES:
        raise ValueError(f"a picture is larger than the {MAX_PART_BYTES >> 20} MB that are read")
    return int(text)


def _up_to_boundary(body: Body, name: bytes) -> tuple[bytes, bool]:
    data, at_start = bytearray(), True
    while True:
        line = _line(body)
        if at_start and _is_boundary(line, name):
            return bytes(data.removesuffix(b"\n").removesuffix(b"\r")), _closes(line)
        data += line
        at_start = line.endswith(b"\n")
        if len(data) > MAX_PART_BYTES:
            raise ValueError(f"a picture is larger than the {MAX_PART_BYTES >> 20} MB that are read")
