"""Run with bpy in a process of its own: imports mesh files and prints what Blender made of them. Not a test itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import bpy
import numpy as np


def facts(path: Path) -> dict:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    importer = {".obj": bpy.ops.wm.obj_import, ".ply": bpy.ops.wm.ply_import, ".glb": bpy.ops.import_scene.gltf}
    importer[path.suffix](filepath=str(path))
    thing, = (each for each in bpy.data.objects if each.type == "MESH")
    mesh = thing.data
    points = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", points.ravel())
    points = points @ np.array(thing.matrix_world)[:3, :3].T
    front = points[:, 1].argmin()
    pictures = [image for image in bpy.data.images if image.size[0]]
    corner = np.empty((len(mesh.loops), 2), np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", corner.ravel())
    vertex = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertex)
    return {"low": points.min(0).tolist(), "high": points.max(0).tolist(), "nose": points[front].tolist(),
            "nose_normal": (np.array(thing.matrix_world)[:3, :3] @ mesh.vertices[front].normal).tolist(),
            "nose_uv": corner[vertex == front][0].tolist(), "vertices": len(mesh.vertices), "polygons": len(mesh.polygons),
            "quads": sum(len(polygon.vertices) == 4 for polygon in mesh.polygons),
            "pictures": [list(image.size) for image in pictures],
            "top_row": [pixel_row(image) for image in pictures], "colours": len(mesh.color_attributes)}


def pixel_row(image) -> list[float]:
    values = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    return values[-1, :, :3].mean(0).tolist()


if __name__ == "__main__":
    print("FACTS " + json.dumps([facts(Path(name)) for name in sys.argv[1:]]))
    sys.stdout.flush()
    os._exit(0)
