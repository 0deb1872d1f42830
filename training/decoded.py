"""Pictures as cv2.imread gives them, from paths that it cannot open."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def decoded(path: Path, flags: int) -> np.ndarray | None:
    """A file's picture in OpenCV's order, BGR; None where there is none that can be read. On Windows cv2.imread opens
    no path with letters outside its code page."""
    try:
        return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    except (OSError, cv2.error):                # cv2.error: of an empty file
        return None
