# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the sidebars drawn again when something that they show has changed without a click."""

from __future__ import annotations

import bpy


def redraw_sidebars() -> None:
    """Of every 3D viewport; the viewports themselves stay as they are."""
    for window in bpy.context.window_manager.windows if bpy.context.window_manager else ():
        for area in window.screen.areas if window.screen else ():
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
