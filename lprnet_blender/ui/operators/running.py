# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operator runs a job: with a window as a modal operator that a timer ticks, without one to the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import bpy

from ...missing import explain_missing
from ..redraw import redraw_sidebars

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...jobs import Job, Progress

EVERY_S = 0.02
DRAWN_EVERY_S = 0.2
HUNDRED = 100

_timers: list[bpy.types.Timer] = []
_told_in: set[str] = set()      # workspaces
_words, _drawn_s = "", 0.0


@dataclass(frozen=True)
class Pace:
    """How fast the part of the work goes that `progress` is of: since when, and what was done then."""

    progress: Progress
    since_s: float
    before: int

    def at(self, progress: Progress) -> Pace:
        """Some time later; another part of the work has a pace of its own."""
        if progress.text != self.progress.text:
            return Pace(progress, time.monotonic(), progress.done)
        return replace(self, progress=progress)

    def words(self, now_s: float) -> str:
        """How far, how fast, how long still."""
        done, total = self.progress.done, self.progress.total
        per_s = (done - self.before) / max(now_s - self.since_s, 1e-3)
        parts, unit = [self.progress.text], self.progress.unit
        if total is not None or done:
            parts.append(f"{done} {unit}" if total is None else f"{done} of {max(done, total)} {unit}")
        if per_s > 0:
            parts += [f"{per_s:.0f} fps"] if unit == "frames" else []
            if total is not None:
                parts.append(f"{max(total - done, 0) / per_s:.0f} s left")
        return ", ".join(parts + [self.progress.note] * bool(self.progress.note))


class JobOperator(bpy.types.Operator):
    """Base of operators that run a job: `execute` hands one to `go`; `done` makes its result known."""

    if TYPE_CHECKING:               # Blender takes annotations for properties
        _job: Job
        _pace: Pace
        _timer: bpy.types.Timer

        # of each operator its own
        def done(self, context: bpy.types.Context, result: Any) -> str:
            """Called with what the job has made; returns the sentence to report."""

    def go(self, context: bpy.types.Context, start: Callable[[], Job]) -> set[OperatorReturnItems]:
        """`start` begins the job. A user's mistake is one sentence in a report, our own stays a traceback."""
        try:
            from inference_core.errors import LPRNetError
            try:
                self._job = start()
                return self._to_the_end(context) if bpy.app.background else self._with_a_window(context)
            except LPRNetError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
        except ModuleNotFoundError as error:
            self.report({"ERROR"}, explain_missing(error))
            return {"CANCELLED"}

    def take_back(self, context: bpy.types.Context) -> None:
        """Called where the job could not be done or was stopped, to take back what its beginning has changed."""

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """A tick for each of the timer's events; Esc stops."""
        # a file that could not be opened has ended the job and its timer, but not the operator
        if event.type == "TIMER" or self._job.ended is not None:
            return self.tick(context)
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel(wait=False)
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    def tick(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """What `modal` does with the timer's events."""
        self._job.tick()
        ended = self._job.ended
        if ended is None:
            self._pace = self._pace.at(self._job.progress)
            _show(context, self._job.name, self._pace)
            return {"PASS_THROUGH"}
        stop_showing(context, [self._timer])
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is opened, or the window closed."""
        self._job.cancel()
        stop_showing(context, [self._timer])

    def _with_a_window(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        manager = context.window_manager
        assert manager is not None
        self._timer = manager.event_timer_add(EVERY_S, window=context.window)
        _timers.append(self._timer)
        manager.progress_begin(0, HUNDRED)
        self._pace = Pace(self._job.progress, time.monotonic(), 0)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _to_the_end(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ...told import ProgressLines

        with ProgressLines() as lines:
            try:
                self._job.run(lines.tell)
            except (Exception, KeyboardInterrupt):
                self.take_back(context)
                raise
        return self._end(context)

    def _end(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ...jobs import Done, Failed

        ended = self._job.ended
        if isinstance(ended, Done):
            self.report({"INFO"}, self.done(context, ended.result))
            return {"FINISHED"}
        if isinstance(ended, Failed):
            self.take_back(context)
            if ended.ours:
                raise ended.error
            self.report({"ERROR"}, ended.message)
        elif ended is not None:
            self.take_back(context)
            self.report({"WARNING"}, ended.message)
        return {"CANCELLED"}


def busy() -> str:
    """Why no job can begin now; "" where one can. Cheap: for `poll`."""
    jobs = running_jobs()
    job = jobs.current() if jobs else None
    return f"{job.name} is still going on; stop it with Esc" if job else ""


def running_jobs() -> Any:
    """The module `jobs`, None where nothing has needed it yet: it needs the core, which may not be installed."""
    return sys.modules.get(f"{__name__.rpartition('.ui.')[0]}.jobs")


def stop_showing(context: bpy.types.Context, timers: list[bpy.types.Timer] | None = None) -> None:
    """Take timers (None: all of them), the status bar's text and the progress away again."""
    global _words
    _words = ""
    redraw_sidebars()
    manager = context.window_manager
    for timer in [timer for timer in _timers if timers is None or timer in timers]:
        _timers.remove(timer)
        if manager is not None:
            manager.event_timer_remove(timer)
    if manager is not None and not bpy.app.background:
        manager.progress_end()
    tell_in_status_bar(context, None)


def tell_in_status_bar(context: bpy.types.Context, words: str | None) -> None:
    """None takes away what was told, from every workspace: each keeps its own."""
    workspace = context.workspace
    if words is not None and workspace is not None:
        workspace.status_text_set(words)
        _told_in.add(workspace.name)
    while words is None and _told_in:
        told = bpy.data.workspaces.get(_told_in.pop())
        if told is not None:
            with bpy.context.temp_override(workspace=told):         # else it would be the present one's
                told.status_text_set(None)


def progress_words() -> str:
    """How far the job is, for the panel."""
    return _words


def _show(context: bpy.types.Context, name: str, pace: Pace) -> None:
    global _words, _drawn_s
    progress, now = pace.progress, time.monotonic()
    _words = pace.words(now)
    if now - _drawn_s > DRAWN_EVERY_S:
        _drawn_s = now
        redraw_sidebars()
    tell_in_status_bar(context, f"{name}: {_words}   (Esc: stop)")
    if context.window_manager is not None and progress.total:
        context.window_manager.progress_update(HUNDRED * min(progress.done / progress.total, 1))
