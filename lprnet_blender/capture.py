# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to what the scene needs; the button and the command line both call this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def capture_photo(path: Path, options: CaptureOptions,
                  texture_size: int = DEFAULT_TEXTURE_SIZE) -> list[CapturedFace]:
    """The faces of the photo `path`, largest first; at least one, else `InputError`."""
    image, faces = photo.capture_photo(path, options)
    name = path.stem.encode(errors="replace").decode()         # Blender takes no bytes that are not Unicode
    return [
        CapturedFace(name if index == 0 else f"{name} {index + 1}", face,
                     sample_texture(image, face, texture_size))
        for index, face in enumerate(faces)
    ]
