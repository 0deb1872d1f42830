"""PC2, the point cache of 3ds Max that Blender's Mesh Cache modifier reads: samples at a fixed rate.

Frames of a source whose rate varies are laid on that rate, each sample the frame nearest in time. A lost frame holds
the last face. The mesh that the cache moves is written beside: NAME_mesh.obj.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from inference_core.errors import OutputError
from inference_core.files import written_beside
from inference_core.formats import obj
from inference_core.take_formats.motion import StillFace, frame_rate, held_rows, placed, placed_metres

HEADER = struct.Struct("<12siiffi")             # magic, version, points, first frame, frames a sample, samples
MOST_SAMPLES = 4                # of a sample for each row: a rate that varies more than that is no rate


def write(take, path: Path, options, on_frame) -> list[Path]:
    rows = evenly(take, path)
    mesh = write_mesh(take, path, int(rows[0]), options)
    with written_beside(path) as beside, beside.open("wb") as file:
        file.write(HEADER.pack(b"POINTCACHE2\0", 1, len(take.topology.cells), 0.0, 1.0, len(rows)))
        for row in rows:
            file.write(placed_metres(take, int(row), options.head).astype("<f4").tobytes())
            on_frame()
    return [mesh, path]


def evenly(take, path: Path) -> np.ndarray:
    """(m,) the row of each sample at the take's own rate."""
    rate, times = frame_rate(take), np.maximum.accumulate(take.time_s - take.time_s[0])
    steps = times[-1] * rate
    if not steps < MOST_SAMPLES * len(take):
        raise OutputError(f"{path}: the take's time stamps are too uneven for a file of one rate; write .mdd instead")
    samples = np.arange(1 + round(steps)) / (rate or 1)
    after = np.minimum(np.searchsorted(times, samples), len(take) - 1)
    before = np.maximum(after - 1, 0)
    return held_rows(take)[np.where(samples - times[before] <= times[after] - samples, before, after)]


def mesh_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}_mesh.obj")


def write_mesh(take, path: Path, row: int, options) -> Path:
    """The mesh of the first sample, for the cache to move."""
    mesh = mesh_of(path)
    obj.write(mesh, StillFace(take.topology, placed(take, row, options.head)), options.texture)
    return mesh
