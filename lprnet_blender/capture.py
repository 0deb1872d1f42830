# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to what the scene needs; the button and the command line both call this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference_core import photo
from inference_core.regression import CaptureOptions, Face
from inference_core.texture import Texture, sample_texture

DEFAULT_TEXTURE_SIZE = 1024


@dataclass(frozen=True)
class CapturedFace:
    """One face of a photo, named after it, with its skin."""

    name: str
    face: Face
    texture: Texture


@dataclass(frozen=True, eq=False)
class CapturedPhoto:
    """picture (H, W, 3) uint8 RGB, upright, and its faces, largest first, at least one; path of its file, None for an
    image of Blender's."""

    picture: npt.NDArray[np.uint8]
    faces: list[CapturedFace]
    path: Path | None = None


def capture_photo(path: Path, options: CaptureOptions, texture_size: int = DEFAULT_TEXTURE_SIZE) -> CapturedPhoto:
    """The faces of the photo `path`. Raises InputError, also where there is none."""
    picture, faces = photo.capture_photo(path, options)
    name = path.stem.encode(errors="replace").decode()         # Blender takes no bytes that are not Unicode
    return CapturedPhoto(picture, _named(name, picture, faces, texture_size), path)


def capture_picture(name: str, picture: npt.NDArray[np.uint8], options: CaptureOptions,
                    texture_size: int = DEFAULT_TEXTURE_SIZE) -> CapturedPhoto:
    """The faces of a picture (H, W, 3) uint8 RGB that is open in Blender under this name. Raises InputError."""
    faces = photo.capture_picture(picture, f"image {name!r}", options)
    return CapturedPhoto(picture, _named(Path(name).stem or name, picture, faces, texture_size))


def _named(name: str, picture: npt.NDArray[np.uint8], faces: list[Face], texture_size: int) -> list[CapturedFace]:
    return [CapturedFace(name if index == 0 else f"{name} {index + 1}", face,
                         sample_texture(picture, face, texture_size))
            for index, face in enumerate(faces)]
