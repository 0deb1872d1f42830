"""Run with bpy in a process of its own, where the add-on's zip is or was installed; what happens is told as JSON. Not a
test itself. BLENDER_USER_RESOURCES names an empty folder that stands for the user's.

    installed_addon.py install ZIP
    installed_addon.py life
    installed_addon.py use PHOTO FOLDER
    installed_addon.py without FILE.blend
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import bpy

import addon_utils

ADD_ON = "bl_ext.user_default.lprnet_blender"
REGISTERED: set[object] = set()                     # commands of `blender --command`, which Blender does not list
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


def use(photo: str, folder: str) -> dict:
    """Each operator of the installed add-on once; what it made is saved."""
    assert addon_utils.enable(ADD_ON) is not None, "the add-on cannot be switched on"
    told = {"capture_image": sorted(bpy.ops.lprnet.capture_image(filepath=photo, texture_size="512"))}
    told["face"] = facts(bpy.context.view_layer.objects.active)
    blend = Path(folder) / "installed.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    return {**told, "blend": str(blend)}


def without(blend: str) -> dict:
    """The saved file in a Blender that does not know the add-on."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    face = next(thing for thing in bpy.data.objects if "lprnet_yaw_deg" in thing)
    again = bpy.ops.wm.save_as_mainfile(filepath=blend.replace(".blend", "_again.blend"))
    return {"known": hasattr(bpy.types, "LPRNET_OT_capture_image"), "face": facts(face), "saved": sorted(again)}


def facts(thing: bpy.types.Object) -> dict:
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    told = {"name": thing.name, "vertices": len(mesh.vertices), "faces": len(mesh.polygons),
            "size": [round(length, 4) for length in evaluated.dimensions],
            "middle": [round(sum(v.co[axis] for v in mesh.vertices) / len(mesh.vertices), 5) for axis in range(3)],
            "confidence": thing["lprnet_confidence"], "packed": all(image.packed_file for image in bpy.data.images if
                                                                    image.name.endswith("skin"))}
    evaluated.to_mesh_clear()
    return told


if __name__ == "__main__":
    steps = {"install": install, "life": life, "use": use, "without": without}
    told = steps[sys.argv[1]](*sys.argv[2:])
    print("TOLD " + json.dumps({"blender": ".".join(map(str, bpy.app.version)), **told}))
    sys.stdout.flush()
    os._exit(0)                                     # 4.5 hangs while it shuts down after an installation
