# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Webcam: a camera is chosen, a face in the viewport follows it, and can be recorded into a take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from ...compat import MAY_BE_RELATIVE
from ...missing import explain_missing
from .. import choices
from ..preferences import preferences, take_of
from .running import tell_in_status_bar

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...live import LiveSession
    from ...scene.bake_options import Head

TICKS_S = 1 / 60
STATUS_EVERY_S = 0.25
STRENGTH: dict[str, Any] = {
    "default": 1.0, "min": 0.0, "max": 8.0, "soft_max": 2.0, "options": {"SKIP_SAVE"},
    "description": "How much trembling is taken out of what is shown: 1 as measured to be good, 0 as captured. The "
                   "take is recorded as captured"}


def live_status() -> str:
    """One line on the capture that goes on, for the panel; "" where none does."""
    try:
        from ...live import current
    except ModuleNotFoundError:
        return ""
    session = current()
    return session.status() if session else ""


class LPRNET_OT_live_webcam(bpy.types.Operator):
    """Let a face in the viewport follow a camera; Esc ends it"""

    bl_idname = "lprnet.live_webcam"
    bl_label = "Live Webcam"
    bl_options = {"UNDO"}           # not REGISTER: a change in its redo panel would start the camera anew

    if TYPE_CHECKING:
        camera: str
        record: bool
        take: str
        head_motion: Head
        mirror: bool
        texture: str
        use_active: bool
        smooth_pose: float
        smooth_expression: float
        smooth_openings: float
        smooth_identity: float
        duration_s: float
        max_frames: int
        _session: LiveSession | None
        _timer: bpy.types.Timer | None
    else:
        _session = _timer = None                    # Blender would look into annotations here
        camera: bpy.props.StringProperty(
            name="Camera", default="camera:0", options={"SKIP_SAVE"},
            description="camera:0 is the first of this computer; or the http address of an MJPEG stream, as phones and "
                        "network cameras send it")
        record: bpy.props.BoolProperty(
            name="Record", default=False, options={"SKIP_SAVE"},
            description="Keep every frame in a take, which can be baked afterwards")
        take: bpy.props.StringProperty(
            name="Take", subtype="DIR_PATH", options={"SKIP_SAVE"} | MAY_BE_RELATIVE,
            description="Folder NAME.lprtake to record to, numbered where there is one; left empty, a new one in the "
                        "take folder of the preferences, or beside the .blend file, or in the home folder")
        head_motion: bpy.props.EnumProperty(
            name="Head Motion", items=choices.HEADS, options={"SKIP_SAVE"},
            description="What carries the motion of the head")
        mirror: bpy.props.BoolProperty(
            name="Mirror", default=False, options={"SKIP_SAVE"},
            description="Show the face as in a mirror. The take is recorded as the camera sees it")
        texture: bpy.props.EnumProperty(
            name="Texture", default="512", options={"SKIP_SAVE"},
            description="Width and height of the skin texture, taken from the first frame that shows the face from the "
                        "front",
            items=choices.BAKE_TEXTURES)
        use_active: bpy.props.BoolProperty(
            name="Active Face", default=False, options={"SKIP_SAVE"},
            description="Let the active object follow, which must be a captured face without a bake, instead of an "
                        "object of its own")
        smooth_pose: bpy.props.FloatProperty(name="Head Motion", **STRENGTH)
        smooth_expression: bpy.props.FloatProperty(name="Expression", **STRENGTH)
        smooth_openings: bpy.props.FloatProperty(name="Lids and Lips", **STRENGTH)
        smooth_identity: bpy.props.FloatProperty(name="Skull", **STRENGTH)
        duration_s: bpy.props.FloatProperty(
            name="Duration", min=0.0, unit="TIME_ABSOLUTE", options={"SKIP_SAVE"},
            description="End by itself after this time with pictures; 0 goes on until it is stopped")
        max_frames: bpy.props.IntProperty(
            name="Frames", min=0, options={"SKIP_SAVE"},
            description="End by itself after so many frames; 0 goes on until it is stopped")

    _told_s = 0.0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One capture at a time; an object may be added, so Blender must be in object mode."""
        if live_status():
            cls.poll_message_set("A live capture is going on; stop it first")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Works in Object Mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Start; with a window a timer goes on, without one a loop until the camera, the duration or the frames end."""
        try:
            from inference_core.errors import InputError, LPRNetError
            try:
                if bpy.app.background and not (self.duration_s or self.max_frames):
                    raise InputError("live_webcam: without a window nobody can stop it; give duration_s or max_frames")
                self._session = self._started(context)
            except LPRNetError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
        except ModuleNotFoundError as error:
            self.report({"ERROR"}, explain_missing(error))
            return {"CANCELLED"}
        if bpy.app.background:
            return self._loop(self._session)
        manager = context.window_manager
        assert manager is not None
        self._timer = manager.event_timer_add(TICKS_S, window=context.window or manager.windows[0])
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Each tick of the timer is one of the session; everything else is the user's."""
        from ...live import current
        session = self._session
        if session is None or current() is not session:         # ended from outside: the add-on goes, a file is opened
            return self._finish(context)
        if event.type == "ESC" and event.value == "PRESS":
            session.stop()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        going = session.tick()
        if not going or time.monotonic() - self._told_s > STATUS_EVERY_S:
            self._told_s = time.monotonic()
            _tell(context, f"{session.status()}, Esc stops" if going else None)
        return {"PASS_THROUGH"} if going else self._finish(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender takes the operator away: another file, or the end of the program."""
        self._finish(context)

    def _started(self, context: bpy.types.Context) -> LiveSession:
        from inference_core.errors import InputError
        from inference_core.live.options import LiveOptions
        from inference_core.smoothing import SmoothingOptions
        from inference_core.tracking import TrackOptions

        from ...live import Limits, LiveSession, begin

        assert context.scene is not None
        thing = context.active_object if self.use_active else None
        if self.use_active and thing is None:
            raise InputError("live_webcam: there is no active object; choose a captured face, or let a new one be made")
        smoothing = SmoothingOptions(self.smooth_pose, self.smooth_expression, self.smooth_openings,
                                     self.smooth_identity)
        track = TrackOptions(engine=preferences().engine, threads=preferences().threads)
        options = LiveOptions(self.camera.strip(), str(self._take()) if self.record else None, track,
                              smoothing, self.mirror, int(self.texture))
        session = LiveSession(options, self.head_motion, context.scene, thing, Limits(self.duration_s, self.max_frames))
        begin(session)
        return session

    def _take(self) -> Path:
        from ...take_names import free_take
        if not self.take:
            return free_take(take_of("camera:").parent)
        take = Path(bpy.path.abspath(self.take))
        # a script must get what it asked for, or an error; an artist who records again wants the next take
        return take if bpy.app.background or not take.exists() else free_take(take.parent, take.stem)

    def _loop(self, session: LiveSession) -> set[OperatorReturnItems]:
        try:
            while session.tick():
                time.sleep(TICKS_S / 4)
        finally:
            answer = self._finish(bpy.context)
        return answer

    def _finish(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ...live import current, end
        from ...scene.drive import RECORDED
        session, self._session = self._session, None
        if self._timer is not None and context.window_manager is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            _tell(context, None)
        if session is None:
            return {"CANCELLED"}
        words, failed = session.outcome()
        if current() is session:
            end()
        scene = bpy.data.scenes.get(session.scene)
        if scene is not None and session.state.recorded and hasattr(scene, "lprnet"):     # what the panel bakes next
            scene.lprnet.take = session.options.take
        if session.thing is not None and session.state.recorded:
            session.thing[RECORDED] = session.options.take
        self.report({"ERROR"} if failed else {"INFO"}, words)
        return {"FINISHED"} if session.applied else {"CANCELLED"}


class LPRNET_OT_live_stop(bpy.types.Operator):
    """End the live capture; what was recorded is kept"""

    bl_idname = "lprnet.live_stop"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be one."""
        if not live_status():
            cls.poll_message_set("No live capture is going on")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """The operator that goes on reports when all is done."""
        from ...live import current
        session = current()
        if session is not None:
            session.stop()
        return {"FINISHED"}


@persistent  # type: ignore[untyped-decorator]
def _before_a_file(*_: object) -> None:
    """Another file is opened: the face that follows goes with the old one."""
    _end_capture()


def watch() -> None:
    """When the add-on is switched on."""
    bpy.app.handlers.load_pre.append(_before_a_file)


def unwatch() -> None:
    """When it is switched off."""
    bpy.app.handlers.load_pre.remove(_before_a_file)
    _end_capture()


def _end_capture() -> None:
    try:
        from ...live import end
    except ModuleNotFoundError:         # without its packages nothing can go on
        return
    end()


def _tell(context: bpy.types.Context, words: str | None) -> None:
    """In the status bar, and everything that shows the capture is drawn again."""
    tell_in_status_bar(context, words)
    for window in context.window_manager.windows if context.window_manager else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
