"""The newest picture of a source that does not wait: a thread receives, and who is slow misses what came between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference_core.errors import VideoError

STALL_S = 10.0
Picture = TypeVar("Picture")


@dataclass(frozen=True, eq=False)
class Received(Generic[Picture]):
    """index: how many came before, missed ones too; time_s since the first one, by a clock that never goes back."""

    index: int
    time_s: float
    picture: Picture


class LiveFeed(Generic[Picture]):
    """Runs receive(feed) in a thread: it calls `put` for every picture until that says False, and raises VideoError
    where the source breaks off. What it raises is raised where the pictures are taken, after the last of them."""

    def __init__(self, name: str, receive: Callable[[LiveFeed[Picture]], None]) -> None:
        self.count = 0
        self.seconds = 0.0
        self._name, self._receive = name, receive
        self._changed = threading.Condition()
        self._newest: Received[Picture] | None = None
        self._error: BaseException | None = None
        self._ended = self._closed = False
        self.start_s = 0.0                  # by time.monotonic(), when the first picture came
        threading.Thread(target=self._run, name=f"frames of {name}", daemon=True).start()

    def put(self, picture: Picture) -> bool:
        """Offer a picture that has just come; False: nobody wants more."""
        now_s = time.monotonic()
        with self._changed:
            if self.count == 0:
                self.start_s = now_s
            self.seconds = now_s - self.start_s
            self._newest = Received(self.count, self.seconds, picture)
            self.count += 1
            self._changed.notify_all()
            return not self._closed

    def take(self) -> Received[Picture] | None:
        """The newest picture that was not taken yet, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended, STALL_S)
            if self._newest is not None:
                taken, self._newest = self._newest, None
                return taken
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
        raise VideoError(f"{self._name}: no picture has come for {STALL_S:g} s{self.so_far()}; check the camera "
                         "and its connection")

    def __iter__(self) -> Iterator[Received[Picture]]:
        while (taken := self.take()) is not None:
            yield taken

    def so_far(self) -> str:
        """For a sentence about the end."""
        return f" after {self.count} pictures ({self.seconds:.1f} s)" if self.count else ""

    def close(self) -> None:
        """The thread ends with the picture that it waits for; who waits for one is told the end. From any thread."""
        with self._changed:
            self._closed = self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._receive(self)
        except BaseException as error:      # whatever it is, the one who takes the pictures must learn it
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
