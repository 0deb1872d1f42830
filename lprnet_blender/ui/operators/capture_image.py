# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture Face from Image: a file is chosen, the face of the photo stands in the scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...missing import explain_missing

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class LPRNET_OT_capture_image(bpy.types.Operator):
    """Make a textured 3D mesh of the face in a photo"""

    bl_idname = "lprnet.capture_image"
    bl_label = "Capture Face from Image"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        filter_image: bool
        filter_folder: bool
        all_faces: bool
        texture_size: str
    else:
        filepath: bpy.props.StringProperty(name="Photo", subtype="FILE_PATH", options={"SKIP_SAVE"})
        filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        all_faces: bpy.props.BoolProperty(
            name="All Faces", description="Capture every face of the photo, not the largest alone", default=False)
        texture_size: bpy.props.EnumProperty(
            name="Texture", description="Width and height of the skin texture in pixels", default="1024",
            items=[(size, size, "") for size in ("512", "1024", "2048", "4096")])

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Objects are added, so Blender must be in object mode."""
        return context.mode == "OBJECT"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask for the photo first."""
        assert context.window_manager is not None
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Capture and add; a user's mistake is reported in one sentence, our own stays a traceback."""
        try:
            from inference_core.errors import LPRNetError
            try:
                things = self._capture(context)
            except LPRNetError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
        except ModuleNotFoundError as error:
            self.report({"ERROR"}, explain_missing(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(things)} face{'s' if len(things) > 1 else ''} captured")
        return {"FINISHED"}

    def _capture(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        from inference_core.regression import CaptureOptions

        from ...capture import capture_photo
        from ...scene.face import add_face

        photo = Path(bpy.path.abspath(self.filepath))
        captured = capture_photo(photo, CaptureOptions(all_faces=self.all_faces), int(self.texture_size))
        collection = context.collection
        assert collection is not None and context.view_layer is not None
        things = [add_face(item.name, item.face, item.texture, collection, place=place)
                  for place, item in enumerate(captured)]
        for thing in context.selected_objects or ():
            thing.select_set(False)
        for thing in things:
            thing.select_set(True)
        context.view_layer.objects.active = things[0]
        return things
