# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake Video: a clip is captured into a take, the take becomes an animated mesh."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...compat import MAY_BE_RELATIVE
from ...scene.linked import home, own
from .. import choices
from ..bake_properties import FRAME_RATE, BakeProperties, as_typed, bake_options, draw_bake
from ..preferences import preferences, take_of
from ..take_info import choose_take
from .running import JobOperator, busy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...jobs import Job


class LPRNET_OT_bake_video(BakeProperties, JobOperator):
    """Capture the face of a clip, frame by frame, and bake it into an animated mesh. Esc stops; what was captured is
    kept, and the same clip goes on with it"""

    bl_idname = "lprnet.bake_video"
    bl_label = "Bake Video"
    bl_options = {"UNDO"}

    if TYPE_CHECKING:
        filepath: str
        take: str
        filter_movie: bool
        filter_image: bool
        filter_folder: bool
        start_s: float
        end_s: float
        every: int
        fps: float
        face: int
        careful: bool
        _scene: str
        _take: Path
        _chosen_before: str
    else:
        filepath: bpy.props.StringProperty(
            name="Clip", subtype="FILE_PATH", options={"SKIP_SAVE"} | MAY_BE_RELATIVE,
            description="Video file, or pattern (shot.####.png) of an image sequence; empty where the take is there "
                        "already")
        take: bpy.props.StringProperty(
            name="Take", subtype="DIR_PATH", options={"SKIP_SAVE"} | MAY_BE_RELATIVE,
            description="Folder NAME.lprtake that holds the capture; empty is in the take folder of the preferences, "
                        "or else beside the clip. One that was stopped is gone on with")
        filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
        start_s: bpy.props.FloatProperty(
            name="Start", description="Capture from this time of the clip on", min=0.0, unit="TIME_ABSOLUTE")
        end_s: bpy.props.FloatProperty(
            name="End", description="Capture up to this time of the clip; 0 is its end", min=0.0, unit="TIME_ABSOLUTE")
        every: bpy.props.IntProperty(
            name="Every", description="Capture each frame (1), every second (2), and so on", default=1, min=1, max=1000)
        fps: bpy.props.FloatProperty(name="Frame Rate", **FRAME_RATE)
        face: bpy.props.IntProperty(
            name="Face", description="Which of several faces is captured, 1 is the largest at first sight", default=1,
            min=1, max=64)
        careful: bpy.props.BoolProperty(name="Careful", description=choices.CAREFUL)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An object is added, so Blender must be in object mode; one job at a time."""
        reason = "Works in Object Mode" if context.mode != "OBJECT" else busy()
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask for the clip first, unless there is one or a take."""
        if self.filepath or self.take:
            return self.execute(context)
        assert context.window_manager is not None
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Capture and bake; with a take alone, bake it. With a window as a modal job, without one to the end."""
        return self.go(context, lambda: self._begin(context))

    def draw(self, context: bpy.types.Context) -> None:
        """Beside the file browser."""
        assert self.layout is not None
        draw_bake(self, self.layout)

    def done(self, context: bpy.types.Context, result: Any) -> str:
        """Select the new object; the live face that recorded its take makes room for it."""
        from ...scene.baked import take_of
        from ...scene.drive import hide_live_face

        said, thing = tell(self, context, result), own(bpy.data.objects, result.name)
        hidden = ""
        if thing is not None and context.scene is not None:
            hidden = hide_live_face(context.scene, take_of(thing))
        return f"{said}; {hidden} is hidden" if hidden else said

    def take_back(self, context: bpy.types.Context) -> None:
        """The panel goes on with the take that it showed before, unless there is something in the new one."""
        from inference_core.take_writer import begun

        scene = own(bpy.data.scenes, self._scene)
        if scene is not None and not begun(self._take):
            scene.lprnet.take = self._chosen_before

    def _begin(self, context: bpy.types.Context) -> Job:
        from inference_core.errors import InputError
        from inference_core.frames import FrameOptions
        from inference_core.tracking import TrackOptions
        from inference_core.video import VideoOptions

        from ... import bake_video
        from ...capture_clip import asked_rate
        from ...scene.bake import Target
        from ...scene.timing import SceneRate
        from ...take_names import take_for

        if not self.filepath and not self.take:
            raise InputError("Bake Video: no clip and no take is given; choose one of them")
        assert context.scene is not None
        chosen, render = preferences(), context.scene.render
        rate = SceneRate(render.fps, render.fps_base)
        collection = home(context.scene, context.collection).name
        clip = bpy.path.abspath(self.filepath)
        take = Path(bpy.path.abspath(self.take)) if self.take else take_for(clip, take_of(self.filepath))
        frames = FrameOptions(start_s=self.start_s, end_s=self.end_s or None, every=self.every,
                              fps=asked_rate(clip, take, as_typed(self.fps), rate.value))
        track = TrackOptions(engine=chosen.engine, threads=chosen.threads, face=self.face,
                             careful=self.careful)
        job = bake_video.begin(clip, take, VideoOptions(frames, track, resume=True), bake_options(self),
                               Target(context.scene.name, None, collection))
        self._scene, self._take = context.scene.name, take
        self._chosen_before = context.scene.lprnet.take  # type: ignore[attr-defined]
        choose_take(context, str(take))
        return job


def tell(operator: bpy.types.Operator, context: bpy.types.Context, baked: Any) -> str:
    """Select what was baked, report what the user should know; returns the sentence that sums it up."""
    thing, layer = own(bpy.data.objects, baked.name), context.view_layer
    # whoever edits another object stays with it: a mode belongs to the active one
    if thing is not None and layer is not None and context.mode == "OBJECT":
        for other in context.selected_objects or ():
            other.select_set(False)
        with suppress(RuntimeError):                    # its collection may be excluded from this view layer
            thing.select_set(True)
            layer.objects.active = thing
    for note in baked.notes:
        operator.report({"WARNING"}, note)
    lost = baked.frames - baked.seen
    return f"{baked.name}: {baked.frames} frames baked" + (f", {lost} of them without a face" if lost else "")
