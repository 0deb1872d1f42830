# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip that was dropped onto the viewport becomes the source that the panel shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...compat import MAY_BE_RELATIVE

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class LPRNET_OT_set_source(bpy.types.Operator):
    """Choose this clip as the source of the face capture"""

    bl_idname = "lprnet.set_source"
    bl_label = "Use as Face Capture Clip"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: bpy.props.StringProperty(
            name="Clip", description="Video file", subtype="FILE_PATH", options={"SKIP_SAVE"} | MAY_BE_RELATIVE)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Fill the scene's settings and show the sidebar, where the capture is started."""
        path = Path(bpy.path.abspath(self.filepath))
        if not self.filepath or not path.is_file():
            self.report({"ERROR"}, f"{path}: no such file; give a video")
            return {"CANCELLED"}
        settings = context.scene.lprnet  # type: ignore[union-attr]
        settings.source, settings.clip, settings.take = "VIDEO", self.filepath, ""
        space = context.space_data
        if isinstance(space, bpy.types.SpaceView3D):
            space.show_region_ui = True
        self.report({"INFO"}, f"{path.name}: capture it in the sidebar, tab L-PRNet")
        return {"FINISHED"}
