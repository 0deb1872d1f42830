# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab in the 3D view's sidebar."""

from __future__ import annotations

import bpy

from ..scene.face import PREFIX, is_captured
from .operators.capture_image import LPRNET_OT_capture_image


class LPRNET_PT_capture(bpy.types.Panel):
    """Button, and what the photo of the active face said"""

    bl_idname = "LPRNET_PT_capture"
    bl_label = "Face Capture"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "L-PRNet"

    def draw(self, context: bpy.types.Context) -> None:
        """One button; below it the head's turn in the photo, for a captured face."""
        layout = self.layout
        assert layout is not None
        layout.operator(LPRNET_OT_capture_image.bl_idname, icon="IMAGE_DATA")
        thing = context.active_object
        if thing is None or not is_captured(thing):
            return
        column = layout.column(align=True)
        column.label(text=f"Confidence {thing[PREFIX + 'confidence']:.0%}")
        for name in ("yaw", "pitch", "roll"):
            column.label(text=f"{name.capitalize()} {thing[f'{PREFIX}{name}_deg']:.1f}°")
