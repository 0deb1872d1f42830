"""What the header of a picture says before anything is decoded: kind, size, whether the file goes on to its end."""

from __future__ import annotations

import struct

WIDTH, HEIGHT, PHOTOMETRIC, ORIENTATION, EXTRA_SAMPLES = 256, 257, 262, 274, 338        # tags of TIFF


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
        length = struct.unpack(">H", data[place + 2:place + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5:place + 9])
            size = width, height
        if marker == 0xDA:
            return size, data.find(b"\xff\xd9", place) >= 0
        place += 2 + length
    return size, False


def _png_ends(data: bytes) -> bool:
    place = 8
    while place + 12 <= len(data):
        if data[place + 4:place + 8] == b"IEND":
            return True
        place += 12 + struct.unpack(">I", data[place:place + 4])[0]
    return False


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
            return _tiff_tags(data[place + 8:place + 8 + length].removeprefix(b"Exif\0\0")).get(ORIENTATION, 1)
        place += 8 + length + length % 2
    return 1


def _tiff_size(data: bytes):
    tags = _tiff_tags(data)
    return (tags[WIDTH], tags[HEIGHT]) if WIDTH in tags and HEIGHT in tags else None


def tiff_has_alpha(data: bytes) -> bool:
    """Whether the fourth channel of a TIFF is transparency."""
    tags = _tiff_tags(data)
    return tags.get(PHOTOMETRIC) == 2 and EXTRA_SAMPLES in tags             # RGB; CMYK has four channels too


def _tiff_tags(data: bytes) -> dict[int, int]:
    """The whole numbers of the first directory; {} where there is none."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        place, = struct.unpack(order + "I", data[4:8])
        count, = struct.unpack(order + "H", data[place:place + 2])
        tags = {}
        for at in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind = struct.unpack(order + "HH", data[at:at + 4])
            tags[tag], = struct.unpack(order + ("H" if kind == 3 else "I"), data[at + 8:at + (10 if kind == 3 else 12)])
        return tags
    except struct.error:
        return {}
