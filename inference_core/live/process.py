"""The caller's side of a live capture: starts the child process, keeps its newest result, and never waits for it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace

from inference_core.errors import VideoError
from inference_core.frames import CAMERA
from inference_core.live.handle import STOP_S, Child
from inference_core.live.messages import (ENDED, FAILED, LIVE, LOADING, OPENING, LiveResult, LiveStatus, LiveTexture,
                                          Message)
from inference_core.live.options import LiveOptions
from inference_core.take_source import safe_name

SILENT_S = 20.0                     # after such a silence the child hangs; it tells of a frozen camera itself, earlier
OPENING_S = 60.0                    # the same before the first picture: some webcams take half a minute to open
SEARCH_S = OPENING_S                # for the list of cameras
RATE_OVER_S = 2.0


@dataclass(frozen=True)
class LiveState:
    """stage: loading, opening, live, ended or failed; message: the one sentence of a failure; frames, lost, recorded:
    of the child so far; received: results that came here (the others were overtaken by newer ones on the way); fps of
    the child; latency_s: from the arrival of a picture to that of its result here, both smoothed; silent_s: since
    anything came."""

    stage: str = LOADING
    message: str = ""
    frames: int = 0
    lost: int = 0
    recorded: int = 0
    received: int = 0
    fps: float = 0.0
    latency_s: float = 0.0
    silent_s: float = 0.0

    @property
    def running(self) -> bool:
        return self.stage not in (ENDED, FAILED)


class LiveProcess:
    """A running capture. No call waits for the child or the camera, but `wait` and leaving the context manager, which
    are bounded in time. Ends when `stop` is called, the camera ends, or this process does.

    Raises EngineError where no process can be started, TopologyError.
    """

    def __init__(self, options: LiveOptions, *, command: list[str] | None = None) -> None:
        self.options = options
        self._child = Child({"task": "live", "options": options.to_json()}, self._take_in, command,
                             options.track.weights)
        self._newest: LiveResult | None = None
        self._texture: bytes | None = None
        self._state, self._arrivals = LiveState(), deque[tuple[float, int]]()
        self._lock = threading.Lock()
        self._child.start()

    def newest(self) -> LiveResult | None:
        """The newest result, once; None where nothing new has come."""
        with self._lock:
            result, self._newest = self._newest, None
            return result

    def texture(self) -> bytes | None:
        """The skin as a PNG file, once, when it has come."""
        with self._lock:
            png, self._texture = self._texture, None
            return png

    def state(self) -> LiveState:
        """Where it stands; notices a child that hangs."""
        over, child = self._child.ended, self._child
        with self._lock:
            patience_s = SILENT_S if self._state.stage == LIVE else OPENING_S
            if self._state.running and over:
                self._state = self._after_the_end()
            elif self._state.running and child.silent_s > patience_s:
                why = (f"{safe_name(self.options.target)}: no answer for {patience_s:g} s; connect the camera again, "
                       "close other programs that use it, then start again")
                self._state = replace(self._state, stage=FAILED, message=why)
                child.kill()
            return replace(self._state, silent_s=child.silent_s)

    def stop(self) -> None:
        """Ask for the end: the take is finished, `state` says when all is done."""
        self._child.stop()

    def wait(self, timeout_s: float = STOP_S + 2) -> LiveState:
        """Until the child is gone, at most so long."""
        self._child.wait(timeout_s)
        return self.state()

    def kill(self) -> None:
        """The end at once; a take stays as far as it came."""
        self._child.kill()

    def __enter__(self) -> LiveProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self.wait()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._child.stopping

    def _take_in(self, message: Message) -> None:
        now_s = time.monotonic()
        with self._lock:
            state = self._state
            if isinstance(message, LiveTexture):
                self._texture = message.png
            elif isinstance(message, LiveStatus):
                if message.stage == FAILED and self._child.stopping and state.stage == OPENING:
                    message = LiveStatus(ENDED)     # of a camera that nobody wants any more; the child may not know yet
                counts = dict(frames=message.frames, lost=message.lost, recorded=message.recorded)
                self._state = replace(state, stage=message.stage, message=message.message,
                                      **(counts if message.stage == ENDED else {}))
            else:
                self._newest = message
                latency_s = now_s - message.arrived_s
                if state.received:
                    latency_s = state.latency_s + 0.1 * (latency_s - state.latency_s)
                self._state = replace(state, stage=LIVE, frames=message.number + 1, lost=message.lost,
                                      recorded=message.recorded, received=state.received + 1, latency_s=latency_s,
                                      fps=self._rate(now_s, message.number))

    def _rate(self, now_s: float, number: int) -> float:
        self._arrivals.append((now_s, number))
        while now_s - self._arrivals[0][0] > RATE_OVER_S:
            self._arrivals.popleft()
        first_s, first = self._arrivals[0]
        return (number - first) / (now_s - first_s) if now_s > first_s else 0.0

    def _after_the_end(self) -> LiveState:
        child = self._child
        if child.stopping and not child.garbled:
            return replace(self._state, stage=ENDED)
        why = _why(safe_name(self.options.target), self._state.stage, child)
        if self._state.recorded:
            why += f"; the take {self.options.take} keeps the {self._state.recorded} frames before"
        return replace(self._state, stage=FAILED, message=why)


class CameraSearch:
    """Looks for cameras in a child process; `cameras` is None until it is done: ((name, width, height), ...)."""

    def __init__(self) -> None:
        self._found: tuple[tuple[str, int, int], ...] | None = None
        self._message = ""
        self._start_s = time.monotonic()
        self._child = Child({"task": "cameras"}, self._take_in)
        self._child.start()

    def cameras(self) -> tuple[tuple[str, int, int], ...] | None:
        """Raises VideoError where the search failed."""
        if self._found is not None:
            return self._found
        over = time.monotonic() - self._start_s > SEARCH_S
        if over:
            self._child.kill()
        if self._child.ended or over:
            raise VideoError(self._message or "looking for cameras ended without an answer"
                             + ("; " + MAC_START if sys.platform == "darwin" else "; connect the camera again"))
        return None

    def wait(self) -> tuple[tuple[str, int, int], ...]:
        """Until it is done, bounded in time. Raises VideoError."""
        while (found := self.cameras()) is None:
            self._child.wait(0.05)
        return found

    def _take_in(self, message: Message) -> None:
        if isinstance(message, LiveStatus) and message.stage == ENDED:
            self._found = message.cameras
        elif isinstance(message, LiveStatus):
            self._message = message.message


MAC_START = ("on a Mac, Blender may only use a camera when it is started from a Terminal that may (System Settings, "
             "Privacy & Security, Camera)")


def _why(name: str, stage: str, child: Child) -> str:
    """One sentence on a child that ended without saying why."""
    if child.garbled:
        return f"{name}: the capture process sent what is no result ({child.garbled}); start again"
    if sys.platform == "darwin" and name.startswith(CAMERA) and stage != LIVE:
        return f"{name}: the system ended the capture, since Blender may not use the camera; {MAC_START}"
    code = child.code
    how = f"with exit code {code}"
    if code is not None and code < 0:
        with suppress(ValueError):
            how = f"by the signal {signal.Signals(-code).name}"
    said = (child.last_words.strip().splitlines() or [""])[-1][:200]
    return f"{name}: the capture process ended {how}{f' ({said})' if said else ''}; start again"
