"""What the header of a picture says before anything is decoded: kind, size, whether the file goes on to its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

# tags of TIFF
SUBFILE, WIDTH, HEIGHT, PHOTOMETRIC, ORIENTATION = 254, 256, 257, 262, 274
SUB_DIRECTORIES, EXTRA_SAMPLES, DNG_VERSION = 330, 338, 50706
REDUCED = 1                     # of SUBFILE: a smaller copy of another picture of the file
FIRST_SEGMENT = 0x02            # of JPEG's markers: from here on a length follows, but for restarts, start and end
CANON_RAW = b"CR\2\0"
MOST_BELOW = 100                # directories that are looked at
MOST_ENTRIES = 4096             # of a directory; those who decode pictures read none with more
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I"}     # kinds of TIFF's values that lie in the directory itself


def inspect(data: bytes) -> tuple[str | None, tuple[int, int] | None, bool]:
    """Kind, (width, height) and whether the file goes on to its end."""
    try:
        if data[:3] == b"\xff\xd8\xff":
            return "JPEG", *_inspect_jpeg(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return "PNG", struct.unpack(">II", data[16:24]), b"IEND" in data[-64:] or _png_ends(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "WebP", _webp_size(data), len(data) >= struct.unpack("<I", data[4:8])[0] + 8
        if data[:2] == b"BM":
            return "BMP", *_inspect_bmp(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return "TIFF", _tiff_size(data), True
    except (struct.error, IndexError):
        return "picture", None, False
    return None, None, False


def _inspect_jpeg(data: bytes):
    """Walks the segments up to the picture data: a thumbnail inside the metadata has sizes and ends of its own."""
    place, size = 2, None
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return size, False
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker < FIRST_SEGMENT or 0xD0 <= marker <= 0xD9:        # without a length, so what follows is not one
            return size, False
        length = struct.unpack(">H", data[place + 2:place + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5:place + 9])
            size = width, height
        if marker == 0xDA:
            return size, data.find(b"\xff\xd9", place) >= 0
        place += 2 + length
    return size, False


def _png_ends(data: bytes) -> bool:
    return any(kind == b"IEND" for kind, _ in _png_chunks(data))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Kind and where the contents lie."""
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        yield kind, slice(place + 8, place + 8 + length)
        place += 12 + length


def png_orientation(data: bytes) -> int:
    """The EXIF orientation of a PNG, 1 to 8; 1 where it has none."""
    for kind, inside in _png_chunks(data):
        if kind == b"eXIf":
            return _exif_orientation(data[inside])
    return 1


def _webp_size(data: bytes):
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _inspect_bmp(data: bytes):
    offset = struct.unpack("<I", data[10:14])[0]
    width, height, _, bits, packing = struct.unpack("<iiHHI", data[18:34])
    width, height = abs(width), abs(height)
    packed = packing in (1, 2)
    return (width, height), packed or len(data) >= offset + (width * bits + 31) // 32 * 4 * height


def webp_orientation(data: bytes) -> int:
    """The EXIF orientation of a WebP, 1 to 8; 1 where it has none."""
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[place:place + 8])
        if kind == b"EXIF":
            return _exif_orientation(data[place + 8:place + 8 + length])
        place += 8 + length + length % 2
    return 1


def _exif_orientation(data: bytes) -> int:
    return _tiff_tags(data.removeprefix(b"Exif\0\0")).get(ORIENTATION, 1)


def _tiff_size(data: bytes):
    tags = _tiff_tags(data)
    width, height = tags.get(WIDTH, 0), tags.get(HEIGHT, 0)
    return (width, height) if width and height else None


def tiff_has_alpha(data: bytes) -> bool:
    """Whether the fourth channel of a TIFF is transparency."""
    tags = _tiff_tags(data)
    return tags.get(PHOTOMETRIC) == 2 and EXTRA_SAMPLES in tags             # RGB; CMYK has four channels too


def tiff_is_raw(data: bytes) -> bool:
    """Whether what a decoder finds first in a TIFF is the preview of a camera's raw picture (DNG, NEF, ARW, CR2). Other
    TIFFs have directories below the first one as well, with smaller copies of their picture: there the sizes decide."""
    tags = _tiff_tags(data)
    if data[8:12] == CANON_RAW and data[4:8] == b"\x10\0\0\0" or DNG_VERSION in tags or tags.get(SUBFILE, 0) & REDUCED:
        return True
    pixels = tags.get(WIDTH, 0) * tags.get(HEIGHT, 0)
    return any(below.get(WIDTH, 0) * below.get(HEIGHT, 0) > pixels for below in _tiff_below(data))


def _tiff_below(data: bytes) -> Iterator[dict[int, int]]:
    """The directories that lie below the first one. Of several lists of them the first counts, as of every tag."""
    order, place = _tiff_start(data)
    lists = (entry for entry in _tiff_entries(data, order, place) if entry[0] == SUB_DIRECTORIES)
    _, kind, count, value = next(lists, (SUB_DIRECTORIES, 0, 0, b""))
    if kind in (4, 13):
        start = 0 if count == 1 else struct.unpack(order + "I", value)[0]
        places = value if count == 1 else data[start:start + 4 * min(count, MOST_BELOW)]
        for at in range(0, len(places) - 3, 4):
            yield _tiff_numbers(data, order, struct.unpack_from(order + "I", places, at)[0])


def _tiff_tags(data: bytes) -> dict[int, int]:
    """The whole numbers of the first directory, 0 for what is none; {} where there is no directory."""
    return _tiff_numbers(data, *_tiff_start(data))


def _tiff_start(data: bytes) -> tuple[str, int]:
    """Order of the bytes, and where the first directory lies."""
    order = "<" if data[:2] == b"II" else ">"
    return order, struct.unpack(order + "I", data[4:8])[0] if len(data) >= 8 else 0


def _tiff_numbers(data: bytes, order: str, place: int) -> dict[int, int]:
    """Of a tag that comes again the first counts, as for those who decode it: else a picture could claim another size
    than its own."""
    tags: dict[int, int] = {}
    for tag, kind, _, value in _tiff_entries(data, order, place):
        tags.setdefault(tag, struct.unpack_from(order + NUMBERS[kind], value)[0] if kind in NUMBERS else 0)
    return tags


def _tiff_entries(data: bytes, order: str, place: int) -> list[tuple[int, int, int, bytes]]:
    """Tag, kind, count and value of the entries of a directory; [] where it is cut off, or no picture's."""
    try:
        count, = struct.unpack(order + "H", data[place:place + 2])
        if count > MOST_ENTRIES:
            return []
        return [struct.unpack(order + "HHI4s", data[at:at + 12]) for at in range(place + 2, place + 2 + 12 * count, 12)]
    except struct.error:
        return []
