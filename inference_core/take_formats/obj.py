"""A sequence of Wavefront OBJ, one file for each frame with a face; material and texture are shared."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from inference_core.errors import OutputError
from inference_core.files import write_bytes
from inference_core.formats.obj import files_beside, material_text, mesh_text
from inference_core.images import encode_image
from inference_core.mesh import export_mesh
from inference_core.take_formats.motion import StillFace, placed
from inference_core.take_formats.sequence import numbered, without_number
from inference_core.take_source import number_of


def write(take, path: Path, options, on_frame) -> list[Path]:
    shared = without_number(path)
    files = files_beside(shared, options.texture is not None)
    material = None
    if files:
        picture, material = files
        if "\n" in shared.name or "\r" in shared.name:
            raise OutputError(f"{str(path)!r}: a name of two lines cannot be written into an .obj; choose another")
        write_bytes(picture, encode_image(options.texture.image))
        write_bytes(material, os.fsencode(material_text(picture.name)))
    for row in np.flatnonzero(take.valid):
        mesh = export_mesh(StillFace(take.topology, placed(take, row, options.head)))
        files.append(numbered(path, number_of(take.header.source, int(take.index[row]))))
        write_bytes(files[-1], os.fsencode(mesh_text(mesh, material.name if material else None)))
        on_frame()
    return files
