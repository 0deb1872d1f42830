# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture Face from Image: the faces of photos, or of an image that is open, stand in the scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...compat import MAY_BE_RELATIVE
from .. import choices
from ..preferences import preferences
from .reports import reported

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...capture import CapturedPhoto


class LPRNET_OT_capture_image(bpy.types.Operator):
    """Make a textured 3D mesh of the face in a photo"""

    bl_idname = "lprnet.capture_image"
    bl_label = "Capture Face from Image"
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
        directory: str
        files: list[bpy.types.OperatorFileListElement]
        image_name: str
        filter_image: bool
        filter_folder: bool
        all_faces: bool
        camera_match: bool
        texture_size: str
    else:
        filepath: bpy.props.StringProperty(
            name="Photo", description="Picture that shows the face", subtype="FILE_PATH",
            options={"SKIP_SAVE"} | MAY_BE_RELATIVE)
        directory: bpy.props.StringProperty(
            subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"} | MAY_BE_RELATIVE)
        files: bpy.props.CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
        image_name: bpy.props.StringProperty(
            name="Open Image", description="Name of an image that is open in Blender, in place of a file",
            options={"SKIP_SAVE"})
        filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        all_faces: bpy.props.BoolProperty(
            name="All Faces", description="Capture every face of the photo, not the largest alone", default=False)
        camera_match: bpy.props.BoolProperty(
            name="Camera Match", default=False,
            description="Place the head before the scene's camera so that it covers the face in the photo. The camera "
                        "gets the photo's lens and the photo as its background, and the render its size")
        texture_size: bpy.props.EnumProperty(
            name="Texture", description="Width and height of the skin texture in pixels", default="1024",
            items=choices.TEXTURE_SIZES)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Objects are added, so Blender must be in object mode."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Works in Object Mode")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask for the photo first, unless one was dropped or chosen in the panel."""
        if self.filepath or len(self.files) or self.image_name:
            return self.execute(context)
        assert context.window_manager is not None
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Capture all, then add all: a photo without a face leaves nothing behind, and keeps no other from being
        added."""
        if context.window is not None:
            context.window.cursor_set("WAIT")
        try:
            return reported(self, lambda: self._capture(context))
        finally:
            if context.window is not None:
                context.window.cursor_set("DEFAULT")

    def draw(self, context: bpy.types.Context) -> None:
        """Beside the file browser, and in the box that opens after a capture."""
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("texture_size", "all_faces", "camera_match"):
            layout.prop(self, name)

    def _capture(self, context: bpy.types.Context) -> str:
        from inference_core.errors import InputError

        from ...scene.photo import add_photo

        scene, collection, layer = context.scene, context.collection, context.view_layer
        assert scene is not None and collection is not None and layer is not None
        if not (self.filepath or len(self.files) or self.image_name):
            raise InputError("Capture Face from Image: no photo is given; choose one")
        image = bpy.data.images.get(self.image_name) if self.image_name else None
        if self.image_name and image is None:
            raise InputError(f"image {self.image_name!r}: no such image is open; choose one that is")
        photos = self._photos(image)
        if self.camera_match and len(photos) > 1:
            raise InputError("Camera Match: a camera shows one photo; give the photos one by one")
        things: list[bpy.types.Object] = []
        for photo in photos:
            things += add_photo(photo, scene, collection, at=scene.cursor.location, place=len(things), background=image,
                                camera_match=self.camera_match)
        for other in context.selected_objects or ():
            other.select_set(False)
        seen = [thing for thing in things if thing.name in layer.objects]      # none where the collection is excluded
        for thing in seen:
            thing.select_set(True)
        if seen:
            layer.objects.active = seen[0]
        space = context.space_data
        if self.camera_match and isinstance(space, bpy.types.SpaceView3D) and space.region_3d is not None:
            space.region_3d.view_perspective = "CAMERA"
        return f"{len(things)} face{'s' if len(things) > 1 else ''} captured"

    def _photos(self, image: bpy.types.Image | None) -> list[CapturedPhoto]:
        """All that can be captured; those that cannot are reported, the last of them raised where none can."""
        from inference_core.errors import InputError
        from inference_core.regression import CaptureOptions

        from ...capture import capture_photo, capture_picture
        from ...scene.pictures import picture_of

        chosen = preferences()
        options = CaptureOptions(all_faces=self.all_faces, engine=chosen.engine, threads=chosen.threads)
        size = int(self.texture_size)
        if image is not None:
            return [capture_picture(image.name, picture_of(image), options, size)]
        photos, problems = [], []
        for path in self._paths():
            try:
                photos.append(capture_photo(path, options, size))
            except InputError as error:
                problems.append(error)
        if not photos:
            for problem in problems[:-1]:
                self.report({"ERROR"}, str(problem))
            raise problems[-1]
        for problem in problems:
            self.report({"WARNING"}, str(problem))
        return photos

    def _paths(self) -> list[Path]:
        folder = bpy.path.abspath(self.directory)
        names = [file.name for file in self.files if file.name]
        if folder and names:
            return [Path(folder) / name for name in names]
        return [Path(bpy.path.abspath(self.filepath))]
