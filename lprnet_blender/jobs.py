# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work that leaves Blender alive: a worker thread that never touches bpy, and steps on the main thread.

A `Worker` runs a function that posts messages into a bounded queue. A `Job` is a generator on the main thread, cut into
steps of a few milliseconds: it yields a `Progress` after each of them, and `WAITING` where it needs a worker's next
message. A timer gives it `tick`s of limited time; without a window `run` goes on to the end. One job at a time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from inference_core.errors import InputError, LPRNetError

TICK_S = 0.02                   # of the main thread for each tick; a step that has begun is finished
MOST_MESSAGES = 32              # that a worker may be ahead of the main thread
PATIENCE_S = 10.0               # how long a worker may take to stop
SLEEP_S = 0.002


@dataclass(frozen=True)
class Progress:
    """done of total (None = unknown how many) frames, or what `unit` counts, of the part of the work that `text` names;
    note: what else is worth knowing."""

    done: int
    total: int | None
    text: str
    note: str = ""
    unit: str = "frames"


@dataclass(frozen=True)
class Done:
    """The work is finished; what came out."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The work ended with an error; `message` is the sentence for the user. `ours`: it is a mistake of the program."""

    message: str
    error: BaseException
    ours: bool


@dataclass(frozen=True)
class Cancelled:
    """The work was stopped as asked; `message` says what is kept."""

    message: str


WAITING = object()              # yielded by steps that have nothing to do until their worker posts
Ended = Done | Failed | Cancelled
Steps = Generator[Any, None, Any]
Work = Callable[[Callable[[Any], None]], Any]


class Stopped(Exception):
    """Raised inside a worker's `post` when the worker is to stop: it passes through everything that closes files."""


class Worker:
    """`work(post)` in a thread of its own. `post(message)` hands a message to the main thread, and raises `Stopped`
    when the work is not wanted any more. `work` must not touch bpy."""

    def __init__(self, work: Work) -> None:
        self._work, self._stop = work, threading.Event()
        self._messages: queue.Queue[Any] = queue.Queue(MOST_MESSAGES)
        self._end: Ended | None = None
        self._thread = threading.Thread(target=self._run, name="lprnet", daemon=True)
        self._thread.start()

    def poll(self) -> Any:
        """The next message; when there are no more, `Done`, `Failed` or `Cancelled`; WAITING where none is there
        yet."""
        alive = self._thread.is_alive()         # asked first: what it posted before its end is in the queue then
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return WAITING if alive else self._end

    def stop(self, patience_s: float = PATIENCE_S) -> bool:
        """Ask it to stop and wait until it has closed its files; returns whether it did in time."""
        self._stop.set()
        self._thread.join(patience_s)
        return not self.alive

    @property
    def alive(self) -> bool:
        """Whether it still works, or closes its files."""
        return self._thread.is_alive()

    def _post(self, message: Any) -> None:
        while not self._stop.is_set():
            try:
                self._messages.put(message, timeout=0.05)
                return
            except queue.Full:
                if isinstance(message, Progress):       # the next one says more: nobody waits for being told
                    return
        raise Stopped

    def _run(self) -> None:
        try:
            self._end = Done(self._work(self._post))
        except Stopped:
            self._end = Cancelled("")
        except BaseException as error:          # whatever it is, the main thread must hear of it
            self._end = failed(error)


def messages_of(work: Work) -> Steps:
    """For steps on the main thread: starts a worker, yields WAITING or its messages; returns what the work returned,
    raises what it raised. When the steps are closed the worker is asked to stop; `Job.cancel` waits for it."""
    worker = Worker(work)
    _workers.append(worker)
    try:
        while True:
            message = worker.poll()
            if isinstance(message, Done):
                return message.result
            if isinstance(message, Failed):
                raise message.error
            if isinstance(message, Cancelled):
                raise Stopped
            yield message
    finally:
        worker.stop(0.0)


def failed(error: BaseException) -> Failed:
    """An error as a message: the sentence of a user's mistake, else what kind of error of ours it is."""
    if isinstance(error, LPRNetError):
        return Failed(str(error), error, ours=False)
    if isinstance(error, ReferenceError):       # what Blender says of data that is gone
        return Failed("What was worked on has been deleted in Blender; the take is kept: bake it again", error,
                      ours=False)
    return Failed(f"L-PRNet failed ({type(error).__name__}: {error}); please report this", error, ours=True)


class Job:
    """One piece of long work on the main thread. `when_cancelled`: the sentence that says what is kept then."""

    def __init__(self, name: str, steps: Steps, when_cancelled: Callable[[], str] = lambda: "Stopped") -> None:
        self.name, self._steps, self._when_cancelled = name, steps, when_cancelled
        self.ended: Ended | None = None
        self.waiting = self._stopping = False
        self.progress = Progress(0, None, name)

    def tick(self, budget_s: float = TICK_S) -> Progress | Ended:
        """Steps for so long; plain, to be called by a timer, by a loop or by a test."""
        end = time.perf_counter() + budget_s
        if self._stopping:
            self._stopped(0.0)
        while self.ended is None and not self._stopping:
            try:
                message = next(self._steps)
            except StopIteration as stop:
                self._finish(Done(stop.value))
            except Stopped:
                self._finish(Cancelled(self._when_cancelled()))
            except BaseException as error:
                self._finish(failed(error))
            else:
                if isinstance(message, Progress):
                    self.progress = message
                self.waiting = message is WAITING
                if self.waiting or time.perf_counter() >= end:
                    return self.progress
        return self.ended or self.progress

    def cancel(self, *, wait: bool = True) -> None:
        """Stop; what was written to a take stays. Does nothing when the work has ended. Without `wait` a later tick
        says that it has: a worker may still search its frame for a face."""
        if self.ended is not None:
            return
        self._stopping = self.waiting = True
        try:
            self._steps.close()
        except BaseException as error:
            self._finish(failed(error))
        else:
            self._stopped(PATIENCE_S if wait else 0.0)
            if wait and self.ended is None:
                self._finish(Cancelled(self._when_cancelled()))

    def run(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> Any:
        """To the end, without a window; returns the result, raises what the work raised. Ctrl-C cancels."""
        shown = None
        try:
            while self.ended is None:
                self.tick()
                if self.progress is not shown:
                    shown = self.progress
                    on_progress(shown)
                time.sleep(SLEEP_S if self.waiting and self.ended is None else 0)
        finally:
            self.cancel()
        if isinstance(self.ended, Failed):
            raise self.ended.error
        return self.ended.result if isinstance(self.ended, Done) else None

    def _stopped(self, patience_s: float) -> None:
        if all([worker.stop(patience_s) for worker in _workers]):
            self._finish(Cancelled(self._when_cancelled()))

    def _finish(self, ended: Ended) -> None:
        global _current
        self.ended = ended
        _workers[:] = [worker for worker in _workers if worker.alive]
        if _current is self:
            _current = None


_current: Job | None = None
_workers: list[Worker] = []     # that may still be at work


def current() -> Job | None:
    """The job that goes on."""
    return _current


def begin(name: str, steps: Steps, when_cancelled: Callable[[], str] = lambda: "Stopped") -> Job:
    """A new job. Raises InputError while another goes on."""
    global _current
    if _current is not None:
        raise InputError(f"{_current.name} is still going on; wait until it is done, or stop it with Esc")
    _current = Job(name, steps, when_cancelled)
    return _current


def stop_all() -> None:
    """Cancel what goes on: the add-on is switched off, or another file is opened."""
    if _current is not None:
        _current.cancel()
