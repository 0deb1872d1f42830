"""Run with bpy in a process of its own, where the add-on's zip is or was installed; what happens is told as JSON. Not a
test itself. BLENDER_USER_RESOURCES names an empty folder that stands for the user's.

    installed_addon.py install ZIP
    installed_addon.py life
    installed_addon.py use PHOTO CLIP CAMERA FOLDER
    installed_addon.py without FILE.blend
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))

import bpy                                          # noqa: E402

import addon_utils                                  # noqa: E402
import bake_truth                                   # noqa: E402
import numpy as np                                  # noqa: E402

ADD_ON = "bl_ext.user_default.lprnet_blender"
REGISTERED: set[object] = set()                     # commands of `blender --command`, which Blender does not list
RAW = {"smooth_pose": 0.0, "smooth_expression": 0.0, "smooth_openings": 0.0, "smooth_identity": 0.0, "max_gap_s": 0.0}
EXPORTS = ("a.abc", "a.usdc", "a.glb", "a.fbx", "obj/a.####.obj", "a.mdd", "a.pc2")
TIMERS: list[Callable] = []                         # functions given to bpy.app.timers, for the same reason


def install(zip_path: str) -> dict:
    answer = bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True,
                                                      overwrite=True)
    import cv2
    import dlib
    import numpy
    from ai_edge_litert import interpreter
    modules = {module.__name__: str(Path(module.__file__).resolve()) for module in (cv2, dlib, interpreter, numpy)}
    return {"answer": sorted(answer), "enabled": ADD_ON in bpy.context.preferences.addons.keys(), "modules": modules,
            "numpy": numpy.__version__, "absolute": sorted({"inference_core", "lprnet_blender"} & set(sys.modules))}


def life() -> dict:
    """Switched on, off and on again; each state as `state` sees it."""
    watch_commands_and_timers()
    told = {"before": state()}
    for name in ("on", "off", "on_again", "off_again"):
        if name.startswith("on"):
            assert addon_utils.enable(ADD_ON) is not None, "the add-on cannot be switched on"
        else:
            addon_utils.disable(ADD_ON)
        told[name] = state()
    return told


def watch_commands_and_timers() -> None:
    register, unregister = bpy.utils.register_cli_command, bpy.utils.unregister_cli_command
    timer = bpy.app.timers.register

    def registered(name: str, function: Callable) -> object:
        handle = register(name, function)
        REGISTERED.add((name, id(handle)))
        names[id(handle)] = name
        return handle

    def unregistered(handle: object) -> None:
        REGISTERED.discard((names.pop(id(handle)), id(handle)))
        unregister(handle)

    def timed(function: Callable, **options: object) -> None:
        TIMERS.append(function)
        timer(function, **options)

    names: dict[int, str] = {}
    bpy.utils.register_cli_command, bpy.utils.unregister_cli_command = registered, unregistered
    bpy.app.timers.register = timed


def state() -> dict[str, list[str]]:
    """Everything that an add-on can leave behind in Blender, as sorted lists of names."""
    types = {name: getattr(bpy.types, name) for name in dir(bpy.types)}
    properties = [f"{name}.{key}" for name, kind in types.items() if hasattr(kind, "bl_rna")
                  for key in kind.bl_rna.properties.keys()]
    menus = [f"{name}: {function.__module__}.{function.__qualname__}" for name, kind in types.items()
             for function in getattr(getattr(kind, "draw", None), "_draw_funcs", ())]
    handlers = [f"{name}: {function.__module__}.{function.__qualname__}" for name in dir(bpy.app.handlers)
                if isinstance(functions := getattr(bpy.app.handlers, name), list) for function in functions]
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    keys = [f"{keymap.name}: {item.idname}" for keymap in (keyconfig.keymaps if keyconfig else ())
            for item in keymap.keymap_items]
    operators = [f"{group}.{name}" for group in dir(bpy.ops) for name in dir(getattr(bpy.ops, group))]
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return {"types": sorted(types), "properties": sorted(properties), "menus": sorted(menus), "handlers": sorted(handlers),
            "keys": sorted(keys), "operators": sorted(operators), "commands": sorted(name for name, _ in REGISTERED),
            "timers": [function.__qualname__ for function in TIMERS if bpy.app.timers.is_registered(function)],
            "threads": sorted(thread.name for thread in threading.enumerate()), "path": sorted(sys.path),
            "children": children.read_text().split() if children.is_file() else []}


def use(photo: str, clip: str, camera: str, out: str) -> dict:
    """Each operator of the installed add-on once; what they made is saved."""
    assert addon_utils.enable(ADD_ON) is not None, "the add-on cannot be switched on"
    folder = Path(out)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    told = {"operators": sorted(dir(bpy.ops.lprnet)),
            "check_installation": sorted(bpy.ops.lprnet.check_installation()),
            "capture_image": sorted(bpy.ops.lprnet.capture_image(filepath=photo, texture_size="512"))}
    told["face"] = facts(bpy.context.view_layer.objects.active)
    take = folder / "clip.lprtake"
    bake = bpy.ops.lprnet.bake_video(filepath=clip, take=str(take), mode="ABSOLUTE", head="OBJECT", timing="RETIME",
                                     start_frame=1, texture="512", **RAW)
    told["bake_video"], told["frames"] = sorted(bake), len(rows(take))
    told["off"] = {"ABSOLUTE OBJECT": furthest_off(take, head=True)}
    for mode, head in (("RELATIVE", "VERTICES"), ("POINT_CACHE", "NONE"), ("ABSOLUTE", "OBJECT")):
        told[f"rebake {mode}"] = sorted(bpy.ops.lprnet.rebake(mode=mode, head=head))
        told["off"][f"{mode} {head}"] = furthest_off(take, head=head != "NONE")
    told["export"] = {}
    (folder / "obj").mkdir()
    for name in EXPORTS:
        answer = sorted(bpy.ops.lprnet.export(filepath=str(folder / name)))
        told["export"][name] = [answer, sum(path.stat().st_size for path in folder.glob(name.replace("####", "*")))]
    told["baked"] = facts(bpy.context.view_layer.objects.active)
    live = bpy.ops.lprnet.live_webcam(camera=camera, record=True, take=str(folder / "live.lprtake"), max_frames=8)
    told["live_webcam"], told["live_frames"] = sorted(live), len(rows(folder / "live.lprtake"))
    blend = folder / "installed.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    return {**told, "blend": str(blend)}


def rows(take: Path) -> object:
    return import_module(f"{ADD_ON}.inference_core.take").open_take(take)


def furthest_off(take: Path, head: bool) -> float:
    """How far a vertex of the active object is from where the take has it, over all frames, in sizes of a face."""
    truth, thing = rows(take), bpy.context.view_layer.objects.active
    return max(float(np.abs(world(thing, row + 1) - bake_truth.world(truth, row, head)).max()) / bake_truth.FACE_SIZE_M
               for row in range(len(truth)) if truth.valid[row])


def world(thing: bpy.types.Object, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty((len(evaluated.data.vertices), 3), np.float32)
    evaluated.data.vertices.foreach_get("co", points.ravel())
    matrix = np.array(evaluated.matrix_world, np.float64)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def without(blend: str) -> dict:
    """The saved file in a Blender that does not know the add-on: what stands there, and what moves."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    again = bpy.ops.wm.save_as_mainfile(filepath=blend.replace(".blend", "_again.blend"))
    return {"known": hasattr(bpy.types, "LPRNET_OT_capture_image"), "face": facts(bpy.data.objects["astronaut"]),
            "baked": facts(bpy.data.objects["clip"]), "saved": sorted(again)}


def facts(thing: bpy.types.Object) -> dict:
    """What can be measured on an object at frames 1 and 5."""
    first, fifth = world(thing, 1), world(thing, 5)
    images = [image.name for image in bpy.data.images if image.packed_file]
    return {"name": thing.name, "vertices": len(first), "size": np.ptp(first, axis=0).round(4).tolist(),
            "middle": first.mean(axis=0).round(5).tolist(), "moves": round(float(np.abs(fifth - first).max()), 5),
            "confidence": thing.get("lprnet_confidence"), "packed": f"{thing.name} skin" in images}


if __name__ == "__main__":
    steps = {"install": install, "life": life, "use": use, "without": without}
    told = steps[sys.argv[1]](*sys.argv[2:])
    print("TOLD " + json.dumps({"blender": ".".join(map(str, bpy.app.version)), **told}))
    sys.stdout.flush()
    os._exit(0)                                     # 4.5 hangs while it shuts down after an installation
