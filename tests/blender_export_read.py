"""Run with bpy in a process of its own: imports files into empty scenes and saves where their vertices are. Not a test
itself.

arguments: the .npz to write, the scene's frames a second, its base, then for each file its path and the frames (with
commas) to look at
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
import numpy as np

IMPORTERS = {".abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
             ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path, anim_offset=0.0),
             ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
             ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path)}


def world(thing: bpy.types.Object, frame: float) -> np.ndarray:
    bpy.context.scene.frame_set(int(frame // 1), subframe=float(frame % 1))
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", points.ravel())
    matrix = np.array(evaluated.matrix_world, np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def pictures() -> list[str]:
    return sorted(Path(bpy.path.abspath(image.filepath)).name for image in bpy.data.images if image.size[0])


if __name__ == "__main__":
    target, fps, base = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    found = {}
    for path, frames in zip(sys.argv[4::2], sys.argv[5::2]):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base
        IMPORTERS[Path(path).suffix](path)
        thing, = (each for each in bpy.data.objects if each.type == "MESH")
        name = Path(path).name
        found[name] = np.stack([world(thing, float(frame)) for frame in frames.split(",")])
        found[f"{name} pictures"] = np.array(pictures())
        found[f"{name} name"] = np.array(thing.name)
        found[f"{name} uvs"] = np.array(len(thing.data.uv_layers))
    np.savez(target, **found)
    print("DONE")
    sys.stdout.flush()
    os._exit(0)
