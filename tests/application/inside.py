"""Run by Blender itself (blender -P inside.py -- FOLDER): answers questions that desktop.py writes into FOLDER.

A question is Python for `eval`, asked in ask.py and answered in answer.json; a timer looks for it, so every answer
shows that Blender's own loop is alive.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module                     # noqa: F401 - questions use it
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
EVERY_S = 0.05
DRAWN = [0]                                         # how often the 3D view was drawn


def area(kind: str = "VIEW_3D") -> bpy.types.Area:
    return next(area for window in bpy.context.window_manager.windows for area in window.screen.areas
                if area.type == kind)


def region(kind: str) -> list[int]:
    """x, y of its top left corner in the window as X counts (downwards), width, height."""
    found = next(region for region in area().regions if region.type == kind)
    height = bpy.context.window_manager.windows[0].height
    return [found.x, height - found.y - found.height, found.width, found.height]


def open_tab() -> str:
    """The name of the sidebar's tab that is open."""
    return next(region for region in area().regions if region.type == "UI").active_panel_category


def show_sidebar() -> None:
    area().spaces.active.show_region_ui = True


def redraw() -> None:
    """Have everything drawn anew; `DRAWN` counts."""
    for each in bpy.context.window_manager.windows[0].screen.areas:
        each.tag_redraw()


def in_view(function: Callable[..., object], kind: str, **options: object) -> None:
    """An operator as if the mouse were over a region of the 3D view."""
    under = next(region for region in area().regions if region.type == kind)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area(), region=under):
        function(**options)


def scroll_down() -> None:
    in_view(bpy.ops.view2d.scroll_down, "UI", page=True)


def scroll_up() -> None:
    in_view(bpy.ops.view2d.scroll_up, "UI", page=True)


def activate(name: str) -> None:
    for thing in bpy.data.objects:
        thing.select_set(thing.name == name)
    bpy.context.view_layer.objects.active = bpy.data.objects[name]


def show_preferences(add_on: str) -> None:
    bpy.ops.preferences.addon_show(module=add_on)


def name_file(folder: str, name: str) -> None:
    """What a user types into the two fields of the file browser."""
    params = area("FILE_BROWSER").spaces.active.params
    params.directory, params.filename = folder.encode(), name


def look_at_active() -> None:
    """What Frame Selected does, from the front, textured."""
    space = area().spaces.active
    space.shading.type = "SOLID"
    space.shading.color_type, space.shading.light = "TEXTURE", "FLAT"
    space.clip_start = 0.001
    in_view(bpy.ops.view3d.view_axis, "WINDOW", type="FRONT")
    in_view(bpy.ops.view3d.view_selected, "WINDOW")


def clear() -> None:
    """An empty scene, as by hand: everything selected, deleted, and what nothing uses purged."""
    bpy.ops.object.select_all(action="SELECT")
    bpy.ops.object.delete()
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    bpy.ops.ed.undo_push(message="Delete")


def vertices(name: str) -> list[list[float]]:
    """Every hundredth vertex of the object as it is shown now."""
    thing = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get())
    return [list(thing.matrix_world @ vertex.co) for vertex in list(thing.data.vertices)[::100]]


def _answer() -> float:
    ask = FOLDER / "ask.py"
    if ask.is_file():
        question = ask.read_text(encoding="utf-8")
        ask.unlink()
        try:
            told = {"answer": eval(question, globals())}            # noqa: S307 - our own question
        except Exception:
            told = {"error": traceback.format_exc()}
        beside = FOLDER / "answer.part"
        beside.write_text(json.dumps(told, default=str), encoding="utf-8")
        beside.rename(FOLDER / "answer.json")
    return EVERY_S


def _count() -> None:
    DRAWN[0] += 1


bpy.types.SpaceView3D.draw_handler_add(_count, (), "WINDOW", "POST_PIXEL")
bpy.app.timers.register(_answer, persistent=True)
