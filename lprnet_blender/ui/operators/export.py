# SPDX-License-Identifier: GPL-3.0-or-later
"""Export Face: the active face, still or animated, as a file of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...compat import MAY_BE_RELATIVE
from ...scene.baked import is_baked
from ...scene.face import is_captured
from .running import JobOperator, busy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...jobs import Job

BY_ENDING = "AUTO"
FORMATS = [
    (BY_ENDING, "By Ending", "What the ending of the file says"),
    ("ABC", "Alembic (.abc)", "Every vertex at every key; the head's motion in the transform; the skin lies beside"),
    ("USD", "USD (.usdc .usd .usda)", "Every vertex at every key, at its own time; materials, the skin lies beside"),
    ("GLTF", "glTF (.glb)", "Few morph targets at their own times; materials and skin inside. For the web and engines"),
    ("FBX", "FBX (.fbx)", "Few shape keys, at the scene's frames; the skin lies beside. For engines"),
    ("OBJ", "OBJ Sequence (.obj)", "A mesh for each frame of the scene: shot.####.obj; one material and skin"),
    ("MDD", "Point Cache (.mdd)", "Vertices at the scene's frames; the mesh that they move lies beside"),
    ("PC2", "Point Cache (.pc2)", "Vertices at the scene's frames; the mesh that they move lies beside")]


class LPRNET_OT_export(JobOperator):
    """Write the active face, as it moves in the scene, to a file of another program"""

    bl_idname = "lprnet.export"
    bl_label = "Export Face"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        check_existing: bool
        filter_glob: str
        format: str
        scene_range: bool
        every_shape: bool
    else:
        filepath: bpy.props.StringProperty(
            name="File", description="File to write; its ending says the format", subtype="FILE_PATH",
            options={"SKIP_SAVE"} | MAY_BE_RELATIVE)
        check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        filter_glob: bpy.props.StringProperty(
            default="*.abc;*.usd;*.usdc;*.usda;*.glb;*.fbx;*.obj;*.mdd;*.pc2", options={"HIDDEN"})
        format: bpy.props.EnumProperty(name="Format", description="What is written", items=FORMATS, default=BY_ENDING)
        scene_range: bpy.props.BoolProperty(
            name="Scene Range", description="The frames of the scene alone, not the whole animation", default=False)
        every_shape: bpy.props.BoolProperty(
            name="Shape for Every Key", default=False,
            description="glTF and FBX: a shape for each key instead of at most 64 that are mixed. Exact, and megabytes "
                        "for each second")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A face is active, Blender in object mode; one job at a time."""
        thing = context.active_object
        if thing is None or thing.type != "MESH" or not (is_captured(thing) or is_baked(thing)):
            reason = "Make a captured or baked face the active object"
        else:
            reason = "Works in Object Mode" if context.mode != "OBJECT" else busy()
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask for the file first."""
        assert context.window_manager is not None and context.active_object is not None
        if not self.filepath:
            name = bpy.path.clean_name(context.active_object.name)
            ending = ".abc" if self.format == BY_ENDING else ""
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{name}{ending}")
            self.check(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """In the file browser: the ending follows the format."""
        from ...scene.export import ENDINGS, USUAL_ENDING

        path = Path(self.filepath)
        if self.format == BY_ENDING or not path.name or ENDINGS.get(path.suffix.lower()) == self.format:
            return False
        stem = path.stem if path.suffix.lower() in ENDINGS else path.name
        self.filepath = str(path.with_name(stem + USUAL_ENDING[self.format]))
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Write. With a window as a modal job, without one to the end."""
        return self.go(context, lambda: self._begin(context))

    def done(self, context: bpy.types.Context, result: Any) -> str:
        """What was written, and what the user should know."""
        meshes = [file for file in result.files if file.suffix == ".obj"]
        if len(meshes) > 1:
            return ". ".join([f"{meshes[0]} to {meshes[-1].name} written", *result.notes])
        more = len(result.files) - 1
        also = f" and {more} more file{'s' if more > 1 else ''}" if more else ""
        return ". ".join([f"{result.files[-1]}{also} written", *result.notes])

    def _begin(self, context: bpy.types.Context) -> Job:
        from inference_core.errors import InputError

        from ... import jobs
        from ...scene.export import ExportOptions, export_steps

        if not self.filepath:
            raise InputError("Export Face: no file is named; give filepath")
        assert context.active_object is not None
        options = ExportOptions(
            None if self.format == BY_ENDING else self.format,  # type: ignore[arg-type]
            self.scene_range, self.every_shape)
        return jobs.begin("Export", export_steps(context.active_object, Path(self.filepath), options),
                          lambda: "Stopped; nothing was written")
