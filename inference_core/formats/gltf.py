"""glTF 2.0 in one binary file (.glb) with the texture inside (Khronos, "glTF 2.0 specification", 2021)."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference_core.files import write_bytes
from inference_core.images import encode_image
from inference_core.mesh import Mesh, export_mesh

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

FLOAT, UNSIGNED_INT = 5126, 5125
VERTICES, INDICES = 34962, 34963                # what a buffer view is for
LINEAR, LINEAR_MIPMAP_LINEAR, CLAMP = 9729, 9987, 33071
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
ROUGHNESS = 0.6


def write(path: Path, face: Face, texture: Texture | None) -> None:
    """Triangles, since glTF knows no quads."""
    body = Body()
    write_bytes(path, binary_file(document(export_mesh(face), texture, body), body))


def document(mesh: Mesh, texture: Texture | None, body: Body) -> dict:
    """A scene of one node, 0, with one mesh, 0, of one primitive; its arrays go into `body`."""
    attributes = {"POSITION": body.array(mesh.vertices, VERTICES, bounds=True),
                  "NORMAL": body.array(mesh.normals, VERTICES), "TEXCOORD_0": body.array(mesh.uvs, VERTICES)}
    indices = body.array(mesh.triangles.reshape(-1, 1), INDICES)
    surface: dict = {"metallicFactor": 0, "roughnessFactor": ROUGHNESS}
    made = {
        "asset": {"version": "2.0", "generator": "L-PRNet for Blender"}, "scene": 0, "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "face"}],
        "meshes": [{"name": "face", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}],
        "materials": [{"name": "skin", "pbrMetallicRoughness": surface, "doubleSided": True}],
    }
    if texture is not None:
        surface["baseColorTexture"] = {"index": 0}
        picture = body.view(encode_image(texture.image))
        made |= {"textures": [{"sampler": 0, "source": 0}],
                 "samplers": [{"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": CLAMP, "wrapT": CLAMP}],
                 "images": [{"name": "skin", "mimeType": "image/png", "bufferView": picture}]}
    return made


class Body:
    """The binary part, growing; every view starts at a multiple of four bytes."""

    def __init__(self) -> None:
        self.data, self.views, self.accessors = bytearray(), [], []

    def view(self, content: bytes, target: int | None = None) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
                          | ({"target": target} if target else {}))
        self.data += content + bytes(-len(content) % 4)
        return len(self.views) - 1

    def array(self, values: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """(N, 1 to 4), float -> 32-bit floats, whole numbers -> 32-bit indices; the number of its accessor."""
        floats = values.dtype.kind == "f"
        values = np.ascontiguousarray(values, "<f4" if floats else "<u4")
        accessor = {"bufferView": self.view(values.tobytes(), target),
                    "componentType": FLOAT if floats else UNSIGNED_INT,
                    "count": len(values), "type": KINDS[values.shape[1]]}
        if bounds:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def binary_file(document: dict, body: Body) -> bytes:
    """The .glb of a document and its arrays."""
    arrays = {"accessors": body.accessors, "bufferViews": body.views, "buffers": [{"byteLength": len(body.data)}]}
    text = json.dumps(document | arrays, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    data = bytes(body.data)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
