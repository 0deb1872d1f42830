"""Pictures in and out: always (H, W, 3) uint8 RGB, upright.

A picture's size is read from its header and bounded before anything is decoded. Grey, 16-bit, palette and CMYK pictures
become RGB; transparency is laid over mid grey; a picture that ends early is refused, not returned half grey.
"""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import ImageError, OutputError
from inference_core.files import write_bytes
from inference_core.quiet import quiet

MAX_BYTES = 512 << 20
MAX_PIXELS = 150_000_000
BEHIND = 128                    # grey that shows through transparent parts
FORMATS = "JPEG, PNG, WebP, TIFF or BMP"
EXPORT = f"export it as {FORMATS}"
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif")


def read_image(path: str | Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF tag. Raises ImageError naming the file and the cause."""
    path = Path(path)
    data = _read_bounded(path)
    kind, size, whole = _inspect(data)
    if kind is None:
        if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
            raise ImageError(f"{path}: HEIC and AVIF pictures cannot be read; {EXPORT}")
        raise ImageError(f"{path}: not a picture that can be read; give {FORMATS}")
    if size is None or not whole:
        raise ImageError(f"{path}: the picture is cut off or damaged; copy or export it again")
    if size[0] * size[1] > MAX_PIXELS:
        raise ImageError(f"{path}: {size[0]} x {size[1]} pixels are more than the {MAX_PIXELS // 10**6} million that are "
                         "read; scale the picture down")
    image = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ImageError(f"{path}: the picture is damaged, or of a kind of {kind} that cannot be read; {EXPORT}")
    image = cv2.cvtColor(_eight_bit(image), cv2.COLOR_BGR2RGB)
    return _over_grey(data, image) if kind in ("PNG", "WebP") else image


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB, (H, W, 4) RGBA or (H, W) grey (uint8 or uint16) by the path's ending."""
    path = Path(path)
    data = encode_image(image, path.suffix)
    if data is None:
        raise OutputError(f"{path}: a picture of this ending or size cannot be written; use .png or .jpg")
    write_bytes(path, data)


def encode_image(image: np.ndarray, ending: str = ".png") -> bytes | None:
    """The bytes of the file that `write_image` writes; None for an ending or a size that this format does not know."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    pixels = cv2.cvtColor(image, order[image.shape[2]]) if image.ndim == 3 else image
    try:
        done, data = cv2.imencode(ending or ".", pixels)
    except cv2.error:
        return None
    return data.tobytes() if done else None


def _read_bounded(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path}: a folder, not a picture; give the pictures in it")
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"{path}: larger than the {MAX_BYTES >> 20} MB that are read; {EXPORT} in a smaller size")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the name and the folder") from error
    if not data:
        raise ImageError(f"{path}: the file is empty; copy or export it again")
    return data


def _inspect(data: bytes) -> tuple[str | None, tuple[int, int] | None, bool]:
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


def _tiff_size(data: bytes):
    order = "<" if data[:2] == b"II" else ">"
    place = struct.unpack(order + "I", data[4:8])[0]
    count = struct.unpack(order + "H", data[place:place + 2])[0]
    values = {}
    for entry in range(count):
        at = place + 2 + 12 * entry
        tag, kind = struct.unpack(order + "HH", data[at:at + 4])
        if tag in (256, 257):
            values[tag] = struct.unpack(order + ("H" if kind == 3 else "I"), data[at + 8:at + (10 if kind == 3 else 12)])[0]
    return (values[256], values[257]) if len(values) == 2 else None


def _decode(data: bytes, flags: int) -> np.ndarray | None:
    try:
        with quiet():     # OpenCV and the libraries in it write warnings about damaged pictures to the screen
            return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def _eight_bit(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return (255 * np.clip(np.nan_to_num(image), 0, 1)).round().astype(np.uint8)


def _over_grey(data: bytes, image: np.ndarray) -> np.ndarray:
    raw = _decode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3 or raw.shape[2] != 4 or raw.shape[:2] != image.shape[:2]:
        return image
    alpha = _eight_bit(raw[..., 3:]).astype(np.float32) / 255
    return (image * alpha + BEHIND * (1 - alpha)).round().astype(np.uint8)
