# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake Video as one job: the clip is captured into a take, the take is baked. Button, script and command line call
it."""

from __future__ import annotations

from pathlib import Path

from inference_core.errors import TakeError
from inference_core.take import open_take
from inference_core.video import VideoOptions

from . import jobs
from .capture_clip import capture_steps
from .jobs import Job, Steps
from .scene.bake import Target, bake_steps
from .scene.bake_options import BakeOptions

NAME = "Bake Video"


def begin(clip: str, take: Path, video: VideoOptions, bake: BakeOptions, target: Target) -> Job:
    """A job whose result is `Baked`. clip "": the take is there, and no network is needed. Raises InputError while
    another job goes on."""
    return jobs.begin(NAME, _steps(clip, take, video, bake, target), lambda: kept(take))


def kept(take: Path) -> str:
    """What a stop has left."""
    try:
        so_far = open_take(take)
    except TakeError:
        return "Stopped before the first frame"
    if so_far.complete:
        return f"Stopped; the take {take} is complete, and can be baked without the clip"
    return f"Stopped; the take {take} keeps {len(so_far)} frames, and the same clip goes on with it"


def _steps(clip: str, take: Path, video: VideoOptions, bake: BakeOptions, target: Target) -> Steps:
    if clip:
        yield from capture_steps(clip, take, video)
    return (yield from bake_steps(take, bake, target))
