"""The child's way out: messages in order, but of results only the newest waits, so that a caller who does not read for
a while delays nothing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from inference_core.live.messages import LiveResult, Message, encode


class Outlet:
    """`put` never waits. on_broken is called, in a thread, when nobody reads any more."""

    def __init__(self, stream: BinaryIO, on_broken: Callable[[], None]) -> None:
        self._stream, self._on_broken = stream, on_broken
        self._changed = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="results", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        with self._changed:
            if isinstance(message, LiveResult) and self._waiting and isinstance(self._waiting[-1], LiveResult):
                self._waiting.pop()
            self._waiting.append(message)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Waits until all is out, or so long."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while (message := self._next()) is not None:
                for part in encode(message):
                    self._stream.write(part)
                self._stream.flush()
        except OSError:                     # the pipe is closed: the caller is gone
            self._on_broken()

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None
