# SPDX-License-Identifier: GPL-3.0-or-later
"""A second thread for a worker of `jobs`, which goes on with something else meanwhile. No bpy here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from .jobs import Progress, Stopped

TOLD_EVERY_S = 0.1

Result = TypeVar("Result")


class Beside(Generic[Result]):
    """`work(tell)`, whose `tell` is given Progress, and raises `Stopped` when the work is not wanted any more. A
    context manager: left before the work has ended, it stops it and waits for it."""

    def __init__(self, work: Callable[[Callable[[Progress], None]], Result], first: Progress) -> None:
        self._progress, self._unwanted = first, threading.Event()
        self._pool = ThreadPoolExecutor(1, "lprnet beside")
        self._future = self._pool.submit(work, self._tell)

    def __enter__(self) -> Beside[Result]:
        return self

    def __exit__(self, *_: object) -> None:
        self._unwanted.set()
        self._pool.shutdown()

    def result(self, post: Callable[[Any], None]) -> Result:
        """Wait for what it returns, or raises; how far it is goes to `post`, which may raise."""
        while not self._future.done():
            post(self._progress)
            wait([self._future], TOLD_EVERY_S)
        return self._future.result()

    def _tell(self, progress: Progress) -> None:
        if self._unwanted.is_set():
            raise Stopped
        self._progress = progress
