"""A sequence of binary Stanford PLY, one file for each frame with a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.formats import ply
from inference_core.take_formats.motion import StillFace, placed
from inference_core.take_formats.sequence import numbered
from inference_core.take_source import number_of


def write(take, path: Path, options, on_frame) -> list[Path]:
    files = []
    for row in np.flatnonzero(take.valid):
        files.append(numbered(path, number_of(take.header.source, int(take.index[row]))))
        ply.write(files[-1], StillFace(take.topology, placed(take, row, options.head)), options.texture)
        on_frame()
    return files
