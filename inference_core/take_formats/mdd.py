"""MDD, the point cache of LightWave that Blender's Mesh Cache modifier reads: a time stamp for every frame.

Time stamps count from the first frame. A lost frame holds the last face. The mesh that the cache moves is written
beside: NAME_mesh.obj.
"""

from __future__ import annotations

import struct
from pathlib import Path

from inference_core.files import written_beside
from inference_core.take_formats.motion import held_rows, placed_metres
from inference_core.take_formats.pc2 import write_mesh


def write(take, path: Path, options, on_frame) -> list[Path]:
    rows = held_rows(take)
    mesh = write_mesh(take, path, int(rows[0]), options)
    with written_beside(path) as beside, beside.open("wb") as file:
        file.write(struct.pack(">ii", len(rows), len(take.topology.cells)))
        file.write((take.time_s - take.time_s[0]).astype(">f4").tobytes())
        for row in rows:
            file.write(placed_metres(take, int(row), options.head).astype(">f4").tobytes())
            on_frame()
    return [mesh, path]
