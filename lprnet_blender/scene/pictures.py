# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's images as pictures of the core, and photos as Blender's images."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.errors import ImageError
from inference_core.images import BEHIND, MAX_PIXELS

from .material import pack_image

Picture = npt.NDArray[np.uint8]
LINEAR = ("Linear", "ACEScg", "ACES2065-1", "Working Space")      # names of colour spaces that are not encoded
LOOKED_AT, ALIKE = 64, 6.0      # points a side, and levels of 255: how a file that Blender turns otherwise is noticed


def picture_of(image: bpy.types.Image) -> Picture:
    """(H, W, 3) uint8 RGB of an open image, as it is shown: also unsaved, packed, generated or of floats.

    Transparency is laid over mid grey, as in files. Raises ImageError naming the image and the cause.
    """
    width, height = image.size
    if image.type in ("RENDER_RESULT", "COMPOSITING"):
        raise ImageError(f"image {image.name!r}: Blender hands out no pixels of it; save it as a file and take that")
    if not width or not height:
        raise ImageError(f"image {image.name!r}: holds no picture, its file is missing or cannot be read; find the "
                         "file again (File > External Data) or take another image")
    if width * height > MAX_PIXELS:
        raise ImageError(f"image {image.name!r}: {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} "
                         "million that are read; scale it down")
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)  # type: ignore[attr-defined]
    pixels = np.nan_to_num(values.reshape(height, width, image.channels)[::-1])    # Blender's first row is the lowest
    colours = pixels[..., :3] if image.channels >= 3 else pixels[..., :1].repeat(3, axis=-1)
    alpha = pixels[..., -1:] if image.channels in (2, 4) else np.ones_like(pixels[..., :1])
    shown = np.clip(alpha, 0, 1)
    if image.is_float:                                  # held linear and multiplied by alpha
        colours = _encoded(colours / np.maximum(alpha, 1e-6))
    elif _is_linear(image):
        colours = _encoded(colours)
    mixed = np.clip(colours, 0, 1) * shown * 255 + BEHIND * (1 - shown)
    picture: Picture = np.ascontiguousarray(np.rint(mixed).astype(np.uint8))
    return picture


def photo_image(path: Path | None, picture: Picture, name: str) -> bpy.types.Image:
    """The photo as an image inside the .blend: the bytes of its file where Blender shows them as `picture` is (it does
    not turn photos upright), else the pixels of `picture`, called `name`."""
    image = _loaded(path)
    if image is not None and _alike(image, picture):
        if image.packed_file is None:
            image.pack()
        return image
    if image is not None and not image.users:
        bpy.data.images.remove(image)
    return pack_image(name, picture)


def _loaded(path: Path | None) -> bpy.types.Image | None:
    try:
        return bpy.data.images.load(str(path.absolute()), check_existing=True) if path else None
    except (RuntimeError, UnicodeError):
        return None


def _alike(image: bpy.types.Image, picture: Picture) -> bool:
    if tuple(image.size) != (picture.shape[1], picture.shape[0]):
        return False
    step = [max(side // LOOKED_AT, 1) for side in picture.shape[:2]]
    few = [each[::step[0], ::step[1]].astype(np.int16) for each in (picture_of(image), picture)]
    return float(np.abs(few[0] - few[1]).mean()) < ALIKE


def _is_linear(image: bpy.types.Image) -> bool:
    settings = image.colorspace_settings
    return settings is not None and settings.name.startswith(LINEAR)


def _encoded(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Linear light as sRGB (IEC 61966-2-1), which the network knows and textures are."""
    bounded = np.clip(linear, 0, 1)
    encoded: npt.NDArray[np.float32] = np.where(bounded <= 0.0031308, 12.92 * bounded,
                                                1.055 * bounded ** (1 / 2.4) - 0.055)
    return encoded

