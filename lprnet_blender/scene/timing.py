# SPDX-License-Identifier: GPL-3.0-or-later
"""When each frame of a clip comes on Blender's timeline. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference_core.errors import InputError

from .bake_options import LAST_FRAME, BakeOptions

Floats = npt.NDArray[np.float64]

USUAL_RATES = tuple(base / divisor for base in (24, 25, 30, 48, 50, 60, 90, 100, 120, 240) for divisor in (1.0, 1.001))
SAME_RATE = 3e-4                # relative; 30 and 29.97 are 1e-3 apart
STAMP_S = 0.0011                # many containers round their stamps to milliseconds
MOST_OFF_GRID = 0.1             # of a frame
LEAST_STEP = 1e-3               # of a frame between two keys


@dataclass(frozen=True)
class SceneRate:
    """Blender's frames a second: fps / base."""

    fps: int
    base: float

    @property
    def value(self) -> float:
        return self.fps / self.base


@dataclass(frozen=True, eq=False)
class Timeline:
    """frames (n,) float64, one for each row of the take, rising or the same; rate: of the scene then; start_s: second
    of the clip that comes at `start`; steady: clip and scene run equally fast, so that its sound fits."""

    frames: Floats
    rate: SceneRate
    start: int
    start_s: float
    steady: bool


def scene_rate(rate: float) -> SceneRate:
    """As Blender writes a rate: 29.97 as 30 / 1.001, 23.976 as 24 / 1.001. Raises InputError for what is none."""
    if not 0.01 <= rate <= 10_000:
        raise InputError(f"a clip of {rate:g} frames a second cannot set the scene's rate; choose another timing")
    usual = min(USUAL_RATES, key=lambda each: abs(each / rate - 1))
    if abs(usual / rate - 1) < SAME_RATE:
        rate = usual
    fps = max(round(rate), 1)
    return SceneRate(fps, fps / rate)


def clip_rate(time_s: Floats, index: npt.NDArray[np.int64], claimed: float) -> float:
    """Frames a second of the clip's rows: the first of what the container claims, the mean and the usual rates on whose
    grid all stamps lie; where the rate varies, what is claimed, else one over the usual step."""
    if len(time_s) < 2 or time_s[-1] <= time_s[0]:
        return claimed if claimed > 0 else USUAL_RATES[0]
    every = max(int(np.median(np.diff(index))), 1)
    mean = (index[-1] - index[0]) / every / (time_s[-1] - time_s[0])
    usual = min(USUAL_RATES, key=lambda each: abs(each / mean - 1))
    for rate in (claimed, usual, mean):
        if rate > 0 and _on_grid(time_s, rate):
            return float(rate)
    steps = np.diff(time_s)
    return float(claimed if claimed > 0 else 1 / np.median(steps[steps > 0]))


def timeline(time_s: Floats, index: npt.NDArray[np.int64], claimed: float, scene: SceneRate,
             options: BakeOptions) -> Timeline:
    """time_s (n,) seconds and index (n,) of the rows in the clip, claimed: its frames a second (0 = unknown).

    Where all stamps lie on the scene's grid but for the rounding of a container, they are put right onto it; else keys
    come at fractional frames, and nothing is resampled. Raises InputError for a clip that is too long for Blender.
    """
    rate, clip = scene, clip_rate(time_s, index, claimed)
    if options.timing == "SET_SCENE_FPS":
        rate = scene_rate(clip)
    seconds = np.maximum.accumulate(time_s - time_s[0])
    if options.timing == "RETIME":
        frames = np.arange(len(time_s), dtype=np.float64)
        steady = bool(abs(rate.value / clip - 1) < SAME_RATE and _on_grid(time_s, clip))
    else:
        steady, frames = True, seconds * rate.value
        if _on_grid(time_s, rate.value):
            frames = np.rint(frames)
    frames += options.start_frame
    if frames[-1] > LAST_FRAME:
        raise InputError(f"the take would end at frame {frames[-1]:.0f}, but Blender's timeline ends at {LAST_FRAME}; "
                         "choose the timing RETIME, or capture a part of the clip")
    return Timeline(frames, rate, options.start_frame, float(time_s[0]), steady)


def apart(frames: Floats) -> npt.NDArray[np.bool_]:
    """(n,) which of some rising frames can have keys of their own: stamps that stand still leave one key."""
    kept = np.ones(len(frames), bool)
    last = -np.inf
    for number, frame in enumerate(frames):
        kept[number] = frame >= last + LEAST_STEP
        last = frame if kept[number] else last
    return kept


def _on_grid(time_s: Floats, rate: float) -> bool:
    """Whether every stamp is a whole number of frames of that rate, as exactly as containers store it."""
    frames = (time_s - time_s[0]) * rate
    return bool(np.abs(frames - np.rint(frames)).max(initial=0) <= min(STAMP_S * rate, MOST_OFF_GRID))
