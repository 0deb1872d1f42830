"""What goes through the pipe of a live capture comes out as it went in, and nonsense costs no memory."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, strategies as st

from inference_core.errors import InputError
from inference_core.live.messages import (HEAD, MAGIC, MAX_STATUS, NUMBERS, MAX_TEXTURE, PNG, RESULT, STAGES, STATUS,
                                          TEXTURE, LiveResult, LiveStatus, LiveTexture, encode, read_messages)
from inference_core.live.mirror import mirrored_pose, mirrored_vertices
from inference_core.live.options import LARGEST_TEXTURE, LiveOptions
from inference_core.live.outlet import Outlet
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.topology import load_topology

VERTICES = 7
LARGEST = max(MAX_STATUS, NUMBERS.size + 12 * VERTICES, MAX_TEXTURE)


class Pipe(io.BytesIO):
    """Asserts that nobody asks for more than a message can be."""

    def read(self, count: int = -1) -> bytes:
        assert 0 <= count <= LARGEST
        return super().read(count)


def through(*messages) -> list:
    return list(read_messages(Pipe(b"".join(bytes(part) for m in messages for part in encode(m))), VERTICES))


def a_face(number: int = 3) -> LiveResult:
    pose = HeadPose(rotation_from_angles(20, -10, 5), 12.5, np.array([320.25, 200.5]), 0.015)
    vertices = np.random.default_rng(number).normal(0, 5, (VERTICES, 3)).astype(np.float32)
    return LiveResult(number, number + 4, 0.125, 100.0, 100.03, 2, 1, (640, 480), 0.9, pose, vertices)


@given(st.integers(0, 2 ** 60), st.floats(0, 1e9), st.booleans())
def test_a_result_comes_out_as_it_went_in(index: int, time_s: float, seen: bool) -> None:
    face = a_face()
    sent = LiveResult(1, index, time_s, 5.5, 6.5, 1, 0, (1280, 720), *((face.confidence, face.pose,
                      face.vertices_canonical) if seen else ()))
    got, = through(sent)
    assert (got.number, got.index, got.time_s, got.arrived_s, got.done_s, got.lost, got.size) == (
        1, index, time_s, 5.5, 6.5, 1, (1280, 720))
    if not seen:
        assert got.pose is None and got.vertices_canonical is None
        return
    assert np.array_equal(got.vertices_canonical, face.vertices_canonical)
    assert np.array_equal(got.pose.rotation, face.pose.rotation) and np.array_equal(got.pose.shift, face.pose.shift)
    assert got.pose.scale == 12.5 and got.pose.inverse_distance == 0.015 and got.confidence == 0.9


@given(st.sampled_from(STAGES), st.text(max_size=200), st.integers(0, 9999))
def test_a_status_comes_out_as_it_went_in(stage: str, message: str, frames: int) -> None:
    sent = LiveStatus(stage, message, frames, 1, 2, (("camera:0", 640, 480),))
    assert through(sent, LiveStatus("live")) == [sent, LiveStatus("live")]


def test_a_texture_comes_out_as_it_went_in() -> None:
    texture, _ = through(LiveTexture(PNG + b"a picture"), a_face())
    assert texture.png == PNG + b"a picture"


@given(st.integers(0, 500))
def test_a_message_that_is_torn_off_is_left_out(cut: int) -> None:
    data = b"".join(bytes(part) for part in encode(a_face(0)))
    whole = b"".join(bytes(part) for part in encode(a_face(1)))
    got = list(read_messages(Pipe(data + whole[:cut % len(whole)]), VERTICES))
    assert [result.number for result in got] == [0]


def told(data: bytes) -> str:
    with pytest.raises(ValueError) as refused:
        list(read_messages(Pipe(data), VERTICES))
    return str(refused.value)


@given(st.sampled_from([STATUS, RESULT, TEXTURE, 0, 77]), st.binary(max_size=300))
def test_nonsense_behind_a_good_head_is_refused(kind: int, body: bytes) -> None:
    try:
        list(read_messages(Pipe(HEAD.pack(MAGIC, kind, len(body)) + body), VERTICES))
    except ValueError:
        return
    assert (kind == RESULT and len(body) in (NUMBERS.size, NUMBERS.size + 12 * VERTICES)
            or kind == TEXTURE and body.startswith(PNG))


@given(st.binary(min_size=HEAD.size, max_size=100))
def test_nonsense_is_refused_before_more_of_it_is_read(data: bytes) -> None:
    assert told(data) == "what came is no message"


@pytest.mark.parametrize(("kind", "length"), [(STATUS, MAX_STATUS + 1), (RESULT, NUMBERS.size + 12 * VERTICES + 12),
                                              (RESULT, 0), (TEXTURE, LARGEST + 1), (STATUS, 2 ** 32 - 1), (9, 4)])
def test_a_length_that_no_message_has_is_refused(kind: int, length: int) -> None:
    assert told(HEAD.pack(MAGIC, kind, length)) == "what came is no message"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"{" * 5000, b'{"stage": 5}', b'{"stage": "live", "message": 7, '
                                  b'"frames": 0, "lost": 0, "recorded": 0, "cameras": []}', b"\xff"])
def test_a_status_that_is_none_is_refused(body: bytes) -> None:
    assert "status" in told(HEAD.pack(MAGIC, STATUS, len(body)) + body)


def test_numbers_that_no_face_has_are_refused() -> None:
    face = a_face()
    face.vertices_canonical[3, 1] = np.nan
    with pytest.raises(ValueError, match="impossible"):
        through(face)


def test_of_results_that_wait_only_the_newest_goes_out() -> None:
    written = io.BytesIO()
    outlet = Outlet(written, lambda: None)
    with outlet._changed:                           # as long as nobody can read
        for message in (LiveStatus("live"), a_face(0), a_face(1), a_face(2), LiveStatus("ended")):
            outlet._waiting.append(message) if isinstance(message, LiveStatus) else outlet.put(message)
    outlet.close(5)
    got = list(read_messages(Pipe(written.getvalue()), VERTICES))
    assert [getattr(m, "stage", None) or m.number for m in got] == ["live", 2, "ended"]


@pytest.mark.parametrize("target", ["", "clip.mp4", "ftp://host/", "rtsp://host/", "/dev/video0", "0x1"])
def test_what_is_no_camera_is_refused_before_anything_starts(target: str) -> None:
    with pytest.raises(InputError, match="not a camera"):
        LiveOptions(target)


@pytest.mark.parametrize("target", ["rtsp://me:S3cret@host/x?S3cret", "ftp://me:S3cret@host/?a=b@S3cret",
                                    "rtsp://me:S3/cret@host/", "me:S3cret@host:8080/x?key=S3cret"])
def test_an_address_of_another_kind_is_refused_without_its_password(target: str) -> None:
    with pytest.raises(InputError, match="not a camera") as caught:
        LiveOptions(target)
    assert "S3" not in str(caught.value)


def test_options_go_to_the_child_as_they_are() -> None:
    options = LiveOptions("0", "a.lprtake", texture_size=512)
    assert options.target == "camera:0" and LiveOptions.from_json(options.to_json()) == options
    assert LiveOptions("Camera:0").target == "camera:0"
    with pytest.raises(InputError, match="texture"):
        LiveOptions("0", texture_size=LARGEST_TEXTURE + 1)


@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-40, 40), st.integers(2, 4000))
def test_a_mirrored_result_lies_on_the_mirrored_picture(yaw: float, pitch: float, roll: float, width: int) -> None:
    topology, rng = load_topology(), np.random.default_rng(0)
    face = (topology.mean_canonical + rng.normal(0, 0.5, topology.mean_canonical.shape)).astype(np.float32)
    pose = HeadPose(rotation_from_angles(yaw, pitch, roll), 15.0, np.array([300.0, 200.0]), 0.015)
    seen = compose(face.astype(np.float64), pose)
    mirrored = compose(mirrored_vertices(face, topology).astype(np.float64), mirrored_pose(pose, width))
    assert np.allclose(mirrored[topology.mirror], (seen * [-1, 1, 1]) + [width - 1, 0, 0], atol=1e-3)
    assert mirrored_pose(pose, width).yaw_pitch_roll_deg == pytest.approx((-yaw, pitch, -roll), abs=1e-6)
    assert np.linalg.det(mirrored_pose(pose, width).rotation) == pytest.approx(1)
