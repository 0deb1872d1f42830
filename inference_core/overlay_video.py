"""A clip with its take drawn over it, to judge a capture by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from inference_core.errors import InputError, OutputError
from inference_core.files import check_writable, written_beside
from inference_core.frames import open_frames
from inference_core.frames.opencv import hush_ffmpeg, open_capture
from inference_core.pictures import draw_overlay
from inference_core.quiet import quiet
from inference_core.smoothing import smooth
from inference_core.take import Take, TakeRows
from inference_core.take_source import is_live, part_of, safe_name
from inference_core.topology import Topology

DEFAULT_FPS = 25.0
MOST_TICKS = 65535              # that MPEG-4 parts a second into
LOST_COLOUR, LOST_WIDTH = (235, 64, 52), 0.008      # frame round a picture without a face; of its longer side


class _Seen(NamedTuple):
    """What drawing needs of a face."""

    topology: Topology
    vertices_image: np.ndarray
    landmarks_image: np.ndarray


def write_overlay(target: str | Path, take: Take, path: str | Path, on_frame: Callable[[int], None] = lambda done: None,
                  *, smoothed: bool = True) -> None:
    """The clip that the take is of, read again, as MP4 without sound: mesh and landmarks as captured, steadied unless
    smoothed is off; pictures without a face have a red border.

    Raises InputError (VideoError) where the clip cannot be read again, OutputError.
    """
    path = Path(path)
    check_overlay(target, path)
    rows = {int(index): row for row, index in enumerate(take.index)}
    steady = smooth(take) if smoothed else take
    with open_frames(target, part_of(take.header.source)) as source, written_beside(path) as beside:
        if source.info.sha256 is None or source.info.sha256 != take.header.source.get("sha256"):
            raise InputError(f"{source.info.name}: not the clip that {take.path} was captured from; give that one")
        width, height = even(source.info.size)
        fps, codec = playable(take.header.fps or DEFAULT_FPS), cv2.VideoWriter.fourcc(*"mp4v")
        with quiet():                       # what FFmpeg says is no sentence for a user
            writer, written = cv2.VideoWriter(str(beside), codec, fps, (width, height)), 0
        try:
            if not writer.isOpened():
                raise OutputError(f"{path}: this OpenCV cannot write MP4; leave out --overlay")
            for done, frame in enumerate(source, 1):
                if frame.index not in rows:
                    break                   # a take that was stopped
                picture = drawn(frame.image, steady, rows[frame.index])
                writer.write(np.ascontiguousarray(picture[:height, :width, ::-1]))
                written = done
                on_frame(done)
        finally:
            writer.release()
        if not _holds(beside, written):         # the writer keeps to itself what went wrong
            raise OutputError(f"{path}: the video could not be written; is the disk full? Free some space or choose "
                              "another folder")


def playable(fps: float) -> float:
    """The rate, or the nearest that the codec can count: OpenCV makes a fraction of it in thousandths,
    hundredths, ..."""
    digits = next((digits for digits in (3, 2, 1) if fps * 10**digits <= MOST_TICKS), 0)
    return fps if digits == 3 else min(round(fps, digits), MOST_TICKS)


def check_overlay(target: str | Path, path: Path) -> None:
    """What can be known before a capture. Raises InputError, OutputError."""
    if is_live(target):
        raise InputError(f"{safe_name(target)}: cannot be read again, so that nothing can be drawn over it; record it "
                         "to a file first")
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:         # OpenCV crashes on it
        raise OutputError(f"{path}: videos cannot be written under a name that is not Unicode; choose another name or "
                          "folder") from error
    check_writable(path)


def _holds(path: Path, frames: int) -> bool:
    """Whether a clip holds so many frames, up to the last one: a file that was cut off has no index, or too short a
    one, or nothing where its end should be."""
    hush_ffmpeg()
    capture = open_capture(str(path.absolute()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or round(capture.get(cv2.CAP_PROP_FRAME_COUNT)) != frames:
            return False
        capture.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
        return capture.read()[0]
    finally:
        capture.release()


def drawn(image: np.ndarray, take: TakeRows, row: int) -> np.ndarray:
    """One frame (H, W, 3) uint8 RGB with what the take has of it."""
    if take.valid[row]:
        return draw_overlay(image, [_Seen(take.topology, take.vertices_image(row), take.landmarks_image(row))])
    out = image.copy()
    width = max(round(LOST_WIDTH * max(image.shape)), 1)
    cv2.rectangle(out, (0, 0), (image.shape[1] - 1, image.shape[0] - 1), LOST_COLOUR, width)
    return out


def even(size: tuple[int, int]) -> tuple[int, int]:
    """Video codecs take even sides only."""
    return size[0] // 2 * 2, size[1] // 2 * 2
