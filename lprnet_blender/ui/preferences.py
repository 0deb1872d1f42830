# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: a folder with Python packages, for a Blender that does not have OpenCV, dlib and LiteRT itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import bpy

ADD_ON = __name__.rpartition(".ui.")[0]         # lprnet_blender, or bl_ext.<repository>.lprnet_blender


def use_packages_folder(context: bpy.types.Context) -> None:
    """Let Python find the packages in the chosen folder; after Blender's own, so that nothing is replaced."""
    add_on = context.preferences.addons.get(ADD_ON) if context.preferences else None
    folder = add_on.preferences.packages_folder if add_on and add_on.preferences else ""
    if folder and (path := bpy.path.abspath(folder)) not in sys.path:
        sys.path.append(path)


class LPRNetPreferences(bpy.types.AddonPreferences):
    """Settings of the add-on"""

    bl_idname = ADD_ON

    if TYPE_CHECKING:
        packages_folder: str
    else:
        packages_folder: bpy.props.StringProperty(
            name="Python packages", subtype="DIR_PATH",
            description="Folder made with pip install --target, searched after Blender's own packages",
            update=lambda self, context: use_packages_folder(context))

    def draw(self, context: bpy.types.Context) -> None:
        """The one setting."""
        assert self.layout is not None
        self.layout.prop(self, "packages_folder")
