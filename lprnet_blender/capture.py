# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to what the scene needs; the button and the command line both call this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference_core.errors import InputError
from inference_core.images import read_image
from inference_core.regression import CaptureOptions, Face, capture_faces
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
    image = read_image(path)
    faces = capture_faces(image, options)
    if not faces:
        raise InputError(f"No face was found in {path}; use a photo that shows one larger, or give its box.")
    return [
        CapturedFace(path.stem if index == 0 else f"{path.stem} {index + 1}", face,
                     sample_texture(image, face, texture_size))
        for index, face in enumerate(faces)
    ]
