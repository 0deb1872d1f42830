"""Run with bpy in a process of its own: opens a .blend and prints what is in it as JSON. Not a test itself."""

from __future__ import annotations

import json
import os
import sys

import bpy
import numpy as np


def values(collection: bpy.types.bpy_prop_collection, name: str, width: int) -> np.ndarray:
    array = np.empty(len(collection) * width, dtype=np.float32)
    collection.foreach_get(name, array)
    return array.reshape(-1, width)


def facts(thing: bpy.types.Object) -> dict:
    mesh = thing.data
    vertices, normals = values(mesh.vertices, "co", 3), values(mesh.vertices, "normal", 3)
    uvs = values(mesh.uv_layers.active.uv, "vector", 2)
    surface = next(node for node in mesh.materials[0].node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    texture = surface.inputs["Base Color"].links[0].from_node
    pixels = np.empty(texture.image.size[0] * texture.image.size[1] * 4, dtype=np.float32)
    texture.image.pixels.foreach_get(pixels)
    nose = int(np.argmin(vertices[:, 1]))
    return {
        "name": thing.name,
        "location": list(thing.location),
        "rotation": list(thing.rotation_euler),
        "scale": list(thing.scale),
        "vertices": len(vertices),
        "faces": len(mesh.polygons),
        "size": (vertices.max(axis=0) - vertices.min(axis=0)).tolist(),
        "nose": vertices[nose].tolist(),
        "nose_normal": normals[nose].tolist(),
        "groups": {group.name: vertices[[vertex.index for vertex in mesh.vertices
                                         if any(entry.group == group.index for entry in vertex.groups)]]
                   .mean(axis=0).tolist() for group in thing.vertex_groups},
        "smooth": all(polygon.use_smooth for polygon in mesh.polygons),
        "uv_low": uvs.min(axis=0).tolist(),
        "uv_high": uvs.max(axis=0).tolist(),
        "texture_size": list(texture.image.size),
        "texture_packed": texture.image.packed_file is not None,
        "texture_top_row": pixels.reshape(*reversed(tuple(texture.image.size)), 4)[-1, :, :3].mean(axis=0).tolist(),
        "attributes": sorted(mesh.attributes.keys()),
        "properties": {key: value if isinstance(value, (str, float, int)) else list(value)
                       for key, value in thing.items() if key.startswith("lprnet_")},
    }


if __name__ == "__main__":
    bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
    found = [facts(thing) for thing in bpy.data.objects if thing.type == "MESH"]
    print("FACTS " + json.dumps({"faces": found, "camera": bpy.context.scene.camera is not None}))
    sys.stdout.flush()
    os._exit(0)
