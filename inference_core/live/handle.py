"""The child process as its caller holds it: three pipes, a thread at each, so that nobody else ever waits."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from inference_core.live import python
from inference_core.live.messages import Message, read_messages
from inference_core.weights import find_card

STOP_S = 14.0                       # from a stop until the child is ended by force
LAST_WORDS = 2000                   # bytes of its standard error


class Child:
    """take_in(message) is called in a thread for every message. weights: which network will answer."""

    def __init__(self, task: dict, take_in: Callable[[Message], None], command: list[str] | None = None,
                 weights: str = "default") -> None:
        self._order, self._take_in = python.order(**task), take_in
        self._vertices = len(find_card(weights).topology.cells)
        self._process = python.start(command)
        self._stop, self._gone = threading.Event(), threading.Event()
        self.stopping = False                       # somebody wants the end
        self._heard_s = time.monotonic()
        self.garbled, self.last_words = "", ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._heard_s

    @property
    def ended(self) -> bool:
        """Gone, and all that it said was read."""
        return self._gone.is_set()

    @property
    def code(self) -> int | None:
        return self._process.returncode

    def start(self) -> None:
        words = threading.Thread(target=self._listen, name="live errors", daemon=True)
        words.start()
        threading.Thread(target=self._command, name="live commands", daemon=True).start()
        threading.Thread(target=self._read, args=(words,), name="live results", daemon=True).start()

    def stop(self) -> None:
        self.stopping = True
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        return self._gone.wait(timeout_s)

    def kill(self) -> None:
        self.stop()
        with suppress(OSError):
            self._process.kill()

    def _command(self) -> None:
        """Here, since a pipe that nobody reads yet may make the writer wait."""
        with suppress(OSError, ValueError):
            self._process.stdin.write(self._order)
            self._process.stdin.flush()
        self._stop.wait()
        with suppress(OSError):
            self._process.stdin.close()
        if not self._gone.wait(STOP_S):
            with suppress(OSError):
                self._process.kill()

    def _read(self, words: threading.Thread) -> None:
        try:
            for message in read_messages(self._process.stdout, self._vertices):
                self._heard_s = time.monotonic()
                self._take_in(message)
        except ValueError as error:
            self.garbled = str(error)
            with suppress(OSError):
                self._process.kill()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:           # its pipe is closed, but it lives on
            self._process.kill()
            self._process.wait()
        words.join(1.0)
        self._process.stdout.close()
        self._gone.set()
        self._stop.set()                            # the other thread ends, too

    def _listen(self) -> None:
        """What the child says to standard error, of which the end is kept."""
        tail = b""
        with self._process.stderr as stream:
            while data := stream.read1(LAST_WORDS):
                tail = (tail + data)[-LAST_WORDS:]
        self.last_words = tail.decode(errors="replace")
