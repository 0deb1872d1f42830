"""What a user of `tracking.capture` may rely on, with the shipped network on a real portrait."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core import tracking
from inference_core.errors import InputError
from inference_core.frames import Frame
from inference_core.track_state import Place, TrackState, followed, read_state
from inference_core.tracking import TrackOptions, capture

FPS = 30.0


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))


def clip(pictures) -> list[Frame]:
    return [Frame(picture, number / FPS, number) for number, picture in enumerate(pictures)]


def moving(head: np.ndarray, count: int, pixels: float = 6.0):
    """The portrait going round in a circle."""
    for angle in np.linspace(0, 4 * np.pi, count):
        shift = np.float32([[1, 0, pixels * np.cos(angle)], [0, 1, pixels * np.sin(angle)]])
        yield cv2.warpAffine(head, shift, head.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def noise(count: int, size: int = 240):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(90, 130, (size, size, 3)).astype(np.uint8)


def test_one_steady_face_is_detected_once_and_seen_in_every_frame(head) -> None:
    results = list(capture(clip(moving(head, 120))))
    assert [r.index for r in results] == list(range(120))
    assert [r.time_s for r in results] == [n / FPS for n in range(120)]
    assert all(r.face is not None and set(r.faces) == {1} for r in results)
    assert sum(r.detected for r in results) == 1


def test_the_answer_follows_the_face(head) -> None:
    results = list(capture(clip(moving(head, 60, pixels=10))))
    noses = np.array([r.face.landmarks_image[30, :2] for r in results])
    angle = np.linspace(0, 4 * np.pi, 60)
    true = 10 * np.stack([np.cos(angle), np.sin(angle)], 1)
    off = (noses - noses.mean(0)) - (true - true.mean(0))
    assert np.abs(off).max() < 2.5


def test_no_face_is_a_lost_frame_and_never_a_guess(head) -> None:
    results = list(capture(clip([head] * 10 + list(noise(20)) + [head] * 10)))
    assert [r.face is not None for r in results[:30]] == [True] * 10 + [False] * 20
    found = [r.index for r in results[30:] if r.face is not None]
    assert found and found[0] <= 35 and set(results[-1].faces) == {1}


def test_the_first_face_may_come_late(head) -> None:
    results = list(capture(clip(list(noise(200)) + [head] * 12)))
    assert not any(r.faces for r in results[:200])
    assert results[-1].face is not None and next(r.index for r in results if r.faces) <= 205


def test_a_long_gap_costs_a_bounded_number_of_looks() -> None:
    results = list(capture(clip(noise(300, 120))))
    assert not any(r.faces for r in results)
    assert 5 < sum(r.detected for r in results) < 110


@pytest.fixture(scope="module")
def family(head) -> np.ndarray:
    canvas = np.full((300, 560, 3), 110, np.uint8)
    canvas[30:270, 20:260] = head
    canvas[80:260, 340:520] = cv2.resize(head, (180, 180), interpolation=cv2.INTER_AREA)
    return canvas


def test_several_faces_keep_their_names(family) -> None:
    results = list(capture(clip([family] * 20), TrackOptions(all_faces=True, detect_every_s=0.3)))
    assert all(set(r.faces) == {1, 2} for r in results)
    assert all(r.faces[1].box[2] < 280 < r.faces[2].box[0] for r in results)


def test_one_of_several_can_be_followed(family) -> None:
    results = list(capture(clip([family] * 5), TrackOptions(face=2)))
    assert all(r.face is not None and r.face.box[0] > 280 for r in results)
    assert list(capture(clip([family] * 3), TrackOptions(face=3)))[-1].face is None


def test_the_other_face_is_not_taken_for_the_lost_one(family) -> None:
    alone = family.copy()
    alone[:, :300] = 110
    results = list(capture(clip([family] * 5 + [alone] * 8)))
    assert all(r.face is None for r in results[5:])


@pytest.mark.parametrize("stop", [1, 13, 27, 34])
def test_going_on_from_any_frame_gives_the_same_bits(head, stop: int) -> None:
    frames = clip(list(moving(head, 20)) + list(noise(10)) + list(moving(head, 10)))
    whole = list(capture(frames))
    state = read_state(whole[stop - 1].state.to_bytes())
    assert state == whole[stop - 1].state
    for one, other in zip(whole[stop:], capture(frames[stop:], state=state), strict=True):
        assert (one.index, one.detected, one.state, set(one.faces)) == (other.index, other.detected, other.state,
                                                                        set(other.faces))
        for name in one.faces:
            assert np.array_equal(one.faces[name].vertices_image, other.faces[name].vertices_image)


def test_frames_of_another_size_midway_keep_the_face(head) -> None:
    larger = cv2.resize(head, (480, 480), interpolation=cv2.INTER_CUBIC)
    results = list(capture(clip([head] * 4 + [larger] * 4)))
    assert all(r.face is not None for r in results) and results[-1].size == (480, 480)
    assert sum(r.detected for r in results) == 1


def test_a_trembling_face_does_not_move_the_crop_and_a_moving_one_does() -> None:
    last = Place(1, 100.0, 100.0, 50.0, 0.1, 0.0)
    assert followed(last, Place(1, 100.6, 99.5, 50.4, 0.11, 1.0), 0.02) == Place(1, 100.0, 100.0, 50.0, 0.1, 1.0)
    far = followed(last, Place(1, 110.0, 100.0, 60.0, 0.1, 1.0), 0.02)
    assert far.x == pytest.approx(110 - 0.02 * 60) and 58 < far.side < 60
    assert followed(last, Place(1, 100.6, 99.5, 50.4, 0.11, 1.0), 0.0) == Place(1, 100.6, 99.5, 50.4, 0.11, 1.0)


STATE = TrackState((Place(1, 0, 0, 1, 0, 0),), size=(20, 30)).to_bytes()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":2}', b"\xff" * 10, b"[" * 100_000, *(
    STATE.replace(before, after) for before, after in (
        (b'"side":1', b'"side":-1'), (b'"x":0', b'"x":NaN'), (b'"x":0', b'"x":-Infinity'), (b'"y":0', b'"y":1e300'),
        (b'"side":1', b'"side":1e-300'), (b'"seen_s":0', b'"seen_s":NaN'),
        (b'"angle_rad":0', b'"angle_rad":1' + b"0" * 400), (b'"wait_s":0.0', b'"wait_s":1' + b"0" * 400),
        (b'"name":1', b'"name":Infinity'), (b'"names":0', b'"names":Infinity'), (b"[20,30]", b"[0,5]"), (b"[20,30]", b"[20]"), (b"[20,30]", b"[20,-30]"), (b"[20,30]", b"[20,1e300]")))])
def test_what_is_no_state_is_refused(data: bytes) -> None:
    assert read_state(STATE).size == (20, 30) and data != STATE
    with pytest.raises(ValueError):
        read_state(data)


@pytest.mark.parametrize("options", [dict(face=0), dict(passes=0), dict(detect_every_s=0.0), dict(crop=-1.0),
                                     dict(detect_every_s=float("nan")), dict(crop=float("inf"))])
def test_options_that_cannot_be_meant_are_refused(head, options) -> None:
    with pytest.raises(InputError):
        next(capture(clip([head]), TrackOptions(**options)))


def test_an_answer_that_is_doubtful_and_does_not_hold_still_is_lost(head, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is half sure of its face is believed only where its answer holds still."""
    sure = list(capture(clip([head] * 3)))
    seen = tracking.capture_crop

    def half_sure(image, crop, network, passes, least):
        face = seen(image, crop, network, passes, 0.0)
        face = dataclasses.replace(face, confidence=0.7)
        return face if face.confidence >= least else None

    monkeypatch.setattr(tracking, "capture_crop", half_sure)
    assert next(capture(clip([head])[:1], state=sure[-1].state)).face is not None
    monkeypatch.setattr(tracking, "certainty", lambda *given: tracking.DOUBT_CERTAINTY - 1)
    assert next(capture(clip([head])[:1], state=sure[-1].state)).face is None


def test_states_of_takes_made_before_are_still_read() -> None:
    values = json.loads(TrackState((Place(1, 9, 9, 30, 0, 1.0),), 1, 1.0).to_bytes())
    for name in ("looks", "searches", "all_s"):
        del values[name]
    assert read_state(json.dumps(values).encode()) == TrackState((Place(1, 9, 9, 30, 0, 1.0),), 1, 1.0)
