"""A camera of this computer, by its number."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np

from inference_core.errors import VideoError
from inference_core.frames.live import LiveFeed
from inference_core.frames.opencv import hush_ffmpeg, open_capture, silent
from inference_core.frames.source import FrameOptions, FrameSource, SourceInfo, Stamp

LAST_NUMBER = 99
MAX_FPS = 999.0
PRIVACY = "that the settings of the system allow it (privacy, camera)"
ALLOWED = {"darwin": PRIVACY, "win32": PRIVACY, "linux": "that you may read /dev/video*"}


def open_camera(number: str, options: FrameOptions) -> FrameSource:
    """The frames of a camera as they come. Raises VideoError where there is none, or it gives no picture."""
    name = f"camera:{number}"
    if not (number.isascii() and number.isdecimal() and int(number[:9]) <= LAST_NUMBER):
        raise VideoError(f"{name}: not the number of a camera; the first one is camera:0")
    hush_ffmpeg()
    capture = open_capture(int(number))
    if not capture.isOpened():
        raise VideoError(f"{name}: cannot be opened; check that it is connected, that no other program uses it and "
                         f"{ALLOWED.get(sys.platform, PRIVACY)}")
    fps = capture.get(cv2.CAP_PROP_FPS)
    feed: LiveFeed[np.ndarray] = LiveFeed(name, partial(_receive, capture, name))
    try:
        first = feed.take()
        size = first.picture.shape[1], first.picture.shape[0]
    except BaseException:
        feed.close()
        raise
    info = SourceInfo("camera", name, size, fps if 0 < fps <= MAX_FPS else 0.0, None, None)
    return FrameSource(info, _stamps(first, feed), options, feed.close, feed.start_s)


def _receive(capture: cv2.VideoCapture, name: str, feed: LiveFeed[np.ndarray]) -> None:
    """In a thread of its own, the only one that touches the capture from now on."""
    try:
        with silent():
            while True:
                done, image = capture.read()
                if not done:
                    break
                if not feed.put(image):
                    return
    finally:
        capture.release()
    if feed.count:
        raise VideoError(f"{name}: the camera stopped{feed.so_far()}; check its cable")
    raise VideoError(f"{name}: opens, but gives no picture; another program may be using it")


def _stamps(first, feed: LiveFeed[np.ndarray]) -> Iterator[Stamp]:
    yield Stamp(first.index, first.time_s, partial(cv2.cvtColor, first.picture, cv2.COLOR_BGR2RGB))
    for taken in feed:
        yield Stamp(taken.index, taken.time_s, partial(cv2.cvtColor, taken.picture, cv2.COLOR_BGR2RGB))
