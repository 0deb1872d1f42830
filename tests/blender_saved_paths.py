"""Run with bpy in a process of its own: files of the add-on are saved, copied, moved and opened again, told as JSON. Not a
test itself.

arguments: an empty folder, a take
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                          # noqa: E402

import lprnet_blender                                               # noqa: E402


def paths() -> list[str]:
    thing, settings = bpy.context.object, bpy.context.scene.lprnet
    return [thing["lprnet_take"], thing["lprnet_cache"], thing.modifiers[0].filepath,
            settings.photo, settings.clip, settings.take]


def save(path: Path, **options: bool) -> list[str]:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **options)
    return paths()


def main(folder: Path, take: Path) -> dict:
    shot, blends = folder / "shot", folder / "shot" / "blends"
    blends.mkdir(parents=True)
    shutil.copytree(take, shot / "takes" / "anna.lprtake")
    settings = bpy.context.scene.lprnet
    settings.photo, settings.clip = str(shot / "anna.png"), str(shot / "anna.mp4")
    bpy.ops.lprnet.bake_video(take=str(shot / "takes" / "anna.lprtake"), mode="POINT_CACHE", texture="0")
    told = {"new": paths(), "saved": save(blends / "anna.blend")}
    told["copied"] = save(folder / "copy.blend", copy=True)
    try:
        save(folder / "nowhere" / "anna.blend")         # a folder that is not there
    except RuntimeError:
        pass
    told["refused"] = paths()
    cache, own = shot / "takes" / "anna_lprnet.pc2", []
    before = cache.read_bytes()
    for head in ("OBJECT", "VERTICES"):                 # of a saved file the cache lies beside it
        bpy.ops.lprnet.rebake(head=head)
        own.append(Path(bpy.path.abspath(bpy.context.object.modifiers[0].filepath)).read_bytes())
    told["own caches"] = [sorted(path.name for path in blends.glob("*.pc2")), own[0] != own[1]]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.lprnet.bake_video(take=str(shot / "takes" / "anna.lprtake"), mode="POINT_CACHE", texture="0")
    told["other cache"] = [Path(bpy.context.object.modifiers[0].filepath).name, cache.read_bytes() == before]
    os.rename(shot, folder / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(folder / "moved" / "blends" / "anna.blend"))
    told["again"] = sorted(bpy.ops.lprnet.rebake(mode="ABSOLUTE"))
    bpy.context.preferences.filepaths.use_relative_paths = False
    bpy.context.scene.lprnet.clip = str(folder / "other.mp4")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "moved" / "absolute.blend"), relative_remap=False)
    told["not relative"] = [
        f"{name} {known.identifier}" for name in dir(bpy.ops.lprnet)
        for known in getattr(bpy.ops.lprnet, name).get_rna_type().properties
        if known.type == "STRING" and known.subtype in ("FILE_PATH", "DIR_PATH")
        and not getattr(known, "is_path_supports_blend_relative", True)]
    told["absolute"] = bpy.context.scene.lprnet.clip
    return told


lprnet_blender.register()
bpy.ops.wm.read_factory_settings(use_empty=True)
print("TOLD " + json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
sys.stdout.flush()
os._exit(0)
