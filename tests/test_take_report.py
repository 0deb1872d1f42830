"""What `lprnet info TAKE` says and draws is what was acted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from takes import FPS, acted, header, take_of_any_stamps, write_take

from inference_core.cli import main
from inference_core.errors import TakeError
from inference_core.images import read_image
from inference_core.take import TakeFrame, TakeWriter, open_take
from inference_core.take_measures import blinks_in, measure
from inference_core.take_plot import BLINK, LEFT, LOST, RIGHT, WIDTH
from inference_core.take_report import plot, report
from inference_core.topology import load_topology

TOPOLOGY = load_topology()
LOST_FRAMES = (*range(30, 36), 80)
TIMES = np.arange(100) / FPS


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six seconds, four blinks, two gaps."""
    path = tmp_path_factory.mktemp("takes") / "a.lprtake"
    return write_take(path, TOPOLOGY, (acted(TOPOLOGY, index, LOST_FRAMES) for index in range(150)))


@pytest.fixture(scope="module")
def found(folder) -> dict:
    return report(open_take(folder))


def written(path: Path, frames) -> Path:
    return write_take(path / "b.lprtake", TOPOLOGY, frames)


def test_frames_gaps_and_time(found) -> None:
    assert (found["frames"], found["frames_lost"], found["complete"]) == (150, 7, True)
    assert (found["fps"], found["duration_s"], found["size"]) == (25.0, 6.0, [640, 480])
    assert found["gaps"] == [{"first": 30, "last": 35, "start_s": 1.2, "duration_s": 0.24},
                             {"first": 80, "last": 80, "start_s": 3.2, "duration_s": 0.04}]


def test_the_head_turns_and_mouth_and_eyes_open_as_acted(found) -> None:
    yaw = found["yaw_deg"]
    assert (yaw["least"], yaw["most"]) == (pytest.approx(-25, abs=0.1), pytest.approx(25, abs=0.1))
    assert found["roll_deg"] == {"mean": 4, "least": 4, "most": 4}
    mouth = found["mouth_opening_mm"]
    assert mouth["most"] - mouth["least"] == pytest.approx(15, abs=0.2)
    for side in ("left", "right"):
        eye = found[f"{side}_eye_opening_mm"]
        assert abs(eye["least"]) < 0.1 and 8 < eye["most"] < 10
    assert 0.76 < found["confidence_low"] < found["confidence"] < 0.97


def test_every_blink_is_counted_where_it_is(found) -> None:
    truth = (0.6 + np.arange(4)) * 1.5
    assert found["blink_count"] == len(found["blinks"]) == 4
    for blink, time_s in zip(found["blinks"], truth):
        assert blink["first"] / FPS - 0.04 <= time_s <= blink["last"] / FPS + 0.04


def test_jitter_is_the_noise_of_a_frame(tmp_path) -> None:
    still, rng = acted(TOPOLOGY, 0), np.random.default_rng(0)
    sigma_cm = 0.01
    frames = [dataclasses.replace(still, index=i, time_s=i / FPS, canonical=still.canonical + rng.normal(
        0, sigma_cm, still.canonical.shape).astype(np.float32)) for i in range(40)]
    eyes = TOPOLOGY.landmarks(still.canonical)[[36, 45]]
    expected = 100 * np.sqrt(3) * sigma_cm / np.linalg.norm(eyes[0] - eyes[1])
    assert report(open_take(written(tmp_path, frames)))["jitter"] == pytest.approx(expected, rel=0.05)


def dips(*moments: tuple[float, float, float]) -> np.ndarray:
    """(100,) an opening of 9 mm that at each moment falls by a share for so many seconds."""
    out = np.full(100, 9.0)
    for at, share, lasting in moments:
        out[np.abs(TIMES - at) <= lasting / 2] *= 1 - share
    return out


@pytest.mark.parametrize(("left", "right", "count"), [
    (dips(), dips(), 0), (dips((1, 0.9, 0.15)), dips((1, 0.7, 0.15)), 1),
    (dips((1, 0.9, 0.15), (1.3, 0.9, 0.1)), dips((1, 0.9, 0.15), (1.3, 0.9, 0.1)), 2),
    (dips((1, 0.9, 0.15)), dips(), 0),                                  # a wink
    (dips((2, 0.9, 1.5)), dips((2, 0.9, 1.5)), 0),                      # eyes at rest
    (dips((1, 0.4, 0.15)), dips((1, 0.4, 0.15)), 0),                    # narrowed
    (dips((0, 0.9, 0.2)), dips((0, 0.9, 0.2)), 0), (dips((4, 0.9, 0.2)), dips((4, 0.9, 0.2)), 0)])      # cut off
def test_what_a_blink_is(left, right, count) -> None:
    assert len(blinks_in(np.stack([left, right], 1), TIMES)) == count


def test_a_blink_that_a_gap_cuts_is_not_counted() -> None:
    opening = dips((1, 0.9, 0.2))
    opening[25] = np.nan
    assert blinks_in(np.stack([opening, opening], 1), TIMES) == []


@pytest.mark.parametrize("frames", [
    [], [TakeFrame(0, 0.0)], [TakeFrame(i, i / FPS) for i in range(5)], [acted(TOPOLOGY, 0)],
    [dataclasses.replace(acted(TOPOLOGY, i), time_s=7.0) for i in range(4)],
    [dataclasses.replace(acted(TOPOLOGY, i), time_s=-float(i)) for i in range(4)]],
    ids=["empty", "one lost", "all lost", "one", "stamps that stand", "stamps that fall"])
def test_takes_of_any_kind_are_reported_and_drawn(tmp_path, frames) -> None:
    take = open_take(take_of_any_stamps(tmp_path / "b.lprtake", TOPOLOGY, frames))
    found = json.loads(json.dumps(report(take), allow_nan=False))
    assert found["frames"] == len(frames) and found["blink_count"] == 0 and found["duration_s"] >= 0
    assert (found["confidence"] is None) == (not take.valid.any())
    assert plot(take).shape[1:] == (WIDTH, 3)


def test_the_plot_shades_gaps_and_marks_blinks(folder) -> None:
    take = open_take(folder)
    image = plot(take).astype(int)
    shaded = (np.abs(image - LOST).sum(2) < 12).sum(0) > 200
    at = lambda row: LEFT + (WIDTH - LEFT - RIGHT) * take.time_s[row] / take.time_s[-1]       # noqa: E731
    assert shaded[int(at(29)) + 2:int(at(36)) - 1].all() and shaded[int(at(79)) + 2:int(at(81)) - 1].all()
    assert not shaded[:int(at(29)) - 2].any() and not shaded[int(at(36)) + 2:int(at(79)) - 2].any()
    marks = np.abs(image - BLINK).sum(2) < 12
    for first, last in measure(take).blinks:
        x = int((at(first) + at(last)) / 2)
        assert marks[:, x - 1:x + 2].any()


def test_the_command_tells_people_and_programs(folder, tmp_path, capsys) -> None:
    assert main(["info", str(folder)]) == 0
    text = capsys.readouterr().out
    for part in ("clip.mp4: 150 frames at 25 a second, 6.00 s, 640 x 480 pixels", "frames without a face: 7",
                 "yaw: -25.0 to 25.0 degrees", "blinks: 4"):
        assert part in text
    assert main(["info", str(folder), "--json", "--plot", str(tmp_path / "a.png")]) == 0
    got = json.loads(capsys.readouterr().out)
    assert {"frames", "frames_lost", "gaps", "fps", "confidence", "jitter"} <= set(got)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), plot(open_take(folder)))


def test_a_take_can_be_looked_at_as_smoothed(folder, capsys) -> None:
    assert main(["info", str(folder), "--json", "--smooth", "1"]) == 0
    got = json.loads(capsys.readouterr().out)
    assert got["frames_lost"] == 0 and got["blink_count"] == 4          # short gaps are filled in


def test_a_take_that_was_stopped_says_so(tmp_path, capsys) -> None:
    writer = TakeWriter.create(tmp_path / "c.lprtake", header(TOPOLOGY), TOPOLOGY)
    writer.add(acted(TOPOLOGY, 0))
    writer.close(finished=False)
    assert main(["info", str(tmp_path / "c.lprtake")]) == 0
    said = capsys.readouterr()
    assert "not captured to the end" in said.out and "not finished" in said.err


@pytest.mark.parametrize(("arguments", "words"), [
    (["nothing.lprtake"], "nothing.lprtake: there is no such take"), (["--smooth", "1"], "name one"),
    (["a.lprtake", "--plot", "a.jpg"], "written as .png"),
    (["TAKE", "--plot", "missing/a.png"], "missing/a.png: cannot be"),
    (["TAKE", "--smooth", "99"], "cannot be 99"), (["TAKE", "--smooth", "nan"], "cannot be nan")])
def test_what_cannot_be_done_is_said_in_a_sentence(folder, capsys, arguments, words) -> None:
    try:
        code = main(["info", *(str(folder) if word == "TAKE" else word for word in arguments)])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    assert code and said.out == "" and words in said.err and "Traceback" not in said.err


def test_numbers_that_no_head_has_are_refused(tmp_path, capsys) -> None:
    frame = acted(TOPOLOGY, 0)
    wild = dataclasses.replace(frame, pose=dataclasses.replace(frame.pose, rotation=1e200 * frame.pose.rotation))
    assert main(["info", str(written(tmp_path, [wild]))]) != 0
    said = capsys.readouterr()
    assert "b.lprtake: damaged or altered (frame 0 " in said.err and said.err.count("\n") == 1


def test_a_face_that_is_no_larger_than_a_point_is_refused(tmp_path, capsys) -> None:
    frames = [acted(TOPOLOGY, number) for number in range(3)]
    frames[1] = dataclasses.replace(frames[1], canonical=np.zeros_like(frames[1].canonical))
    path = written(tmp_path, frames)
    with pytest.raises(TakeError, match=r"b\.lprtake: frame 1 is damaged"):
        open_take(path).canonical(1)
    assert main(["info", str(path), "--smooth", "1"]) != 0
    said = capsys.readouterr()
    assert "frame 1 is damaged" in said.err and said.err.count("\n") == 1
