"""Wavefront OBJ with its material and texture beside it: NAME.obj, NAME.mtl, NAME_skin.png. Quads stay quads."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_core.errors import OutputError
from inference_core.files import written_beside
from inference_core.images import encode_image
from inference_core.mesh import Mesh, export_mesh

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

MATERIAL = "skin"


def files_beside(path: Path, textured: bool) -> list[Path]:
    """The material and the texture. The texture's name differs from the mesh's, which is often the photo's too."""
    return [path.with_name(f"{path.stem}_skin.png"), path.with_suffix(".mtl")] if textured else []


def write(path: Path, face: Face, texture: Texture | None) -> None:
    """All files or none: they are written beside first; the .obj takes its place last."""
    files = [*files_beside(path, texture is not None), path]
    contents = [mesh_text(export_mesh(face), path.with_suffix(".mtl").name if texture is not None else None)]
    if texture is not None:
        picture, material, _ = files
        if any("\n" in file.name or "\r" in file.name for file in (picture, material)):
            raise OutputError(f"{str(path)!r}: a name of two lines cannot be written into an .obj; choose another")
        contents = [encode_image(texture.image), material_text(picture.name), *contents]
    with ExitStack() as stack:
        # what is entered first is renamed last
        places = [stack.enter_context(written_beside(file)) for file in reversed(files)]
        for place, content in zip(reversed(places), contents):
            place.write_bytes(content if isinstance(content, bytes) else os.fsencode(content))


def mesh_text(mesh: Mesh, material: str | None) -> str:
    """The .obj; material: the name of its .mtl."""
    uvs = np.c_[mesh.uvs[:, 0], 1 - mesh.uvs[:, 1]]                     # v goes up in OBJ
    lines = ["# a face by L-PRNet: metres, y up, looking along +z"]
    lines += [f"mtllib {material}"] if material else []
    lines += ["o face"]
    lines += ["v %.6f %.6f %.6f" % tuple(row) for row in mesh.vertices.tolist()]
    lines += ["vt %.6f %.6f" % tuple(row) for row in uvs.tolist()]
    lines += ["vn %.4f %.4f %.4f" % tuple(row) for row in mesh.normals.tolist()]
    lines += [f"usemtl {MATERIAL}"] if material else []
    lines += ["s 1"]
    corner = [f"{i}/{i}/{i}" for i in range(1, len(mesh.vertices) + 1)]
    lines += ["f " + " ".join([corner[i] for i in row if i >= 0]) for row in mesh.faces.tolist()]
    return "\n".join(lines) + "\n"


def material_text(picture: str) -> str:
    return f"newmtl {MATERIAL}\nKa 0 0 0\nKd 1 1 1\nKs 0.04 0.04 0.04\nNs 30\nillum 2\nmap_Kd {picture}\n"
