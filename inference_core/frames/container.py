"""What the outermost structure of a video file says without decoding it: whether it can be a video at all, and whether
the file goes on to its end. Nothing but headers of a few bytes is read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from inference_core.picture_headers import inspect

HEAD_BYTES = 4096
MAX_BOXES = 1_000_000           # of an MP4 in fragments; each takes one read of 16 bytes
MAX_INNER_BOXES = 1000
MP4_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot")
MP4_NEEDED = (b"moov", b"moof", b"mdat")
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# FFmpeg would open what these texts name: other files, other addresses.
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"<", b"[playlist]", b"[Reference]")
EDIT_SLACK_S = 0.1              # by which an edit may be shorter than what it shows: delays of decoders, rounding
BLANK_BYTES = 4096
READABLE = frozenset(range(32, 127)) | {9, 10, 12, 13}


@dataclass(frozen=True)
class Container:
    """kind "MP4", "Matroska", "AVI" or "" (another one); missing: how many bytes the file should go on for; has_index:
    False for an MP4 without its table of frames; mirrored: how an MP4's picture is to be turned where it is mirrored as
    well, (a, b, c, d): what lies at (x, y) belongs at (a x + c y, b x + d y); claims: what the number of frames that
    FFmpeg tells rests on, "frames" that are counted in an index, a "length" of all that is in the file, or "" where the
    video is cut by an edit list and that number is of the uncut one; blank: nothing but zeros at the end, as where a
    download was broken off into a file that had its full size already."""

    kind: str
    missing: int = 0
    has_index: bool = True
    mirrored: tuple[int, int, int, int] | None = None
    claims: str = "length"
    blank: bool = False


def why_no_video(path: Path) -> str | None:
    """What a file is, where its beginning shows that it is no video; else None."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return "the file is empty"
    if text.startswith(PLAYLISTS):
        return "a list of videos or a text, not a video"
    if head[:3] != b"GIF" and inspect(head)[0] is not None:
        return "a picture, not a video"
    if not head.startswith(b"YUV4MPEG2") and READABLE.issuperset(head[:256]):
        return "a text, not a video"
    return None


def read_container(path: Path) -> Container:
    """The structure of a file that is no plain text. Raises OSError where it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        container = _read_structure(file, size)
        end = _read(file, max(0, size - BLANK_BYTES), BLANK_BYTES)
    return replace(container, blank=not any(end))


def _read_structure(file: BinaryIO, size: int) -> Container:
    head = file.read(12)
    if head[4:8] in MP4_STARTS:
        return _mp4(file, size)
    if head[:4] == EBML:
        return Container("Matroska", _missing_of_matroska(file, size))
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return Container("AVI", _missing_of_avi(file, size), claims="frames")
    return Container("")


def _mp4(file: BinaryIO, size: int) -> Container:
    place, seen, mirrored, cut = 0, set(), None, False
    for _ in range(MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        seen.add(kind)
        if kind == b"moov":
            mirrored, cut = _pictures(file, place + 8, place + length)
        if length == 0:                             # goes on to the end of the file, wherever that is
            break
        if length < 8:                              # something else hangs on behind the last box
            break
        place += length
        if place > size:
            return Container("MP4", place - size if kind in MP4_NEEDED else 0, b"moov" in seen - {kind}, mirrored)
    return Container("MP4", 0, b"moov" in seen, mirrored,
                     "" if cut else "length" if b"moof" in seen else "frames")


def _pictures(file: BinaryIO, start: int, end: int) -> tuple[tuple[int, int, int, int] | None, bool]:
    """How the first track of pictures is mirrored, and whether an edit list leaves some of it out."""
    outer = _places(file, start, end)
    for track, inside, after in _boxes(file, start, end):
        if track != b"trak":
            continue
        boxes = _places(file, inside, after)
        if b"tkhd" not in boxes or b"mdia" not in boxes:
            continue
        media = _places(file, *boxes[b"mdia"])
        if b"hdlr" not in media or _read(file, media[b"hdlr"][0] + 8, 4) != b"vide":
            continue
        cut = False
        if b"edts" in boxes and b"mdhd" in media and b"mvhd" in outer:
            cut = _cut(file, outer[b"mvhd"][0], media[b"mdhd"][0], boxes[b"edts"])
        return _mirrored(file, boxes[b"tkhd"][0]), cut
    return None, False


def _mirrored(file: BinaryIO, place: int) -> tuple[int, int, int, int] | None:
    """OpenCV takes a mirrored picture, as some telephones film the one who holds them, for one turned by half."""
    data = _read(file, place + (52 if _read(file, place, 1) == b"\1" else 40), 20)
    if len(data) < 20:
        return None
    a, b, _, c, d = struct.unpack(">5i", data)
    return (a, b, c, d) if a * d - b * c < 0 else None


def _cut(file: BinaryIO, movie: int, media: int, edits: tuple[int, int]) -> bool:
    """Whether the edits together are shorter than the track: telephones cut a clip like this."""
    units_per_s, _ = _clock(file, movie)
    media_units_per_s, length = _clock(file, media)
    lists = _places(file, *edits)
    if b"elst" not in lists or not units_per_s or not media_units_per_s:
        return False
    place = lists[b"elst"][0]
    entry = ">QqI" if _read(file, place, 1) == b"\1" else ">IiI"
    count = int.from_bytes(_read(file, place + 4, 4), "big")
    data = _read(file, place + 8, struct.calcsize(entry) * min(count, MAX_INNER_BOXES))
    whole = len(data) - len(data) % struct.calcsize(entry)
    shown = sum(units for units, start, _ in struct.iter_unpack(entry, data[:whole]) if start >= 0)
    return 0 < shown / units_per_s < length / media_units_per_s - EDIT_SLACK_S


def _clock(file: BinaryIO, place: int) -> tuple[int, int]:
    """Units per second, and length in these, of a header of the movie or of a track's media; zeros where it is cut."""
    long = _read(file, place, 1) == b"\1"
    data = _read(file, place + (20 if long else 12), 12 if long else 8)
    return (0, 0) if len(data) < 8 or long and len(data) < 12 else struct.unpack(">IQ" if long else ">II", data)


def _places(file: BinaryIO, start: int, end: int) -> dict[bytes, tuple[int, int]]:
    """First and last place inside of the boxes that lie in another, by their kind."""
    return {kind: (first, last) for kind, first, last in _boxes(file, start, end)}


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first and last place inside of the boxes that lie in another."""
    for _ in range(MAX_INNER_BOXES):
        head = _read(file, start, 8)
        if start + 8 > end or len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if length < 8:
            return
        yield kind, start + 8, min(start + length, end)
        start += length


def _read(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


def _missing_of_matroska(file: BinaryIO, size: int) -> int:
    file.seek(4)
    length = _ebml_number(file)
    if length is None:
        return 0
    file.seek(length, 1)
    if file.read(4) != SEGMENT:
        return 0
    length = _ebml_number(file)
    return 0 if length is None else max(0, file.tell() + length - size)


def _ebml_number(file: BinaryIO) -> int | None:
    """None where the length is left open, as in recordings of a live stream."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    count = 9 - first[0].bit_length()
    rest = file.read(count - 1)
    value = int.from_bytes(first + rest, "big") - (1 << 7 * count)
    return None if len(rest) < count - 1 or value == (1 << 7 * count) - 1 else value


def _missing_of_avi(file: BinaryIO, size: int) -> int:
    place = 0
    for _ in range(MAX_BOXES):                      # above 1 GB a file is several of these
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return 0
        length = struct.unpack("<I", head[4:])[0]
        if length in (0, 0xFFFFFFFF):               # never filled in
            return 0
        place += 8 + length + length % 2
        if place > size + 1:
            return place - size
    return 0
