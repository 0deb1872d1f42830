"""Run with bpy in a process of its own: bakes a take in every way, and saves where Blender then puts the vertices. Not
a test itself.

arguments: the take, the folder to write to, the scene's frames a second, its base, the frames to look at (with commas)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                              # noqa: E402
import numpy as np                                                      # noqa: E402

from inference_core.smoothing import RAW, SmoothingOptions              # noqa: E402
from lprnet_blender.scene.bake import bake_take                         # noqa: E402
from lprnet_blender.scene.bake_options import BakeOptions               # noqa: E402

MODES, HEADS = ("ABSOLUTE", "RELATIVE", "POINT_CACHE"), ("OBJECT", "VERTICES", "NONE")
START, CURSOR = 11, (0.25, -0.5, 1.0)


def world(thing: bpy.types.Object, frame: float) -> np.ndarray:
    """(N, 3) float64 metres: the evaluated vertices through the object's matrix."""
    scene = bpy.context.scene
    scene.frame_set(int(frame // 1), subframe=float(frame % 1))
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty((len(evaluated.data.vertices), 3), np.float32)
    evaluated.data.vertices.foreach_get("co", points.ravel())
    matrix = np.array(evaluated.matrix_world, np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def new_scene(fps: int = 25, base: float = 1.0) -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    scene.cursor.location = CURSOR
    return scene


def main(take: Path, folder: Path, fps: int, base: float, frames: list[float]) -> None:
    results, told = {}, {}
    for smoothing, name in ((RAW, "raw"), (SmoothingOptions(), "smooth")):
        for mode in MODES if name == "raw" else MODES[:1]:
            for head in HEADS:
                scene = new_scene(fps, base)
                options = BakeOptions(mode, head, "MATCH_SCENE", START, smoothing, texture=0)
                thing = bake_take(take, options, scene)
                results[f"{name} {mode} {head}"] = np.stack([world(thing, frame) for frame in frames])
                told[f"{name} {mode} {head}"] = {
                    "markers": sorted((marker.frame, marker.name) for marker in scene.timeline_markers),
                    "range": [scene.frame_start, scene.frame_end], "name": thing.name,
                    "left": [data.name for kind in ("objects", "meshes", "actions")
                             for data in getattr(bpy.data, kind)]}
    np.savez(folder / "baked.npz", **results)
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]),
         list(map(float, sys.argv[5].split(","))))
    print("DONE")
    sys.stdout.flush()
    os._exit(0)
