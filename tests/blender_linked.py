"""Run with bpy in a process of its own: faces, meshes, collections and scenes that are linked from another .blend file,
told as JSON. Not a test itself.

arguments: a folder with library/take.lprtake and photo.png
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                              # noqa: E402
import numpy as np                                                      # noqa: E402
from blender_bake import world                                          # noqa: E402
from blender_bake_operators import answer, fresh, names                 # noqa: E402

import lprnet_blender                                                   # noqa: E402
from inference_core.errors import InputError                            # noqa: E402
from inference_core.topology import load_topology                       # noqa: E402
from lprnet_blender.command import main as command                      # noqa: E402
from lprnet_blender.scene.bake import bake_take                         # noqa: E402
from lprnet_blender.scene.bake_options import BakeOptions               # noqa: E402
from lprnet_blender.scene.drive import cannot_drive, live_face          # noqa: E402
from lprnet_blender.ui import fill                                      # noqa: E402

FACE, LOCAL_HEIGHT_M = "take", 5.0


def make_library(folder: Path) -> Path:
    """A file with a baked face, a collection and nothing else."""
    scene, path = fresh(), folder / "library" / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    collection = bpy.data.collections.new("set")
    scene.collection.children.link(collection)
    collection.objects.link(bpy.data.objects.new("wall", None))
    answer(bpy.ops.lprnet.bake_video, take=str(folder / "library" / "take.lprtake"), texture="0")
    assert bpy.context.object["lprnet_take"] == "//take.lprtake"
    faces = bpy.data.collections.new("faces")
    scene.collection.children.link(faces)
    faces.objects.link(bpy.context.object)
    bpy.ops.wm.save_mainfile()
    return path


def shot(folder: Path) -> bpy.types.Scene:
    """A new file beside the folder of the library."""
    scene = fresh()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    return scene


def link(library: Path, kind: str, name: str):
    with bpy.data.libraries.load(str(library), link=True, relative=True) as (_, wanted):
        setattr(wanted, kind, [name])
    return getattr(wanted, kind)[0]


def activate(thing: bpy.types.Object) -> bpy.types.Object:
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    return thing


def linked_face(folder: Path, library: Path, kind: str) -> bpy.types.Object:
    """The active object of a new file: linked, a library override of it and its mesh, or local but for its mesh."""
    scene, thing = shot(folder), link(library, "objects", FACE)
    if kind == "override":
        mesh = thing.data
        thing = thing.override_create(remap_local_usages=True)
        thing.data = mesh.override_create(remap_local_usages=True)
    scene.collection.objects.link(thing)
    activate(thing)
    if kind == "mesh":
        bpy.ops.object.make_local(type="SELECT_OBJECT")
    return bpy.context.view_layer.objects.active


def state(thing: bpy.types.Object) -> list:
    """What a bake would change, and all that there is."""
    return [thing["lprnet_bake"]["start_frame"], thing.data.name, len(thing.data.shape_keys.key_blocks),
            names("objects"), names("meshes"), names("actions"), world(thing, 3).tolist()]


def faces(folder: Path, library: Path) -> dict:
    """Bake Again on faces that are not this file's own."""
    told = {}
    for kind in ("linked", "override", "mesh"):
        thing = linked_face(folder, library, kind)
        before, sentence = state(thing), ""
        pressed = answer(bpy.ops.lprnet.rebake, start_frame=50)
        try:
            bake_take(folder / "library" / "take.lprtake", BakeOptions(start_frame=50), thing=thing)
        except InputError as error:
            sentence = str(error)
        take = fill.take_of_active(bpy.context)
        os.makedirs(folder / "elsewhere", exist_ok=True)
        told[kind] = {"pressed": pressed, "baked": sentence, "kept": state(thing) == before,
                      "panel": fill.why_not_again(bpy.context), "take": os.path.relpath(take, folder),
                      "follows": cannot_drive(thing, len(thing.data.vertices))}
        if kind == "override":
            bpy.ops.wm.save_as_mainfile(filepath=str(folder / "elsewhere" / "shot.blend"))
            told[kind]["saved elsewhere"] = os.path.relpath(fill.take_of_active(bpy.context), folder)
    for kind in ("linked", "override"):
        linked_face(folder, library, kind)
        bpy.ops.object.make_local(type="SELECT_OBDATA")
        thing = bpy.context.view_layer.objects.active
        pressed, why = bpy.ops.lprnet.rebake.poll(), answer(bpy.ops.lprnet.rebake, start_frame=50)
        told[f"{kind} made local"] = [pressed, why, thing["lprnet_bake"]["start_frame"],
                                      float(np.abs(world(thing, 50) - world(thing, 56)).max())]
    return told


def rooms(folder: Path, library: Path) -> dict:
    """New objects where the active collection, or the scene, is another file's."""
    told: dict = {}
    for kind in ("linked", "override"):
        scene, collection = shot(folder), link(library, "collections", "set")
        if kind == "override":
            collection = collection.override_create(remap_local_usages=True)
        scene.collection.children.link(collection)
        layer = bpy.context.view_layer
        layer.active_layer_collection = layer.layer_collection.children["set"]
        assert bpy.context.collection == collection
        told[kind] = [answer(bpy.ops.lprnet.bake_video, take=str(folder / "library" / "take.lprtake"), texture="0"),
                      answer(bpy.ops.lprnet.capture_image, filepath=str(folder / "photo.png"), texture_size="512")]
        layer.active_layer_collection = layer.layer_collection.children["set"]
        live_face(scene, load_topology())
        told[kind] += [sorted(thing.name for thing in scene.collection.objects), names("meshes")]
    shot(folder)
    bpy.context.window.scene = link(library, "scenes", "Scene")
    before = names("objects")
    told["scene"] = [answer(bpy.ops.lprnet.bake_video, take=str(folder / "library" / "take.lprtake"), texture="0"),
                     answer(bpy.ops.lprnet.live_webcam, camera="http://127.0.0.1:9/", max_frames=1)]
    told["scene kept"] = names("objects") == before
    return told


def twins(folder: Path, library: Path) -> dict:
    """A face of this file and one of another, with the same name."""
    scene = shot(folder)
    answer(bpy.ops.lprnet.bake_video, take=str(folder / "library" / "take.lprtake"), texture="0", head="NONE")
    local, linked = bpy.context.object, link(library, "objects", FACE)
    scene.collection.objects.link(linked)
    local.location.z = LOCAL_HEIGHT_M
    assert local.name == linked.name == FACE
    for name, thing in (("local", local), ("linked", linked)):
        activate(thing)
        answer(bpy.ops.lprnet.export, filepath=str(folder / f"{name}.mdd"))
    def starts() -> list[int]:
        return [thing["lprnet_bake"]["start_frame"] for thing in (local, linked)]

    told = {"refused": answer(bpy.ops.lprnet.rebake, start_frame=50), "refused starts": starts()}
    activate(local)
    told |= {"again": answer(bpy.ops.lprnet.rebake, start_frame=30), "again starts": starts()}
    bpy.ops.wm.save_mainfile()
    for name, options in (("unnamed", []), ("command local", ["--object", FACE]),
                          ("command linked", ["--object", f"{FACE} (//library/library.blend)"])):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = command(["export", str(folder / "shot.blend"), "-o", str(folder / f"{name}.mdd"), *options])
        told[name] = [code, said.getvalue()]
    linked_face(folder, library, "override")
    bpy.ops.wm.save_mainfile()
    told["only an override"] = command(["export", str(folder / "shot.blend"), "-o", str(folder / "override.mdd")])
    return told


def made_local(folder: Path, library: Path) -> dict:
    """A face that was made local: its take in the panel, saved elsewhere, opened and baked again. Then a face whose own
    take is gone, beside a linked file with another take of that name."""
    linked_face(folder, library, "linked")
    bpy.ops.object.make_local(type="SELECT_OBDATA")
    told = {"panel": os.path.relpath(fill.take_of_active(bpy.context), folder)}
    os.makedirs(folder / "elsewhere" / "deep", exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "elsewhere" / "deep" / "shot.blend"))
    told["saved"] = bpy.context.object["lprnet_take"]
    bpy.data.batch_remove(list(bpy.data.libraries))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    told |= {"libraries": len(bpy.data.libraries), "again": answer(bpy.ops.lprnet.rebake, start_frame=50)}
    scene = fresh()
    os.makedirs(folder / "own", exist_ok=True)
    shutil.copytree(folder / "short.lprtake", folder / "own" / "take.lprtake")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "own" / "own.blend"))
    thing = bake_take(folder / "own" / "take.lprtake", BakeOptions(texture=0), scene)
    shutil.rmtree(folder / "own" / "take.lprtake")
    scene.collection.objects.link(link(library, "objects", FACE))
    activate(thing)
    told |= {"own gone": answer(bpy.ops.lprnet.rebake), "frames": thing["lprnet_frames"]}
    return told


def instances(folder: Path, library: Path) -> dict:
    """A face that is shown by an instance of a linked collection alone, by one in an instance, and by a hidden one."""
    told = {}
    for kind in ("one", "two", "hidden"):
        scene, collection = shot(folder), link(library, "collections", "faces")
        for number in range(2 if kind == "two" else 1):
            shows = bpy.data.objects.new("shows", None)
            shows.instance_type, shows.instance_collection = "COLLECTION", collection
            shows.hide_render = kind == "hidden"
            collection = bpy.data.collections.new("around") if kind == "two" and not number else scene.collection
            collection.objects.link(shows)
        bpy.ops.wm.save_mainfile()
        told[kind] = []
        for words in (["render", "--size", "32", "--views", "0", "-o", str(folder / f"{kind}.png")],
                      ["export", "-o", str(folder / f"{kind}.mdd")]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                code = command([words[0], str(folder / "shot.blend"), *words[1:]])
            told[kind].append([code, said.getvalue()])
    return told


if __name__ == "__main__":
    root = Path(sys.argv[1])
    lprnet_blender.register()
    source = make_library(root)
    results = {part.__name__: part(root, source) for part in (faces, rooms, twins, instances, made_local)}
    print("TOLD " + json.dumps(results))
    sys.stdout.flush()
    os._exit(0)
