"""Run with bpy in a process of its own: the export operator pressed in unusual scenes, told as JSON. Not a test itself.

arguments: a take of few frames, a take of uneven time stamps, the folder to write to
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import bpy                                                              # noqa: E402
import numpy as np                                                      # noqa: E402
from blender_bake import new_scene, world                               # noqa: E402
from blender_export import ENDINGS, baked, skin, state                  # noqa: E402

import lprnet_blender                                                   # noqa: E402
from inference_core.errors import OutputError                           # noqa: E402
from inference_core.pose import HeadPose                                # noqa: E402
from inference_core.topology import load_topology                       # noqa: E402
from lprnet_blender import jobs                                        # noqa: E402
from lprnet_blender.scene import export as exporting                    # noqa: E402
from inference_core.smoothing import RAW                                # noqa: E402
from lprnet_blender.scene.bake import bake_take                         # noqa: E402
from lprnet_blender.scene.bake_options import BakeOptions               # noqa: E402
from lprnet_blender.scene.drive import drive, live_face                 # noqa: E402
from lprnet_blender.scene.face import add_face                          # noqa: E402
from lprnet_blender.scene.key_times import key_times                    # noqa: E402
from lprnet_blender.ui.operators.export import LPRNET_OT_export         # noqa: E402

FPS, CLIP_FPS = 24, 25
TOLD: dict[str, dict] = {}
SHOWN: dict[str, np.ndarray] = {}


def press(case: str, path: Path, **options: object) -> dict:
    """What the operator answers, what it changed, and what lies in the folder afterwards that did not before."""
    before, where = state(), path if path.is_dir() else path.parent
    files = set(where.glob("*"))
    try:
        answer = sorted(bpy.ops.lprnet.export(filepath=str(path), **options))
    except RuntimeError as error:                                       # how bpy.ops hands on a report of type ERROR
        answer = str(error)
    new = {file.name for file in where.glob("*") if file not in files}
    TOLD[case] = {"answer": answer, "kept": state() == before, "new": sorted(new)}
    return TOLD[case]


def notes_of(thing: bpy.types.Object, path: Path) -> list[str]:
    return list(exporting.export(thing, path).notes)


def still(folder: Path) -> None:
    thing = still_face()
    for ending in ENDINGS:
        press(f"still {ending}", folder / f"still.{ending}")
    SHOWN["still"] = world(thing, 1)
    os.chdir(folder)
    press("relative", Path("relative.usda"))


def still_face() -> bpy.types.Object:
    new_scene(FPS)
    thing = add_face("still", mean_face(), skin(), bpy.context.scene.collection)
    thing.location = 0.1, 0.2, 0.3
    bpy.context.view_layer.objects.active = thing
    return thing


def mistakes(take: Path, folder: Path) -> None:
    thing = baked(take, "ABSOLUTE", "OBJECT", FPS)
    press("no name", folder / "nothing")
    press("ending", folder / "a.stl")
    press("two formats", folder / "a.fbx", format="GLTF")
    press("folder", folder, format="GLTF")
    press("missing folder", folder / "missing" / "a.glb")
    press("two numbers", folder / "a_#_#.obj")
    thing.hide_set(True)
    press("hidden", folder / "a.glb")
    thing.hide_set(False)
    (folder / "taken.glb").mkdir()
    press("taken by a folder", folder / "taken.glb")
    press("added ending", folder / "added", format="MDD")
    press("two lines", folder / "a\nb.obj")
    press("not unicode", folder / "a\udcff.glb")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limit[1]))        # as on a full disk
    press("disk full", folder / "full.abc")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_901_000, limit[1]))        # room for the points, not for the file
    press("disk full obj", folder / "full.obj")
    press("disk full glb", folder / "full.glb", every_shape=True)
    press("disk full usd", folder / "full.usdc")
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    usage, exporting.shutil.disk_usage = exporting.shutil.disk_usage, lambda folder: SimpleNamespace(free=31_000_000)
    press("no room", folder / "full.abc")
    exporting.shutil.disk_usage = usage
    shrink = thing.modifiers.new("shrink", "DECIMATE")
    shrink.decimate_type = "DISSOLVE"
    shrink.angle_limit = 0.2
    press("vertices change", folder / "a.abc")
    thing.modifiers.remove(shrink)
    for ending, module, name in (("glb", bpy.ops.export_scene, "gltf"), ("usda", bpy.ops.wm, "usd_export")):
        fail(module, name, case=f"exporter fails {ending}", path=folder / f"b.{ending}")
    bpy.ops.object.mode_set(mode="EDIT")
    TOLD["edit mode"] = {"poll": bpy.ops.lprnet.export.poll()}
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    TOLD["cube"] = {"poll": bpy.ops.lprnet.export.poll()}


def fail(module: object, name: str, case: str, path: Path) -> None:
    """The exporter breaks off as one on a full disk does, with half a file written."""
    from lprnet_blender.scene import export_caches, export_shapes

    def broken(filepath: str, **options: object) -> None:
        Path(filepath).write_bytes(b"half")
        bpy.data.meshes.new("left by the exporter")
        raise RuntimeError("Error: No space left on device")

    stub = SimpleNamespace(ops=SimpleNamespace(**{
        "export_scene": SimpleNamespace(gltf=broken), "wm": SimpleNamespace(usd_export=broken)}), data=bpy.data)
    kept = export_caches.bpy, export_shapes.bpy
    export_caches.bpy = export_shapes.bpy = stub
    try:
        press(case, path)
    finally:
        export_caches.bpy, export_shapes.bpy = kept


def unusual(take: Path, uneven: Path, folder: Path) -> None:
    thing = baked(uneven, "ABSOLUTE", "OBJECT", FPS)
    TOLD["uneven"] = {"abc": notes_of(thing, folder / "uneven.abc"), "usda": notes_of(thing, folder / "uneven.usda"),
                      "glb": notes_of(thing, folder / "uneven.glb")}
    thing = baked(take, "RELATIVE", "OBJECT", FPS)
    parent = bpy.data.objects.new("stretched", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.rotation_euler, parent.scale = (0.3, 0.2, 0.5), (1.0, 1.0, 2.0)
    thing.parent = parent
    bpy.context.scene.unit_settings.scale_length = 0.5
    press("stretched", folder / "stretched.glb")
    press("stretched", folder / "stretched.pc2")
    SHOWN["stretched"] = np.stack([world(thing, frame) for frame in (11, 14, 20)]) * 0.5
    thing = baked(take, "POINT_CACHE", "VERTICES", FPS)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 13, 16
    press("range", folder / "range.obj", scene_range=True)
    press("range usd", folder / "range.usda", scene_range=True)
    SHOWN["range"] = np.stack([world(thing, frame) for frame in (13, 14, 15, 16)])
    subdivided = thing.modifiers.new("finer", "SUBSURF")
    subdivided.levels = 1
    press("subdivided", folder / "subdivided.mdd")
    SHOWN["subdivided"] = np.stack([world(thing, frame) for frame in (11, 18)])
    thing.modifiers.remove(subdivided)
    early(thing, 40)
    press("negative", folder / "negative.glb")
    SHOWN["negative"] = world(thing, -29)


def modified(take: Path) -> None:
    """How many times the export of a bake reads the scene, with each modifier that nothing moves, and with some that
    something may."""
    thing, scene = baked(take, "ABSOLUTE", "OBJECT", FPS), bpy.context.scene
    scene.frame_end = 250
    other, texture = bpy.data.objects.new("other", None), bpy.data.textures.new("other", "CLOUDS")
    told = {"": len(key_times(thing, scene))}
    for kind in ("DISPLACE", "CAST", "ARRAY", "NORMAL_EDIT", "UV_WARP", "UV_PROJECT", "DATA_TRANSFER", "SHRINKWRAP",
                 "WARP", "CURVE", "LATTICE", "MESH_DEFORM", "SURFACE_DEFORM", "BOOLEAN", "HOOK", "WAVE", "SCREW"):
        modifier = thing.modifiers.new("m", kind)
        told[kind] = len(key_times(thing, scene))
        for name, value in (("texture", texture), ("offset_object", other), ("object", other),
                            ("auxiliary_target", bpy.data.objects["Cube"])):
            if kind in ("DISPLACE", "ARRAY", "SHRINKWRAP", "HOOK") and hasattr(modifier, name):
                setattr(modifier, name, value)
                told[f"{kind} {name}"] = len(key_times(thing, scene))
                setattr(modifier, name, None)
        if kind == "UV_PROJECT":
            modifier.projectors[0].object = other
            told[f"{kind} projector"] = len(key_times(thing, scene))
        if kind == "SCREW":
            modifier.keyframe_insert("angle", frame=1)          # its curve stays, so it is the last
            told[f"{kind} keyed"] = len(key_times(thing, scene))
        thing.modifiers.remove(modifier)
    TOLD["modified"] = told


def early(thing: bpy.types.Object, frames: int) -> None:
    for curve in [*curves(thing), *curves(thing.data.shape_keys)]:
        for key in curve.keyframe_points:
            key.co.x -= frames
            key.handle_left.x -= frames
            key.handle_right.x -= frames


def moved_by_others(folder: Path) -> None:
    """A face in a lattice that moves, in one that does not, and with a skin that no format can hold."""
    thing = still_face()
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 6
    lattice = bpy.data.objects.new("around", bpy.data.lattices.new("around"))
    scene.collection.objects.link(lattice)
    bend = thing.modifiers.new("bend", "LATTICE")
    bend.object = lattice
    press("lattice at rest", folder / "lattice_at_rest.mdd")
    corner = lattice.data.points[0]
    for frame, away in ((3, 0.0), (6, 0.5)):
        corner.co_deform.x = -0.5 + away
        corner.keyframe_insert("co_deform", frame=frame)
    press("lattice", folder / "lattice.mdd")
    SHOWN["lattice"] = np.stack([world(thing, frame) for frame in range(3, 7)])
    thing.modifiers.remove(bend)
    node, = (n for n in thing.data.materials[0].node_tree.nodes if n.type == "TEX_IMAGE")
    node.image.filepath_raw, node.image.source = str(folder / "skin.<UDIM>.png"), "TILED"
    press("tiles", folder / "tiles.fbx")


def before_zero(take: Path, folder: Path) -> None:
    """Every key on a whole frame, most of them before frame 0, where no scene begins."""
    thing = baked(take, "ABSOLUTE", "OBJECT", CLIP_FPS)
    early(thing, 40)
    SHOWN["early"] = np.stack([world(thing, frame) for frame in (-29, -25)])
    for ending in ("usda", "fbx"):
        TOLD[f"early {ending}"] = {"notes": notes_of(thing, folder / f"early.{ending}")}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = CLIP_FPS
    bpy.ops.import_scene.fbx(filepath=str(folder / "early.fbx"), anim_offset=0)
    SHOWN["early fbx"] = np.stack([world(bpy.data.objects[0], frame) for frame in (0, 4)])


def mean_face() -> SimpleNamespace:
    topology = load_topology()
    return SimpleNamespace(topology=topology, vertices_canonical=topology.mean_canonical, confidence=0.5,
                           pose=HeadPose(np.eye(3), 10.0, (3.0, 4.0), 0.0), size=(640, 480))


def units(take: Path, folder: Path) -> None:
    """A captured, a baked and a live face in scenes of other units, at the same place in metres."""
    for system, scale, metres in (("METRIC", 1.0, 1.0), ("METRIC", 0.01, 0.01), ("IMPERIAL", 0.3048, 0.3048),
                                  ("NONE", 0.01, 1.0)):
        scene, face = new_scene(FPS), mean_face()
        scene.unit_settings.system, scene.unit_settings.scale_length = system, scale
        scene.cursor.location = np.array((0.1, 0.2, 0.3)) / metres
        live = live_face(scene, face.topology)
        drive(live, face, "OBJECT", live.matrix_basis.copy())
        things = {"captured": add_face("captured", face, skin(), scene.collection, place=2), "live": live,
                  "baked": bake_take(take, BakeOptions(smoothing=RAW, texture=0), scene)}
        bpy.context.view_layer.update()
        for name, thing in things.items():
            case = f"{name} {system} {scale}"
            exporting.export(thing, folder / f"{case}.mdd")
            TOLD[case] = {"height": thing.dimensions.z * metres}
        bpy.context.view_layer.objects.active = things["baked"]
        again = bake_take(take, BakeOptions(head="VERTICES", smoothing=RAW, texture=0), scene, thing=things["baked"])
        exporting.export(again, folder / f"again {system} {scale}.mdd")
        with bpy.context.temp_override(active_object=again, object=again, selected_objects=[again],
                                       selected_editable_objects=[again]):
            bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
        again = bake_take(take, BakeOptions(head="VERTICES", smoothing=RAW, texture=0), scene, thing=again)
        exporting.export(again, folder / f"applied {system} {scale}.mdd")
        again.scale = 2, 2, 2                           # and back to 1, by hand
        again = bake_take(take, BakeOptions(head="VERTICES", smoothing=RAW, texture=0), scene, thing=again)
        again.scale = 1, 1, 1
        again = bake_take(take, BakeOptions(head="VERTICES", smoothing=RAW, texture=0), scene, thing=again)
        TOLD[f"cleared {system} {scale}"] = {"scale": again.scale.x}


def stopped(take: Path, folder: Path) -> None:
    """As Esc does, after three frames; and the object deleted, renamed, its scene left meanwhile."""
    def begun(name: str, ending: str = "glb"):
        thing = baked(take, "ABSOLUTE", "VERTICES", FPS)
        before = state()
        job = jobs.begin("Export", exporting.export_steps(thing, folder / f"{name}.{ending}"))
        while job.progress.done < 3:
            job.tick(0)
        return thing, before, job

    def leave() -> None:
        bpy.context.window.scene = bpy.data.scenes.new("another")

    _, before, job = begun("stopped")
    job.cancel()
    TOLD["stopped"] = {"answer": job.ended.message, "kept": state() == before, "new": left(folder, "stopped")}
    for case, change in (("deleted", lambda thing: bpy.data.objects.remove(thing)), ("left", lambda thing: leave()),
                         ("renamed", lambda thing: setattr(thing, "name", "x"))):
        thing, before, job = begun(case)
        change(thing)
        del thing
        while job.ended is None:
            job.tick(0)
        TOLD[f"{case} meanwhile"] = {"answer": job.ended.message, "new": left(folder, case)}


def unmapped(take: Path, folder: Path) -> None:
    """Whether something still maps the points that lie in the folder of an export when that is removed: Windows would
    leave them there."""
    mapped = []

    class Folder(tempfile.TemporaryDirectory):
        def __exit__(self, *error) -> None:
            mapped.append(self.name in Path("/proc/self/maps").read_text())
            super().__exit__(*error)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    thing = baked(take, "ABSOLUTE", "OBJECT", FPS)
    exporting.tempfile = SimpleNamespace(TemporaryDirectory=Folder)
    kept = exporting._write
    for ending, write in (("glb", kept), ("obj", kept), ("fbx", kept), ("glb", fails), ("abc", fails)):
        exporting._write = write
        with suppress(OutputError):
            exporting.export(thing, folder / f"mapped.{ending}")
    exporting.tempfile, exporting._write = tempfile, kept
    TOLD["mapped"] = mapped


def left(folder: Path, name: str) -> list[str]:
    return [file.name for file in folder.iterdir() if name in file.name]


def curves(owner: bpy.types.ID | None) -> list[bpy.types.FCurve]:
    from lprnet_blender.compat import curves_of
    return list(curves_of(owner))


if __name__ == "__main__":
    take, uneven, folder = map(Path, sys.argv[1:4])
    lprnet_blender.register()
    still(folder)
    mistakes(take, folder)
    unusual(take, uneven, folder)
    moved_by_others(folder)
    modified(take)
    units(take, folder)
    stopped(take, folder)
    before_zero(take, folder)
    if sys.platform == "linux":
        unmapped(take, folder)
    TOLD["words"] = [LPRNET_OT_export.done(None, None, SimpleNamespace(files=[Path(name) for name in names], notes=notes))
                     for names, notes in ((["a.mtl", "a_skin.png", "a.0001.obj", "a.0002.obj", "a.0003.obj"], ()),
                                          (["a.mtl", "a.obj"], ()), (["a.glb"], ("12 shapes",)))]
    np.savez(folder / "shown.npz", **SHOWN)
    print("TOLD " + json.dumps(TOLD))
    sys.stdout.flush()
    os._exit(0)
