"""Run with bpy in a process of its own: imports animations of a take and saves where Blender puts their vertices at
some frames. Not a test itself.

arguments: the .npz to write, frames a second, the frames (from 0, with commas), then the .glb, .pc2 and .mdd
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
import numpy as np


def points(thing) -> np.ndarray:
    """In the mesh's own space."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    out = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", out.ravel())
    return out


def at_frames(thing, frames: list[int], first: int) -> np.ndarray:
    out = []
    for frame in frames:
        bpy.context.scene.frame_set(first + frame)
        out.append(points(thing))
    return np.array(out)


def start(fps: float) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = round(fps)


def only_mesh():
    thing, = (each for each in bpy.data.objects if each.type == "MESH")
    return thing


def gltf(path: Path, fps: float, frames: list[int]) -> dict:
    start(fps)
    bpy.ops.import_scene.gltf(filepath=str(path))
    thing = only_mesh()
    shapes = at_frames(thing, frames, 0)
    matrices = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        matrices.append(np.array(thing.matrix_world))
    keys = thing.data.shape_keys.key_blocks
    return {"glb": shapes, "glb_matrix": np.array(matrices), "glb_names": np.array([key.name for key in keys])}


def cache(path: Path, fps: float, frames: list[int]) -> dict:
    start(fps)
    bpy.ops.wm.obj_import(filepath=str(path.with_name(f"{path.stem}_mesh.obj")))
    thing = only_mesh()
    modifier = thing.modifiers.new("take", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = path.suffix[1:].upper(), str(path)
    modifier.forward_axis, modifier.up_axis, modifier.frame_start = "POS_Y", "POS_Z", 1.0
    return {path.suffix[1:]: at_frames(thing, frames, 1)}


if __name__ == "__main__":
    target, fps, frames = sys.argv[1], float(sys.argv[2]), [int(frame) for frame in sys.argv[3].split(",")]
    scene, *caches = map(Path, sys.argv[4:])
    results = gltf(scene, fps, frames)
    for each in caches:
        results |= cache(each, fps, frames)
    np.savez(target, **results)
    print("DONE")
    sys.stdout.flush()
    os._exit(0)
