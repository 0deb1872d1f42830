"""Pictures in and out: always (H, W, 3) uint8 RGB, upright.

A picture's size is read from its header and bounded before anything is decoded. Grey, 16-bit, palette and CMYK pictures
become RGB; transparency is laid over mid grey; a picture that ends early is refused, not returned half grey.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import ImageError, OutputError
from inference_core.files import write_bytes
from inference_core.picture_headers import inspect, png_orientation, tiff_has_alpha, tiff_is_raw, webp_orientation
from inference_core.quiet import quiet

MAX_BYTES = 512 << 20
MAX_PIXELS = 150_000_000
BEHIND = 128                    # grey that shows through transparent parts
FORMATS = "JPEG, PNG, WebP, TIFF or BMP"
EXPORT = f"export it as {FORMATS}"
TURNED_HERE = {"PNG": png_orientation, "WebP": webp_orientation}       # OpenCV turns the others itself
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif")


def read_image(path: str | Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF tag. Raises ImageError naming the file and the cause."""
    return decode_image(_read_bounded(Path(path)), path)


def decode_image(data: bytes, path: str | Path) -> np.ndarray:
    """`read_image` for the bytes of a picture; path: what an error names."""
    kind, size, whole = inspect(data)
    if kind is None:
        if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
            raise ImageError(f"{path}: HEIC and AVIF pictures cannot be read; {EXPORT}")
        raise ImageError(f"{path}: not a picture that can be read; give {FORMATS}")
    if size is None or not whole:
        raise ImageError(f"{path}: the picture is cut off or damaged; copy or export it again")
    if kind == "TIFF" and tiff_is_raw(data):
        raise ImageError(f"{path}: a camera's raw picture, or another file that begins with a mere preview; {EXPORT}")
    if size[0] * size[1] > MAX_PIXELS:
        raise ImageError(f"{path}: {size[0]} x {size[1]} pixels are more than the {MAX_PIXELS // 10**6} million that "
                         "are read; scale the picture down")
    # OpenCV would turn the colours of a PNG and not their transparency
    unturned = cv2.IMREAD_IGNORE_ORIENTATION if kind in TURNED_HERE else 0
    image = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | unturned)
    if image is None:
        raise ImageError(f"{path}: the picture is damaged, or of a kind of {kind} that cannot be read; {EXPORT}")
    deep = image.itemsize
    image = cv2.cvtColor(_eight_bit(image), cv2.COLOR_BGR2RGB)
    if kind in TURNED_HERE or (kind == "TIFF" and tiff_has_alpha(data)):
        image = _over_grey(data, image, premultiplied=kind == "TIFF" and deep == 1)
    return _turned(image, TURNED_HERE[kind](data)) if kind in TURNED_HERE else image


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
    too_large = ImageError(f"{path}: larger than the {MAX_BYTES >> 20} MB that are read; {EXPORT} in a smaller size")
    try:
        if path.is_dir():
            raise ImageError(f"{path}: a folder, not a picture; give the pictures in it")
        if path.stat().st_size > MAX_BYTES:
            raise too_large
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)             # what is no plain file may be endless
        if len(data) > MAX_BYTES:
            raise too_large
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the name and the "
                         "folder") from error
    if not data:
        raise ImageError(f"{path}: the file is empty; copy or export it again")
    return data


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Upright, by the EXIF orientation 1 to 8; any other leaves it as it is."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


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


def _over_grey(data: bytes, image: np.ndarray, premultiplied: bool) -> np.ndarray:
    """OpenCV drops the transparency of PNG and WebP, and lays an 8-bit TIFF over black."""
    raw = _decode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 3 or raw.shape[2] != 4 or raw.shape[:2] != image.shape[:2]:
        return image
    alpha = _eight_bit(raw[..., 3:]).astype(np.float32) / 255
    return (image * (1 if premultiplied else alpha) + BEHIND * (1 - alpha)).clip(0, 255).round().astype(np.uint8)
