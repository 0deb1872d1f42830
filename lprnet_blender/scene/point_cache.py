# SPDX-License-Identifier: GPL-3.0-or-later
"""A .pc2 file with one sample for each key. The worker writes it: no bpy here."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference_core.files import written_beside

HEADER = struct.Struct("<12siiffi")             # magic, version, points, first frame, frames a sample, samples
ENDING = ".pc2"


def write_point_cache(path: Path, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
    """samples: `count` times (vertices, 3) float32. Complete or not there. Raises OutputError naming the file."""
    with written_beside(path) as beside, beside.open("wb") as file:
        file.write(HEADER.pack(b"POINTCACHE2\0", 1, vertices, 0.0, 1.0, count))
        for sample in samples:
            file.write(np.ascontiguousarray(sample, dtype="<f4").tobytes())
