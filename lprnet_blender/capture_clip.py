# SPDX-License-Identifier: GPL-3.0-or-later
"""From a clip to a take, for a worker of `jobs`: no bpy here."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from inference_core.errors import TakeError
from inference_core.frames.images import is_sequence
from inference_core.take import open_take
from inference_core.take_source import part_of
from inference_core.take_writer import begun
from inference_core.video import Progress as Captured
from inference_core.video import VideoOptions, capture_video

from .jobs import Progress, Steps, messages_of

TOLD_EVERY_S = 0.05


def capture_steps(clip: str, take: Path, options: VideoOptions) -> Steps:
    """Capture `clip` into `take`, or go on with it (`options.resume`). Yields Progress and WAITING; returns how many
    frames it has and how many of them are lost. Closing it keeps the take so far."""
    return messages_of(_work(clip, take, options))


def asked_rate(clip: str, take: Path, fps: float, scene_fps: float) -> float | None:
    """FrameOptions.fps: `fps` of an image sequence; where that is 0 what the take was begun with that goes on, or else
    the scene's. A video has its own."""
    sequence = bool(clip) and is_sequence(Path(clip))
    if sequence and fps:
        return fps
    if clip and begun(take):
        with suppress(TakeError):                       # what is wrong with it is told when it is to go on
            return part_of(open_take(take).header.source).fps
    return scene_fps if sequence else None


def _work(clip: str, take: Path, options: VideoOptions) -> Callable[[Callable[[Any], None]], Captured]:
    def work(post: Callable[[Any], None]) -> Captured:
        post(Progress(0, None, f"Opening {Path(clip).name}"))
        told = time.monotonic()

        def on_frame(captured: Captured) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= TOLD_EVERY_S:
                told = now
                note = f"{captured.lost} without a face" if captured.lost else ""
                post(Progress(captured.done, captured.expected, "Capturing", note))

        return capture_video(clip, take, options, on_frame)

    return work
