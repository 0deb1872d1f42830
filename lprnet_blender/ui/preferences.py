# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all files: engine, take folder, default bake, and where further Python packages lie."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..compat import MAY_BE_RELATIVE
from . import choices

ADD_ON = __name__.rpartition(".ui.")[0]         # lprnet_blender, or bl_ext.<repository>.lprnet_blender
MOST_THREADS = 64


@dataclass(frozen=True)
class Defaults:
    """The preferences where the add-on runs from a script that did not switch it on."""

    engine: str = "litert"
    threads: int = 1
    take_folder: str = ""
    bake_mode: str = "ABSOLUTE"
    packages_folder: str = ""


def preferences() -> LPRNetPreferences | Defaults:
    """The user's preferences."""
    known = bpy.context.preferences
    add_on = known.addons.get(ADD_ON) if known else None
    chosen = add_on.preferences if add_on else None
    return chosen if isinstance(chosen, LPRNetPreferences) else Defaults()


def take_of(clip: str) -> Path:
    """Where the take of a clip comes when none is named: into the take folder, or else beside the clip. Of a camera or
    an address without a take folder: beside the .blend, or else into the home folder."""
    from ..take_names import LIVE, TAKE, name_of, shortened         # needs the core

    folder = preferences().take_folder
    live = clip.lower().startswith(LIVE)
    if folder:
        place = Path(bpy.path.abspath(folder))
    elif not live:
        place = Path(bpy.path.abspath(clip)).parent
    else:
        place = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
    name = "live" if live else name_of(Path(bpy.path.abspath(clip)))
    return place / (shortened(bpy.path.clean_name(name)) + TAKE)


def use_packages_folder() -> None:
    """Let Python find the packages in the chosen folder; after Blender's own, so that nothing is replaced."""
    folder = preferences().packages_folder
    if folder and (path := bpy.path.abspath(folder)) not in sys.path:
        sys.path.append(path)


class LPRNetPreferences(bpy.types.AddonPreferences):
    """Settings of the add-on"""

    bl_idname = ADD_ON

    if TYPE_CHECKING:
        engine: str
        threads: int
        take_folder: str
        bake_mode: str
        packages_folder: str
    else:
        engine: bpy.props.EnumProperty(
            name="Engine", description="What runs the network", items=choices.ENGINES, default="litert")
        threads: bpy.props.IntProperty(
            name="Threads", description="Of the processor for the network. One is fastest for a single face, as "
                                        "Blender needs the others", default=1, min=1, max=MOST_THREADS)
        take_folder: bpy.props.StringProperty(
            name="Take Folder", description="Where takes come whose name is not given; empty is beside the clip",
            subtype="DIR_PATH", options=MAY_BE_RELATIVE)
        bake_mode: bpy.props.EnumProperty(
            name="Bake", description="How takes are baked in scenes that did not choose otherwise",
            items=choices.BAKE_MODES, default="ABSOLUTE")
        packages_folder: bpy.props.StringProperty(
            name="Packages", subtype="DIR_PATH",
            description="Folder made with pip install --target, searched after Blender's own packages",
            update=lambda self, context: use_packages_folder())

    def draw(self, context: bpy.types.Context) -> None:
        """In the order of how often they are wanted."""
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(self, "take_folder")
        column.prop(self, "bake_mode")
        column = layout.column()
        column.prop(self, "engine")
        column.prop(self, "threads")
        column.prop(self, "packages_folder")
        row = layout.row()
        row.use_property_split = False
        row.operator("lprnet.check_installation", icon="CHECKMARK")
