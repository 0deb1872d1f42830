"""What every kind of source has in common: frames with the source's own stamps, and which of them were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from inference_core.errors import InputError, VideoError

STAMP_TOLERANCE_S = 0.0005      # Matroska rounds its stamps to milliseconds


@dataclass(frozen=True, eq=False)
class Frame:
    """image (H, W, 3) uint8 RGB upright; time_s: the source's own stamp; index: number in the source, from 0."""

    image: np.ndarray
    time_s: float
    index: int


@dataclass(frozen=True)
class SourceInfo:
    """kind "video", "images", "camera" or "stream"; name: what was asked for, without passwords; size (width, height)
    of the upright pictures; fps, 0 = unknown; frames: what the container claims, None = unknown; sha256 of what can be
    read again, None for live sources; first: the number in the name of the first picture of a sequence."""

    kind: str
    name: str
    size: tuple[int, int]
    fps: float
    frames: int | None
    sha256: str | None
    first: int = 0


@dataclass(frozen=True)
class FrameOptions:
    """Frames with start_s <= time < end_s, every N-th of them; fps: of image sequences, which have no stamps (None:
    24). Raises InputError for values that cannot be meant."""

    start_s: float = 0.0
    end_s: float | None = None
    every: int = 1
    fps: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise InputError(f"a clip cannot start at {self.start_s:g} s; give 0 or more seconds")
        if self.end_s is not None and not (math.isfinite(self.end_s) and self.end_s > self.start_s):
            raise InputError(f"a clip from {self.start_s:g} s cannot end at {self.end_s:g} s; give a later end")
        if self.every < 1:
            raise InputError(f"every {self.every}th frame cannot be taken; give 1 or more")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise InputError(f"{self.fps:g} frames per second cannot be; give more than 0, up to 1000")

    def before(self, time_s: float) -> bool:
        """Whether a frame of this time comes before the part that is wanted."""
        return time_s < self.start_s - STAMP_TOLERANCE_S

    def after(self, time_s: float) -> bool:
        """Whether a frame of this time comes after the part that is wanted."""
        return self.end_s is not None and time_s >= self.end_s - STAMP_TOLERANCE_S


@dataclass(frozen=True, eq=False)
class Stamp:
    """A frame whose picture is made only where it is wanted: `image` may be called until the next stamp is asked."""

    index: int
    time_s: float
    image: Callable[[], np.ndarray]


class FrameSource:
    """Frames, once, in order; memory does not grow with their number. A context manager.

    Iterating raises VideoError after the last good frame where the source ends before it should. start_s: of live
    sources, when their first picture came, by time.monotonic(). close: of live sources, from any thread; ends a wait
    for the next frame.
    """

    def __init__(self, info: SourceInfo, stamps: Iterator[Stamp], options: FrameOptions,
                 close: Callable[[], None] = lambda: None, start_s: float | None = None) -> None:
        self.info, self.start_s = info, start_s
        self._frames = _chosen(stamps, options, info)
        self.close = close

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._frames.close()
        self.close()


def _chosen(stamps: Iterator[Stamp], options: FrameOptions, info: SourceInfo) -> Iterator[Frame]:
    inside, last_s = 0, None
    for stamp in stamps:
        last_s = stamp.time_s
        if options.after(last_s):
            break
        if options.before(last_s):
            continue
        if inside % options.every == 0:
            frame = Frame(stamp.image(), stamp.time_s, stamp.index)
            if frame.image.shape[1::-1] != info.size:
                raise other_size(info.name, info.size, frame.image.shape[1::-1], frame.index, frame.time_s)
            yield frame
        inside += 1
    if not inside:
        end = "" if options.end_s is None else f" and before {options.end_s:g} s"
        seen = "it has no frame" if last_s is None else f"its last frame read is at {last_s:.2f} s"
        raise VideoError(f"{info.name}: no frame from {options.start_s:g} s on{end}; {seen}; choose another part")


def other_size(name: str, was: tuple[int, ...], now: tuple[int, ...], index: int, time_s: float) -> VideoError:
    """A clip has one size: faces are followed in its pixels."""
    sizes = f"from {was[0]} x {was[1]} to {now[0]} x {now[1]} pixels"
    return VideoError(f"{name}: the size changes {sizes} at frame {index} ({time_s:.2f} s); give the parts one by one, "
                      "or scale them to one size")
