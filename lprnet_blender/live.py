# SPDX-License-Identifier: GPL-3.0-or-later
"""A live capture in a scene: a child process at the camera, an object that follows. `tick` is the whole work of a
timer; nothing here waits. One capture at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Matrix

from inference_core.errors import InputError, OutputError
from inference_core.files import check_writable
from inference_core.live.messages import LiveResult
from inference_core.live.options import LiveOptions
from inference_core.live.process import LiveProcess, LiveState
from inference_core.take_header import HEADER
from inference_core.take_source import safe_name
from inference_core.weights import find_card

from .scene.bake_options import Head
from .scene.drive import cannot_drive, drive, live_face, show_skin
from .scene.linked import home
from .take_names import TAKE

GONE_S = 1.0                    # without a result; then the status says that it waits


@dataclass(frozen=True)
class Limits:
    """0 = none; both begin with the first result."""

    duration_s: float = 0.0
    frames: int = 0


class LiveSession:
    """thing: an object that is to follow; None = the scene's live face, made at the first sight of a face. Of Blender's
    data only names are kept from tick to tick, since undo and deleting take it away.

    Raises InputError for an object that cannot follow and a scene of another file, OutputError for a take that cannot
    be written, EngineError.
    """

    def __init__(self, options: LiveOptions, head: Head, scene: bpy.types.Scene,
                 thing: bpy.types.Object | None = None, limits: Limits = Limits()) -> None:
        self.options, self.applied = options, 0
        self.shown: LiveResult | None = None        # what the mesh shows
        self.note = ""                              # what ended it, where that was neither the user nor a failure
        self.scene, self._head, self._limits = scene.name, head, limits
        self._topology = find_card(options.track.weights).topology
        if thing is not None and (why := cannot_drive(thing, len(self._topology.cells))):
            raise InputError(f"{thing.name}: cannot follow a live capture, since it {why}; choose a captured face, or "
                             "let a new one be made")
        home(scene, None)                           # said now, not when the first face is seen
        if options.take is not None:
            _check_take(Path(options.take))
        self._thing, self._uid = (thing.name, thing.session_uid) if thing else ("", 0)
        self._place = thing.matrix_basis.copy() if thing else Matrix()
        self._start_s: float | None = None
        self._process = LiveProcess(options)

    @property
    def state(self) -> LiveState:
        return self._process.state()

    @property
    def thing(self) -> bpy.types.Object | None:
        """The object that follows; None where there is none yet, or it is gone."""
        found = bpy.data.objects.get(self._thing) if self._thing else None
        if self._uid and (found is None or found.session_uid != self._uid):
            found = next((thing for thing in bpy.data.objects if thing.session_uid == self._uid), None)
        return found

    def tick(self) -> bool:
        """Write what is new into the scene; False when all is over."""
        state = self.state
        if (result := self._process.newest()) is not None and not self._process.stopping:
            self._apply(result)
            self._look_at_limits(result)
        self._skin()
        if not state.running:
            self._rest()
        return state.running

    def stop(self) -> None:
        """Ask for the end; the ticks after tell when it has come."""
        self._process.stop()

    def close(self) -> None:
        """The end without further ticks: the child finishes its take by itself."""
        self.stop()
        self._rest()

    def status(self) -> str:
        """One line for the status bar and the panel."""
        state = self.state
        if self._process.stopping:
            return "Live: finishing"
        if state.stage == "loading":
            return "Live: starting"
        if state.stage == "opening" or not state.frames:
            return f"Live: waiting for {safe_name(self.options.target)}"
        words = [f"Live: {state.fps:.0f} fps", f"{1000 * state.latency_s:.0f} ms",
                 f"{state.lost} of {state.frames} frames lost"]
        if state.silent_s > GONE_S:
            words.append(f"nothing has come for {state.silent_s:.0f} s")
        if self.options.take:
            words.append(f"recording {state.recorded} frames to {Path(self.options.take).name}")
        return ", ".join(words)

    def outcome(self) -> tuple[str, bool]:
        """What to tell at the end, in one sentence, and whether it is an error."""
        state = self.state
        if state.stage == "failed":
            return state.message, True
        words = f"{state.frames} frames, {state.lost} without a face"
        if state.recorded:
            words += f", {state.recorded} recorded in {self.options.take}"
        return (f"{self.note}; {words}" if self.note else words), False

    def _apply(self, result: LiveResult) -> None:
        scene = bpy.data.scenes.get(self.scene)
        thing = self.thing
        if scene is None or (self._uid and (thing is None or not thing.users_scene)):
            return self._end("The scene was deleted" if scene is None else "The live face was deleted")
        if result.pose is None:
            return
        if thing is None:
            thing = self._make(scene)
        elif why := cannot_drive(thing, len(self._topology.cells)):
            return self._end(f"{thing.name} {why}")
        if thing.mode != "OBJECT":
            return                                  # its mesh belongs to edit mode or sculpting
        drive(thing, result, self._head, self._place)
        self.applied, self.shown = self.applied + 1, result

    def _skin(self) -> None:
        thing = self.thing if self.applied else None
        if thing is not None and not self.note and (png := self._process.texture()) is not None:
            show_skin(thing, png)

    def _make(self, scene: bpy.types.Scene) -> bpy.types.Object:
        thing = live_face(scene, self._topology)
        self._thing, self._uid, self._place = thing.name, thing.session_uid, thing.matrix_basis.copy()
        layer = bpy.context.view_layer
        if layer is not None:
            layer.update()                          # it does not know the new object yet
        if layer is not None and layer.objects.get(thing.name) is not None and bpy.context.mode == "OBJECT":
            for other in bpy.context.selected_objects or ():
                other.select_set(False)
            thing.select_set(True)
            layer.objects.active = thing
        return thing

    def _look_at_limits(self, result: LiveResult) -> None:
        now_s = time.monotonic()
        self._start_s = self._start_s or now_s
        limits = self._limits
        if limits.frames and result.number + 1 >= limits.frames or \
                limits.duration_s and now_s - self._start_s >= limits.duration_s:
            self.stop()

    def _end(self, why: str) -> None:
        self.note = f"{why}, so the live capture has ended"
        self.stop()

    def _rest(self) -> None:
        """The object goes back to where the user has put it."""
        thing = self.thing
        if thing is not None and self._uid and self._head == "OBJECT" and self.applied:
            thing.matrix_basis = self._place


def _check_take(path: Path) -> None:
    if path.suffix.lower() != TAKE:
        raise OutputError(f"{path}: a take is a folder whose name ends in {TAKE}; give {path.stem or 'NAME'}{TAKE}")
    if (path / HEADER).exists():
        raise OutputError(f"{path}: there is a take of this name; choose another one")
    check_writable(path)


_current: LiveSession | None = None


def current() -> LiveSession | None:
    """The capture that goes on."""
    return _current


def begin(session: LiveSession) -> None:
    global _current
    _current = session


def end() -> None:
    """Forget the capture; its child ends, if it has not. Called when the operator is over, another file is opened, or
    the add-on is switched off."""
    global _current
    session, _current = _current, None
    if session is not None:
        session.close()
