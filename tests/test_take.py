"""A take gives back what was captured, one frame at a time, and says clearly what it cannot read."""

from __future__ import annotations

import dataclasses
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic_faces import mean_face
from takes import few_vertices, header, shaken, write_take

from inference_core.errors import OutputError, TakeError
from inference_core.pose import HeadPose
from inference_core.take import TakeFrame, TakeWriter, open_take, take_frame
from inference_core.take_header import MAX_BYTES
from inference_core.topology import load_topology
from inference_core.track_state import TrackState
from inference_core.tracking import FrameResult

SMALL = few_vertices()
LOST = (0, 4, 5, 9)


@pytest.fixture
def take_dir(tmp_path: Path) -> Path:
    return write_take(tmp_path / "a.lprtake", SMALL, (shaken(SMALL, i, LOST) for i in range(10)))


def same(a: TakeFrame, take, row: int, tolerance_cm: float = 0.005) -> None:
    assert (take.index[row], take.time_s[row], take.confidence[row], take.valid[row]) == (
        a.index, a.time_s, a.confidence, a.valid)
    np.testing.assert_array_equal(take.box[row], np.asarray(a.box))
    assert take.state(row) == a.state
    if a.valid:
        pose = take.pose(row)
        np.testing.assert_array_equal(pose.rotation, a.pose.rotation)
        np.testing.assert_array_equal(pose.shift, a.pose.shift)
        assert (pose.scale, pose.inverse_distance) == (a.pose.scale, a.pose.inverse_distance)
        assert np.linalg.norm(take.canonical(row) - a.canonical, axis=1).max() < tolerance_cm


def test_what_was_captured_is_read_back(take_dir: Path) -> None:
    take = open_take(take_dir, SMALL)
    assert len(take) == 10 and take.complete and take.header == header(SMALL)
    for row in range(10):
        same(shaken(SMALL, row, LOST), take, row)
    assert take.gaps == [(0, 0), (4, 5), (9, 9)]


NUMBERS = st.floats(-1e6, 1e6)
FRAMES = st.builds(
    lambda time_s, confidence, box, rotation, numbers, canonical, state, valid, index: TakeFrame(
        index, time_s, valid, confidence, np.array(box),
        HeadPose(rotation, abs(numbers[0]) + 1e-3, np.array(numbers[1:3]), numbers[3]) if valid else None,
        canonical if valid else None, state),
    NUMBERS, st.floats(0, 1), st.tuples(*[NUMBERS] * 4), arrays(np.float64, (3, 3), elements=NUMBERS),
    st.tuples(*[NUMBERS] * 4), arrays(np.float32, SMALL.mean_canonical.shape, elements=st.floats(-100, 100, width=32)),
    st.binary(max_size=300), st.booleans(), st.integers(0, 2**40))


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAMES, max_size=6, unique_by=(lambda frame: frame.index, lambda frame: frame.time_s)),
       st.sampled_from(["half", "single"]))
def test_any_numbers_come_back_exactly_and_positions_within_a_twentieth_of_a_millimetre(
        tmp_path_factory, frames, precision) -> None:
    frames.sort(key=lambda frame: frame.index)
    frames = [dataclasses.replace(frame, time_s=time_s)
              for frame, time_s in zip(frames, sorted(frame.time_s for frame in frames))]
    path = write_take(tmp_path_factory.mktemp("take") / "a.lprtake", SMALL, frames, precision=precision)
    take = open_take(path, SMALL)
    assert len(take) == len(frames) and take.complete
    for row, frame in enumerate(frames):
        same(frame, take, row, 0.005 if precision == "half" else 1e-30)


def test_a_face_takes_six_bytes_a_vertex_and_is_exact_to_a_twentieth_of_a_millimetre(tmp_path: Path) -> None:
    topology = load_topology()
    frames = [shaken(topology, index) for index in range(5)]
    path = write_take(tmp_path / "a.lprtake", topology, frames)
    assert (path / "frames.bin").stat().st_size < 5 * (6 * len(topology.cells) + 400)
    take = open_take(path)
    worst = max(np.linalg.norm(take.canonical(i) - f.canonical, axis=1).max() for i, f in enumerate(frames))
    assert 10 * worst < 0.05
    np.testing.assert_allclose(take.landmarks_image(2), topology.landmarks(take.vertices_image(2)), atol=0.01)


def test_a_face_far_from_the_mean_keeps_its_precision(tmp_path: Path) -> None:
    frame = shaken(SMALL, 0)
    far = dataclasses.replace(frame, canonical=frame.canonical + np.float32(50.123))
    take = open_take(write_take(tmp_path / "a.lprtake", SMALL, [far]), SMALL)
    np.testing.assert_array_equal(take.canonical(0), far.canonical)


def test_reading_one_frame_needs_the_memory_of_one_frame(tmp_path: Path) -> None:
    topology = load_topology()
    path = write_take(tmp_path / "a.lprtake", topology, (shaken(topology, index) for index in range(40)))
    bytes_a_frame = 12 * len(topology.cells)
    tracemalloc.start()
    take = open_take(path)
    for row in range(len(take)):
        take.canonical(row)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * bytes_a_frame


def test_frames_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with TakeWriter.create(tmp_path / "a.lprtake", header(SMALL), SMALL) as writer:
        writer.add(shaken(SMALL, 3))
        good = shaken(SMALL, 4)
        for wrong in (shaken(SMALL, 3), dataclasses.replace(good, canonical=good.canonical[:5]),
                      dataclasses.replace(good, canonical=good.canonical * np.nan),
                      *(dataclasses.replace(good, time_s=time_s)
                        for time_s in (np.inf, np.nan, 0.0, shaken(SMALL, 3).time_s)),
                      dataclasses.replace(good, state=bytes(10**6))):
            with pytest.raises(ValueError, match="frame"):
                writer.add(wrong)
        writer.add(good)
    assert open_take(tmp_path / "a.lprtake", SMALL).index.tolist() == [3, 4]


def test_a_take_is_never_overwritten(take_dir: Path, tmp_path: Path) -> None:
    before = (take_dir / "frames.bin").read_bytes()
    with pytest.raises(OutputError, match=r"a\.lprtake: there is a take of this name; go on with --resume"):
        TakeWriter.create(take_dir, header(SMALL), SMALL)
    assert (take_dir / "frames.bin").read_bytes() == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    (tmp_path / "file").touch()
    for name in ("photos", "file", "file/in.lprtake"):
        with pytest.raises(OutputError, match=name):
            TakeWriter.create(tmp_path / name, header(SMALL), SMALL)
    assert os.listdir(tmp_path / "photos") == ["me.jpg"]


def test_what_is_no_take_is_named(tmp_path: Path) -> None:
    (tmp_path / "file.lprtake").touch()
    (tmp_path / "empty.lprtake").mkdir()
    for name, cause in (("missing", "no such take"), ("file.lprtake", "a file"), ("empty.lprtake", "no header.json"),
                        ("x\0y", "cannot be read|no such")):
        for read in (open_take, TakeWriter.resume):
            with pytest.raises(TakeError, match=cause) as caught:
                read(tmp_path / name)
            assert "\n" not in str(caught.value)


def rewrite(take_dir: Path, **changes) -> None:
    path = take_dir / "header.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_newer_take_asks_for_an_update(take_dir: Path) -> None:
    rewrite(take_dir, format=2)
    for read in (open_take, TakeWriter.resume):
        with pytest.raises(TakeError, match=r"a\.lprtake: a take of format 2, newer than the 1 .* update"):
            read(take_dir, SMALL)


def test_a_take_of_another_topology_names_both(take_dir: Path) -> None:
    rewrite(take_dir, topology={"name": "prnet", "sha256": "ab" * 32})
    with pytest.raises(TakeError, match=r"'prnet' \(abababab\), not of 'ict-128' \(" + SMALL.sha256[:8]):
        open_take(take_dir, SMALL)
    rewrite(take_dir, topology={"name": SMALL.name, "sha256": SMALL.sha256})
    with pytest.raises(TakeError, match=r"frames\.bin"):            # the header alone does not make it fit
        open_take(take_dir)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000, b"{}" + bytes(MAX_BYTES),
                                  b'{"format": true}', b'{"format": 0}', b'{"format": 1}'])
def test_a_header_of_anything_is_an_error_in_one_sentence(take_dir: Path, text: bytes) -> None:
    (take_dir / "header.json").write_bytes(text)
    with pytest.raises(TakeError, match=r"a\.lprtake") as caught:
        open_take(take_dir, SMALL)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("change", [
    {"size": [1]}, {"size": [1, -1]}, {"size": [1.5, 2]}, {"size": [2**40, 1]}, {"fps": float("inf")}, {"fps": "25"},
    {"fps": -1}, {"precision": "double"}, {"topology": {}}, {"weights": 3}, {"created": 5}, {"source": None}])
def test_a_header_with_impossible_values_is_refused(take_dir: Path, change: dict) -> None:
    rewrite(take_dir, **change)
    with pytest.raises(TakeError, match=r"header\.json: damaged"):
        open_take(take_dir, SMALL)


def test_a_header_with_more_than_is_known_is_read(take_dir: Path) -> None:
    rewrite(take_dir, colour="red")
    assert len(open_take(take_dir, SMALL)) == 10


def test_a_frame_of_tracking_becomes_a_frame_of_the_take(tmp_path: Path) -> None:
    face, state = mean_face(20, 5, -3), TrackState(names=1, time_s=0.4)
    seen = FrameResult(10, 0.4, (480, 480), {1: face}, False, 1, state)
    broken = dataclasses.replace(face, vertices_canonical=face.vertices_canonical * np.nan)
    frames = [take_frame(seen), take_frame(dataclasses.replace(seen, index=11, time_s=0.44, faces={})),
              take_frame(dataclasses.replace(seen, index=12, time_s=0.48, faces={1: broken})),
              take_frame(dataclasses.replace(seen, index=13, time_s=0.52, faces={1: broken, 2: face}), identity=2)]
    take = open_take(write_take(tmp_path / "a.lprtake", load_topology(), frames))
    assert take.valid.tolist() == [True, False, False, True]
    np.testing.assert_allclose(take.vertices_image(0), face.vertices_image, atol=0.05)
    assert take.state(1) == state.to_bytes()
    with pytest.raises(ValueError, match="no face"):
        take.canonical(1)
