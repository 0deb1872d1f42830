"""When the detector looks, and with which of its stages: nothing while every wanted face is seen, everything where a
face is missed first, and then one stage at a time, so that no frame waits for all of them and a clip without a face is
not slow. Only the frames' own times count, so that a resumed capture looks when an uninterrupted one would.
"""

from __future__ import annotations

from dataclasses import replace

from inference_core.network_search import ALL_STAGES, NETWORK_STAGE
from inference_core.track_state import TrackState

FURTHER = (0, 1)                # for faces beside those that are seen
# one after the other; the quick one in between, for faces that come back as they went
LIGHT = (0, 1, 0, 3, 0, 2, 0, 4, 0, 6)      # 2 to 60 ms each of one core
HEAVY = (NETWORK_STAGE, 5)      # 200 to 400 ms
LOOK_EVERY_S, SEARCH_AFTER_S = 0.1, 0.3
SEARCH_WAIT_S, LONGEST_WAIT_S = 0.5, 4.0
ALL_AGAIN_S = 4.0               # a face that comes and goes does not start all stages each time

Stages = tuple[int, ...]


def stages_of(state: TrackState, time_s: float, *, missed: bool, others: bool, more: bool) -> Stages:
    """The stages that a frame is worth, () for none. missed: a wanted face is not seen; others: some face is; more:
    further faces are wanted."""
    if not missed:
        return FURTHER if more and time_s >= state.more_s else ()
    if time_s >= state.search_s:
        if others:
            return FURTHER
        return (HEAVY[state.searches % len(HEAVY)],) if state.searches else ALL_STAGES
    return (LIGHT[state.looks % len(LIGHT)],) if time_s >= state.look_s else ()


def after_looking(state: TrackState, stages: Stages, time_s: float, *, missed: bool, others: bool,
                  detect_every_s: float) -> TrackState:
    """The state with what the next frames may look at; missed: also after these stages."""
    if stages:
        state = replace(state, look_s=time_s + LOOK_EVERY_S, more_s=time_s + detect_every_s)
    if not missed:                      # the next loss is looked after at once
        first = 0 if time_s >= state.all_s + ALL_AGAIN_S else 1
        return replace(state, look_s=time_s, search_s=time_s + SEARCH_AFTER_S, wait_s=0.0, looks=0, searches=first)
    if not stages:
        return state
    if time_s < state.search_s:
        return replace(state, looks=state.looks + 1)
    wait_s = min(max(2 * state.wait_s, SEARCH_WAIT_S), LONGEST_WAIT_S)
    return replace(state, search_s=time_s + wait_s, wait_s=wait_s, searches=state.searches + (not others),
                   all_s=time_s if stages == ALL_STAGES else state.all_s)
