"""Time stamps of clips and frames of Blender's timeline."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_core.errors import InputError
from lprnet_blender.scene.bake_options import BakeOptions
from lprnet_blender.scene.timing import SceneRate, apart, clip_rate, scene_rate, timeline

RATES = {24: (24, 1.0), 25: (25, 1.0), Fraction(30000, 1001): (30, 1.001), 60: (60, 1.0), Fraction(24000, 1001): (24, 1.001)}


def stamps(rate: Fraction | int, count: int, to_ms: bool = False) -> np.ndarray:
    times = np.array([float(number / Fraction(rate)) for number in range(count)])
    return np.round(times, 3) if to_ms else times


@pytest.mark.parametrize("to_ms", [False, True])
@pytest.mark.parametrize("rate", RATES)
def test_a_clip_at_the_scenes_rate_has_a_key_on_every_frame(rate, to_ms: bool) -> None:
    times = stamps(rate, 3000, to_ms)
    when = timeline(times, np.arange(3000), float(rate), SceneRate(*RATES[rate]), BakeOptions(start_frame=101))
    assert np.array_equal(when.frames, np.arange(101, 3101)) and when.steady


@pytest.mark.parametrize("scene", RATES)
@pytest.mark.parametrize("rate", RATES)
def test_seconds_stay_seconds_at_another_rate(rate, scene) -> None:
    times = stamps(rate, 600)
    when = timeline(times, np.arange(600), 0.0, SceneRate(*RATES[scene]), BakeOptions(start_frame=1))
    truth = [1 + float(number / Fraction(rate) * Fraction(scene)) for number in range(600)]
    assert np.abs(when.frames - truth).max() < 1e-6


@pytest.mark.parametrize("to_ms", [False, True])
@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("rate", RATES)
def test_the_scene_takes_the_clips_rate(rate, claimed: bool, to_ms: bool) -> None:
    times = stamps(rate, 400, to_ms)
    when = timeline(times, np.arange(400), float(rate) if claimed else 0.0, SceneRate(50, 1.0),
                    BakeOptions(timing="SET_SCENE_FPS"))
    assert (when.rate.fps, when.rate.base) == (RATES[rate][0], pytest.approx(RATES[rate][1], rel=1e-9))
    assert np.array_equal(when.frames, np.arange(1, 401))


def test_every_second_frame_keeps_its_time() -> None:
    times = stamps(30, 100)[::2]
    when = timeline(times, np.arange(0, 100, 2), 15.0, SceneRate(30, 1.0), BakeOptions())
    assert np.array_equal(when.frames, np.arange(1, 101, 2))


def test_one_frame_of_the_clip_on_each_of_the_scene() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 50))
    when = timeline(times, np.arange(50), 25.0, SceneRate(24, 1.0), BakeOptions(timing="RETIME", start_frame=7))
    assert np.array_equal(when.frames, np.arange(7, 57)) and not when.steady
    same = timeline(stamps(24, 50), np.arange(50), 24.0, SceneRate(24, 1.0), BakeOptions(timing="RETIME"))
    assert same.steady


@given(st.lists(st.floats(0.001, 0.5), min_size=2, max_size=60), st.sampled_from([24.0, 25.0, 30.0, 60.0]))
def test_a_rate_that_varies_is_never_resampled(steps: list[float], fps: float) -> None:
    times = np.cumsum(steps)
    when = timeline(times, np.arange(len(times)), 0.0, SceneRate(round(fps), 1.0), BakeOptions())
    exact = 1 + (times - times[0]) * fps
    assert np.abs(when.frames - exact).max() <= 0.0011 * fps + 1e-9        # a stamp's rounding at most
    assert when.start_s == times[0]


def test_a_part_of_a_clip_begins_at_the_start_frame() -> None:
    times = 3.2 + stamps(25, 20)
    when = timeline(times, np.arange(80, 100), 25.0, SceneRate(25, 1.0), BakeOptions(start_frame=1001))
    assert np.array_equal(when.frames, np.arange(1001, 1021)) and when.start_s == 3.2


def test_stamps_that_stand_still_leave_one_key_each() -> None:
    times = np.array([0.0, 0.04, 0.04, 0.04, 0.08])
    when = timeline(times, np.arange(5), 25.0, SceneRate(25, 1.0), BakeOptions())
    assert apart(when.frames).tolist() == [True, True, False, False, True]
    back = timeline(np.array([0.0, 0.08, 0.04]), np.arange(3), 25.0, SceneRate(25, 1.0), BakeOptions())
    assert apart(back.frames).tolist() == [True, True, False]


def test_a_single_frame_is_a_clip_too() -> None:
    when = timeline(np.array([5.0]), np.array([7]), 0.0, SceneRate(25, 1.0), BakeOptions(timing="SET_SCENE_FPS"))
    assert when.frames.tolist() == [1.0] and clip_rate(np.array([5.0]), np.array([7]), 30.0) == 30.0


def test_what_blender_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="timeline ends at"):
        timeline(np.array([0.0, 1e6]), np.arange(2), 25.0, SceneRate(25, 1.0), BakeOptions())
    with pytest.raises(InputError, match="frames a second"):
        scene_rate(0.0)
    for wrong in ({"mode": "KEYS"}, {"head": "NECK"}, {"timing": "SOON"}, {"texture": 100}, {"start_frame": 10**7}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} cannot be"):
            BakeOptions(**wrong)


def test_options_survive_as_plain_properties() -> None:
    options = BakeOptions("RELATIVE", "VERTICES", "RETIME", 12, texture=0, sound=False)
    values = {**options.to_properties(), "sound": 0}                        # Blender 4.2 keeps numbers
    assert BakeOptions.from_properties(values) == options
    with pytest.raises(InputError, match="altered"):
        BakeOptions.from_properties({"smoothing": 3})
