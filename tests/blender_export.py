"""Run with bpy in a process of its own: bakes a take in every way, exports it to every format, and saves what the scene
showed. Not a test itself.

arguments: the take, the folder to write to, the scene's frames a second, the whole frames to look at (with commas), then
the ways to bake, as ABSOLUTE_OBJECT
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import bpy                                                              # noqa: E402
import numpy as np                                                      # noqa: E402
from blender_bake import START, new_scene, world                        # noqa: E402

from inference_core.smoothing import RAW                                # noqa: E402
from inference_core.texture import Texture                              # noqa: E402
from lprnet_blender.scene.bake import bake_take                         # noqa: E402
from lprnet_blender.scene.bake_options import BakeOptions               # noqa: E402
from lprnet_blender.scene.export import ExportOptions, export           # noqa: E402
from lprnet_blender.scene.material import pack_image, skin_material     # noqa: E402
from lprnet_blender.scene.mesh import UV_LAYER                          # noqa: E402

ENDINGS = ("abc", "usdc", "glb", "fbx", "obj", "mdd", "pc2")
KINDS = ("scenes", "objects", "meshes", "materials", "images", "actions", "collections", "shape_keys", "worlds", "cache_files")


def everything() -> dict[str, list[str]]:
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in KINDS}


def state() -> dict:
    scene, layer = bpy.context.scene, bpy.context.view_layer
    return {"data": everything(), "frame": [scene.frame_current, scene.frame_subframe], "scene": scene.name,
            "range": [scene.frame_start, scene.frame_end, scene.render.fps], "active": layer.objects.active.name,
            "selected": sorted(thing.name for thing in layer.objects if thing.select_get())}


def add_skin(thing: bpy.types.Object) -> None:
    thing.data.materials.append(skin_material("skin", pack_image("skin", skin().image), UV_LAYER))


def skin() -> Texture:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 200, 100, 50
    return Texture(pixels, np.ones((32, 32), bool))


def baked(take: Path, mode: str, head: str, fps: int) -> bpy.types.Object:
    """Active, not selected, beside another object that is."""
    scene = new_scene(fps)
    bpy.ops.mesh.primitive_cube_add(size=0.1)
    thing = bake_take(take, BakeOptions(mode, head, "MATCH_SCENE", START, RAW, texture=0), scene)
    add_skin(thing)
    bpy.context.view_layer.objects.active = thing
    scene.frame_set(START + 3, subframe=0.25)
    return thing


def main(take: Path, folder: Path, fps: int, frames: list[float], ways: list[str]) -> None:
    truth, told = {}, {}
    for way in ways:
        mode, head = way.rsplit("_", 1)
        thing = baked(take, mode, head, fps)
        told[way] = {"before": state()}
        for ending in ENDINGS:
            done = export(thing, folder / f"{way}.{ending}")
            told[way][ending] = {"files": [file.name for file in done.files], "notes": done.notes}
        export(thing, folder / f"{way}_exact", ExportOptions("GLTF", every_shape=True))
        told[way]["after"] = state()
        truth[way] = np.stack([world(thing, frame) for frame in frames])
    np.savez(folder / "truth.npz", **truth)
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), list(map(float, sys.argv[4].split(","))), sys.argv[5:])
    print("DONE")
    sys.stdout.flush()
    os._exit(0)
