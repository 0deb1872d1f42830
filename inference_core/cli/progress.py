"""Progress of long work on standard error: one line that changes on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time

TERMINAL_S, LOG_S = 0.1, 10.0           # between two lines
BAR = 24
FRAMES = "frames"


class ProgressLine:
    """Tell it how far the work is; it decides when to say so. before: what was done when it began. unit: what is
    counted."""

    def __init__(self, before: int = 0, unit: str = FRAMES) -> None:
        self._terminal = sys.stderr.isatty()
        self._start = self._said = time.monotonic()
        self._before, self._unit, self._open = before, unit, 0

    def tell(self, done: int, expected: int | None, note: str = "") -> None:
        now = time.monotonic()
        if now - self._said < (TERMINAL_S if self._terminal else LOG_S):
            return
        self._said = now
        self._say(progress_text(done, expected, (done - self._before) / (now - self._start), note, self._unit))

    def close(self) -> None:
        """What is said next begins on a line of its own."""
        if self._open:
            print(file=sys.stderr)
        self._open = 0

    def _say(self, text: str) -> None:
        if not self._terminal:
            print(text, file=sys.stderr, flush=True)
            return
        print("\r" + text.ljust(self._open), end="", file=sys.stderr, flush=True)
        self._open = len(text)


def progress_text(done: int, expected: int | None, per_s: float, note: str = "", unit: str = FRAMES) -> str:
    """How far, how fast (where frames are counted), how long still."""
    expected = None if expected is None else max(expected, done)        # containers claim too little, too
    parts = [f"{done} {unit}" if expected is None else f"{done}/{expected} {unit}"]
    parts += [f"{per_s:.0f} fps"] if unit.startswith(FRAMES) else []
    parts += [note] if note else []
    if expected is None:
        return ", ".join(parts)
    if per_s > 0:
        parts.append(f"{(expected - done) / per_s:.0f} s left")
    full = BAR * done // expected
    return f"[{'#' * full}{'.' * (BAR - full)}] " + ", ".join(parts)
