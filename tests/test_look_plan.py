"""When the detector looks: as little as can be while the face is seen, for every stage in turn while it is not."""

from __future__ import annotations

from dataclasses import replace

from inference_core.look_plan import HEAVY, LIGHT, after_looking, stages_of
from inference_core.network_search import ALL_STAGES
from inference_core.track_state import TrackState

FPS = 30.0


def looks(seconds: float, seen=lambda time_s: False, state: TrackState = TrackState()):
    """[(time, stages)] of the frames in which the detector looks, and the state after them."""
    out = []
    for number in range(round(seconds * FPS)):
        time_s = number / FPS
        known = replace(state, names=1) if seen(time_s) else state
        stages = stages_of(state, time_s, missed=not seen(time_s), others=False, more=False)
        state = after_looking(known, stages, time_s, missed=not seen(time_s), others=False, detect_every_s=2.0)
        out += [(time_s, stages)] if stages else []
    return out, state


def test_a_face_that_is_seen_needs_no_detector() -> None:
    assert looks(60, seen=lambda time_s: True)[0] == []


def test_everything_is_tried_in_the_first_frame_and_then_one_stage_at_a_time() -> None:
    (start, first), *rest = looks(60)[0]
    assert (start, first) == (0.0, ALL_STAGES)
    assert all(len(stages) == 1 for _, stages in rest)


def test_every_stage_comes_round_again_however_long_no_face_is_seen() -> None:
    late = {stages for time_s, stages in looks(60)[0] if time_s > 40}
    assert late == {(stage,) for stage in (*LIGHT, *HEAVY)}


def test_the_costly_stages_look_seldom_where_no_face_comes() -> None:
    found = looks(60)[0]
    assert 6 <= sum(stages[0] in HEAVY for time_s, stages in found if time_s > 30) <= 9
    assert len(found) < 0.4 * 60 * FPS


def test_everything_is_tried_soon_after_a_loss() -> None:
    found = looks(12, seen=lambda time_s: time_s < 10)[0]
    assert found[0][0] == 10.0 and found[0][1] == LIGHT[:1]
    assert next(time_s for time_s, stages in found if stages == ALL_STAGES) < 10.5


def test_a_face_that_flickers_does_not_start_everything_every_time() -> None:
    found = looks(20, seen=lambda time_s: int(2 * time_s) % 2 == 0)[0]
    assert 2 <= sum(stages == ALL_STAGES for _, stages in found) <= 6
