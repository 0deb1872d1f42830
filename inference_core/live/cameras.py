"""Which cameras of this computer open. Opening them may switch on lamps, ask for permission or crash a driver: only the
child process does it."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from inference_core.frames import CAMERA
from inference_core.frames.opencv import hush_ffmpeg, open_capture, silent

MOST = 10                           # numbers that are tried where the system does not list them
MISSES = 2                          # in a row; then no more are expected
DEVICES = Path("/dev")


def found_cameras(stop: threading.Event) -> Iterator[tuple[str, int, int]]:
    """(name, width, height) of each camera that gives a picture, one after the other."""
    hush_ffmpeg()
    misses = 0
    for number in _numbers():
        if stop.is_set() or misses == MISSES:
            return
        capture = open_capture(number)
        try:
            with silent():
                seen, image = capture.read() if capture.isOpened() else (False, None)
        finally:
            capture.release()
        misses = 0 if seen or _listed() else misses + 1
        if seen:
            yield f"{CAMERA}{number}", image.shape[1], image.shape[0]


def _listed() -> bool:
    return sys.platform == "linux"


def _numbers() -> list[int]:
    if not _listed():
        return list(range(MOST))
    found = (re.fullmatch(r"video(\d{1,2})", path.name) for path in DEVICES.iterdir())
    return sorted(int(match[1]) for match in found if match)[:MOST * 2]
