# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel tells of a take: read by a thread from header and frame heads, kept until the take changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .redraw import redraw_sidebars

if TYPE_CHECKING:
    from .properties import LPRNetSettings

MOST_KEPT = 32
POLL_S = 0.1


@dataclass(frozen=True)
class TakeInfo:
    """frames, `lost` of them without a face; gaps (first s, length s); confidence in the mean; seconds; fps (0
    unknown); source: what was captured. Or `problem`: why none of that can be told; `there`: whether there is a take at
    all."""

    frames: int = 0
    lost: int = 0
    gaps: tuple[tuple[float, float], ...] = ()
    confidence: float | None = None
    seconds: float = 0.0
    fps: float = 0.0
    source: str = ""
    complete: bool = True
    problem: str = ""
    there: bool = True


_known: dict[str, TakeInfo] = {}
_reading: set[str] = set()
_went_on = False


def info_of(path: str) -> TakeInfo | None:
    """What is known of the take at an absolute path, at once: None while it is being read."""
    if path not in _known and path not in _reading:
        _reading.add(path)
        threading.Thread(target=_read, args=(path, _reading), name="lprnet take", daemon=True).start()
        if not bpy.app.timers.is_registered(_redraw):
            bpy.app.timers.register(_redraw, first_interval=POLL_S)
    return _known.get(path)


def forget() -> None:
    """A take has been written or chosen: all are read anew when they are shown next."""
    global _reading
    _known.clear()
    _reading = set()                    # what is still being read now comes too late: its thread keeps the old set


def choose_take(context: bpy.types.Context, take: str) -> None:
    """Show this take in the panel: it is being captured, or has just been baked."""
    context.scene.lprnet.take = take  # type: ignore[union-attr]


def watch(going_on: bool) -> None:
    """Told at each redraw whether a job goes on: when it ends, takes have changed."""
    global _went_on
    if _went_on and not going_on:
        forget()
    _went_on = going_on


def unregister() -> None:
    if bpy.app.timers.is_registered(_redraw):
        bpy.app.timers.unregister(_redraw)
    forget()


def settings_changed(settings: LPRNetSettings, context: bpy.types.Context) -> None:
    """The take's name was edited."""
    forget()


def read_info(path: str) -> TakeInfo:
    """The take's header and the heads of its frames; no positions are read and nothing of bpy is touched."""
    try:
        from inference_core.errors import LPRNetError
        from inference_core.take import open_take
        try:
            take = open_take(path)
        except LPRNetError as error:
            if not Path(path).exists():         # one that a capture is to make, or that is being recorded
                return TakeInfo(problem="There is no such take yet; a capture makes it", there=False)
            return TakeInfo(problem=str(error))
    except ModuleNotFoundError as error:
        return TakeInfo(problem=f"The Python package {error.name!r} is missing")
    times, last = take.time_s, len(take) - 1
    gaps = tuple((float(times[first]), float(times[min(end + 1, last)] - times[first])) for first, end in take.gaps)
    fps = float(take.header.fps)
    seconds = float(times[-1] - times[0]) + (1 / fps if fps else 0.0) if len(take) else 0.0
    confidence = float(take.confidence[take.valid].mean()) if take.valid.any() else None
    name = str(take.header.source.get("name", ""))
    return TakeInfo(len(take), int((~take.valid).sum()), gaps, confidence, seconds, fps,
                    "".join(letter if letter.isprintable() else "?" for letter in name), take.complete)


def _read(path: str, reading: set[str]) -> None:
    try:
        found = read_info(path)
    except Exception as error:          # in a thread: whatever it is, it is told in the panel
        found = TakeInfo(problem=f"{path}: cannot be read ({type(error).__name__}: {error}); please report this")
    if reading is _reading:
        while len(_known) >= MOST_KEPT:
            _known.pop(next(iter(_known)))
        _known[path] = found
    reading.discard(path)


def _redraw() -> float | None:
    """Show what the threads have found."""
    if _reading:
        return POLL_S
    redraw_sidebars()
    return None
