"""OpenCV's video reader without its chatter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import cv2

LOG_LEVEL = "OPENCV_FFMPEG_LOGLEVEL"
NOTHING_AT_ALL = "-8"           # FFmpeg's AV_LOG_QUIET
SILENT = 0
MOST_FAILURES = 1000            # in a row; at the end of a file that many take a few milliseconds


@contextmanager
def silent() -> Iterator[None]:
    """OpenCV's own warnings are not printed inside."""
    before = cv2.setLogLevel(SILENT)
    try:
        yield
    finally:
        cv2.setLogLevel(before)


@cache
def hush_ffmpeg() -> None:
    """Keep FFmpeg from writing about damaged frames to standard error, from any thread, as long as the program runs.

    OpenCV asks the environment once, when a video is first opened or written; so call this before. Throwing standard
    error away around each call would not do: other threads show their progress there.
    """
    given = os.environ.get(LOG_LEVEL)
    os.environ.setdefault(LOG_LEVEL, NOTHING_AT_ALL)
    try:
        open_capture("", cv2.CAP_FFMPEG)
    finally:
        if given is None:
            del os.environ[LOG_LEVEL]


def open_capture(target: str | int, backend: int = cv2.CAP_ANY) -> cv2.VideoCapture:
    """A capture that may not be open."""
    with silent():
        return cv2.VideoCapture(target, backend)


def grab(capture: cv2.VideoCapture) -> int | None:
    """The next frame of a file: how many packets before it cannot be decoded; None at the end.

    OpenCV answers the same for one such packet and for the end of the file, and goes on when it is asked again."""
    return next((failures for failures in range(MOST_FAILURES) if capture.grab()), None)
