"""Stanford PLY, binary: quads, normals, texture coordinates, and the skin as colours of the vertices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_core.files import write_bytes
from inference_core.mesh import export_mesh

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

NUMBERS = ("x", "y", "z", "nx", "ny", "nz", "s", "t")
COLOURS = ("red", "green", "blue")


def write(path: Path, face: Face, texture: Texture | None) -> None:
    """Colours alone, no picture: a PLY has no texture that programs agree on."""
    mesh = export_mesh(face)
    colours = () if texture is None else COLOURS
    vertices = np.zeros(len(mesh.vertices), [(name, "<f4") for name in NUMBERS] + [(name, "u1") for name in colours])
    columns = np.c_[mesh.vertices, mesh.normals, mesh.uvs[:, 0], 1 - mesh.uvs[:, 1]]        # v goes up
    for name, column in zip(NUMBERS, columns.T):
        vertices[name] = column
    if texture is not None:
        for name, column in zip(COLOURS, vertex_colours(texture.image, mesh.uvs).T):
            vertices[name] = column
    quads = mesh.faces[:, 3] >= 0
    parts = [_face_bytes(mesh.faces[quads]), _face_bytes(mesh.faces[~quads, :3])]
    header = ["ply", "format binary_little_endian 1.0", "comment a face by L-PRNet: metres, y up, looking along +z",
              f"element vertex {len(vertices)}", *(f"property float {name}" for name in NUMBERS),
              *(f"property uchar {name}" for name in colours), f"element face {len(mesh.faces)}",
              "property list uchar int vertex_indices", "end_header", ""]
    write_bytes(path, "\n".join(header).encode() + vertices.tobytes() + b"".join(parts))


def vertex_colours(image: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """The texture (H, W, 3) uint8 where each vertex lies -> (N, 3) uint8."""
    height, width = image.shape[:2]
    rows = np.clip((uvs[:, 1] * height).astype(int), 0, height - 1)
    columns = np.clip((uvs[:, 0] * width).astype(int), 0, width - 1)
    return image[rows, columns]


def _face_bytes(faces: np.ndarray) -> bytes:
    corners = faces.shape[1]
    rows = np.zeros(len(faces), [("count", "u1"), ("corners", "<i4", (corners,))])
    rows["count"], rows["corners"] = corners, faces
    return rows.tobytes()
