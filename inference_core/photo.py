"""A photo file becomes faces: what the command line, the button in Blender and the demo all start with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.errors import InputError
from inference_core.images import read_image
from inference_core.regression import CaptureOptions, Face, OnStep, capture_faces


def capture_photo(path: str | Path, options: CaptureOptions = CaptureOptions(),
                  on_step: OnStep | None = None) -> tuple[np.ndarray, list[Face]]:
    """The picture (H, W, 3) uint8 RGB and its faces, largest first, at least one; on_step as in `capture_faces`.

    Raises InputError naming the file and the cause, also where the picture shows no face.
    """
    image = read_image(path)
    return image, capture_picture(image, str(path), options, on_step)


def capture_picture(image: np.ndarray, name: str, options: CaptureOptions = CaptureOptions(),
                    on_step: OnStep | None = None) -> list[Face]:
    """`capture_photo` for a picture (H, W, 3) uint8 RGB that is read already; name: what an error names."""
    try:
        faces = capture_faces(image, options, on_step)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if not faces:
        raise InputError(f"{name}: no face was found in the box; give another" if options.box is not None else
                         f"{name}: no face was found; give a picture that shows it larger, or the box where it is")
    return faces
