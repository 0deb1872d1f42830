"""Run with bpy in a process of its own: the add-on's life and what its panels draw, as JSON. Not a test itself.

Argument: a take.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                          # noqa: E402

import lprnet_blender                                               # noqa: E402
from lprnet_blender import jobs                                     # noqa: E402
from lprnet_blender.ui import cli_command, panels, preferences, properties, take_info           # noqa: E402

ICONS = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items


def traces() -> dict:
    """Everything in Blender that the add-on may leave behind."""
    return {"classes": sorted(name for name in dir(bpy.types) if "lprnet" in name.lower()),
            "operators": sorted(name for name in dir(bpy.ops.lprnet)),
            "settings": hasattr(bpy.types.Scene, "lprnet") and "lprnet" in bpy.types.Scene.bl_rna.properties,
            "menu": len(bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize()),
            "handlers": sum(len(getattr(bpy.app.handlers, name)) for name in dir(bpy.app.handlers)
                            if isinstance(getattr(bpy.app.handlers, name), list)),
            "timers": bpy.app.timers.is_registered(take_info._redraw)}


class Layout:
    """What a panel draws, as lines; asks Blender whether what is drawn is there."""

    def __init__(self, drawn: list[str], enabled: bool = True) -> None:
        self.__dict__.update(drawn=drawn, enabled=enabled, said=[])

    def _part(self, *arguments: object, **how: object) -> Layout:
        part = Layout(self.drawn)
        part.__dict__["above"] = self
        return part

    row = column = split = box = _part

    def _live(self) -> bool:
        return self.enabled and ("above" not in self.__dict__ or self.above._live())

    def label(self, *, text: str = "", icon: str = "NONE") -> None:
        assert icon in ICONS, icon
        self.drawn.append(text)

    def prop(self, owner: object, name: str, *, text: str | None = None, **how: object) -> None:
        known = owner.bl_rna.properties[name]                       # raises where there is none
        assert known.name and known.description, name
        self.drawn.append(f"[{text or known.name}]")

    def operator(self, name: str, *, text: str | None = None, icon: str = "NONE") -> object:
        assert icon in ICONS, icon
        kind = getattr(bpy.ops.lprnet, name.removeprefix("lprnet.")).get_rna_type()
        self.drawn.append(f"<{name}>" if self._live() else f"<{name} off>")
        return Filled(kind)

    def progress(self, *, factor: float, text: str) -> None:
        self.drawn.append(f"{factor:.0%} {text}")


class Filled:
    """An operator's properties: takes those that there are, with values that fit."""

    def __init__(self, kind: object) -> None:
        self.__dict__["kind"] = kind

    def __setattr__(self, name: str, value: object) -> None:
        known = self.kind.properties[name]
        expected = {"BOOLEAN": bool, "INT": int, "FLOAT": float, "STRING": str, "ENUM": str}[known.type]
        assert isinstance(value, expected), (name, value)
        if known.type == "ENUM":
            assert value in known.enum_items, (name, value)


def drawn(**settings: object) -> dict:
    """Every panel's lines with these settings."""
    for name, value in settings.items():
        setattr(bpy.context.scene.lprnet, name, value)
    out = {}
    for panel in panels.CLASSES:
        lines: list[str] = []
        if not hasattr(panel, "poll") or panel.poll(bpy.context):
            panel.draw(SimpleNamespace(layout=Layout(lines), _tell=panel.__dict__.get("_tell") and (
                lambda layout, info, panel=panel: panel._tell(None, layout, info))), bpy.context)
            out[panel.bl_label] = lines
    return out


def read(take: str) -> None:
    end = time.monotonic() + 60
    while take_info.info_of(take) is None and time.monotonic() < end:
        time.sleep(0.02)


def defaults() -> dict:
    """Of the settings, to be compared with the core's options."""
    return {name: known.default for name, known in properties.LPRNetSettings.bl_rna.properties.items()
            if hasattr(known, "default")} | {"mode": preferences.Defaults().bake_mode}


def panels_told(take: str) -> dict:
    told = {"image": drawn(source="IMAGE"), "no image": drawn(photo_from="BLENDER"),
            "video": drawn(source="VIDEO"), "clip": drawn(clip="clip.mp4", use_range=True, start_s=2.0, end_s=1.0),
            "file": drawn(clip=__file__, use_range=False), "pictures": drawn(clip=str(Path(__file__).parent)),
            "camera": drawn(source="CAMERA", camera_from="ADDRESS")}
    read_info, gate = take_info.read_info, threading.Event()
    take_info.read_info = lambda path: (gate.wait(), read_info(path))[1]        # a disk that is slow
    told["reading"] = drawn(take=take)["Take"]
    take_info.read_info = read_info
    gate.set()
    read(take)
    told["take"] = drawn(take=take)
    read(take)                                          # the name's edit has made it forget
    told["take"] = drawn()
    gone = str(Path(take).with_name("gone.lprtake"))
    drawn(take=gone)
    read(gone)
    told["gone"] = drawn()["Take"]
    job = jobs.begin("Capture", (part for part in ()), lambda: "stopped")
    job.progress = jobs.Progress(3, 12, "30 fps")
    told["job"] = drawn(take=take)
    told["cancelled"] = sorted(bpy.ops.lprnet.cancel())
    read(take)
    before = take_info.info_of(take)
    drawn()
    read(take)
    told["anew"] = take_info.info_of(take) is not before
    told["forgotten"] = drawn()["Take"]
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    told["edit mode"] = drawn(source="IMAGE", photo_from="FILE")
    return told


if __name__ == "__main__":
    take = sys.argv[1]
    told = {"before": traces()}
    for _ in range(2):
        lprnet_blender.register()
        told["registered"] = traces()
        lprnet_blender.unregister()
        told["after"] = traces()
    lprnet_blender.register()
    told["defaults"] = defaults()
    scene = bpy.context.scene.lprnet
    told["modes"] = [scene.mode, (setattr(scene, "mode", "RELATIVE"), scene.mode)[1]]
    told["panels"] = panels_told(take)
    bpy.ops.object.mode_set(mode="OBJECT")
    told["check"] = sorted(bpy.ops.lprnet.check_installation())
    told["block"] = bpy.data.texts["L-PRNet Installation"].as_string()
    told["command"] = cli_command._run(["bake", "nowhere.lprtake", "-o", "x.blend"])
    first = cli_command._handle
    lprnet_blender.unregister()
    told["command twice"] = first is not None and cli_command._handle is None
    told["after all"] = traces()
    print("TOLD " + json.dumps(told))
    sys.stdout.flush()
    os._exit(0)
