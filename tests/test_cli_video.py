"""What a user of `lprnet video` may rely on, above all when something goes wrong in the middle."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference_core.cli import main
from inference_core.cli import video as video_command
from inference_core.cli.progress import progress_text
from inference_core.frames import Frame
from inference_core.overlay_video import playable
from inference_core.take import TakeFrame, TakeWriter, open_take
from inference_core.take_header import FRAMES
from inference_core.tracking import TrackOptions
from inference_core.video import VideoOptions, capture_video, rising

REPOSITORY = Path(__file__).resolve().parent.parent
COUNT, RATE = 90, 30


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))
    return shipped_weights


def write_clip(path: Path, pictures, size: int = 240) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    return path


def pictures(head: np.ndarray, count: int = COUNT):
    """The portrait moving slowly; dark from two fifths to a half."""
    for number in range(count):
        shift = np.float32([[1, 0, 4 * np.sin(number / 9)], [0, 1, 3 * np.cos(number / 7)]])
        moved = cv2.warpAffine(head, shift, head.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        yield moved // 40 if 0.4 <= number / count < 0.5 else moved


@pytest.fixture(scope="module")
def clip(head, tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures(head))


def run(*arguments: str | Path) -> int:
    """Exit code, whichever way the command ends."""
    try:
        return main(["video", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


def frames_of(take: Path) -> bytes:
    return (take / FRAMES).read_bytes()


@pytest.fixture(scope="module")
def whole(clip, shipped_weights, tmp_path_factory) -> Path:
    take = tmp_path_factory.mktemp("takes") / "whole.lprtake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LPRNET_WEIGHTS", str(shipped_weights))
        assert run(clip, "-o", take) == 0
    return take


def test_a_clip_becomes_a_take_with_its_own_stamps_and_honest_losses(whole: Path) -> None:
    take = open_take(whole)
    assert take.complete and np.array_equal(take.index, np.arange(COUNT))
    assert np.allclose(take.time_s, np.arange(COUNT) / RATE, atol=1e-3)
    assert take.valid[:30].all() and not take.valid[38:44].any() and take.valid[-20:].all()
    assert take.header.fps == RATE and take.header.size == (240, 240) and take.header.track["face"] == 1


def test_it_says_what_came_of_it(clip: Path, tmp_path: Path, capsys) -> None:
    assert run(clip, "-o", tmp_path / "a.lprtake", "--end", "1") == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "a.lprtake") and err.startswith("lprnet: 30 frames, 0 lost (0.0 %), ")


def test_a_part_of_the_clip_and_every_nth_frame(clip: Path, tmp_path: Path) -> None:
    assert run(clip, "-o", tmp_path / "a.lprtake", "--start", "0.5", "--end", "1", "--every", "4") == 0
    take = open_take(tmp_path / "a.lprtake")
    assert list(take.index) == [15, 19, 23, 27] and take.header.fps == RATE / 4


def test_the_overlay_shows_every_frame(clip: Path, tmp_path: Path, capsys) -> None:
    overlay = tmp_path / "seen.mp4"
    assert run(clip, "-o", tmp_path / "a.lprtake", "--overlay", overlay, "--start", "1") == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "a.lprtake"), str(overlay)]
    with av.open(str(overlay)) as seen, av.open(str(clip)) as shot:
        drawn = [frame.to_ndarray(format="rgb24") for frame in seen.decode(video=0)]
        plain = [frame.to_ndarray(format="rgb24") for frame in shot.decode(video=0)]
    assert len(drawn) == COUNT - 30
    assert np.abs(drawn[-1].astype(int) - plain[-1])[60:200, 60:200].mean() > 4
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(("rate", "played"), [(29.97002997, 29.97002997), (66.6667, 66.67), (119.8801, 119.88), (239.9765, 239.98),
                                              (1000.04, 1000.0), (70000.0, 65535)])
def test_a_rate_that_the_codec_cannot_count_becomes_the_nearest(tmp_path: Path, rate: float, played: float) -> None:
    assert playable(rate) == pytest.approx(played)
    path = str(tmp_path / "a.mp4")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), playable(rate), (64, 48))
    assert writer.isOpened()
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    with av.open(path) as video:
        assert float(video.streams.video[0].average_rate) == pytest.approx(rate, rel=1e-3) or rate > 65535


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_ten_times_and_resumed_the_take_is_the_same_bit_for_bit(clip: Path, whole: Path, tmp_path: Path,
                                                                       shipped_weights: Path) -> None:
    take, rng = tmp_path / "a.lprtake", random.Random(7)
    environment = {**os.environ, "LPRNET_WEIGHTS": str(shipped_weights)}
    command = [sys.executable, "-m", "inference_core", "video", str(clip), "-o", str(take), "--resume"]
    for number in range(10):
        enough = (number + 1) * len(frames_of(whole)) // 12 + rng.randrange(50_000)
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE)
        while process.poll() is None and (not (take / FRAMES).exists() or (take / FRAMES).stat().st_size < enough):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        so_far = open_take(take)
        assert not so_far.complete and len(so_far) > number
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(whole)


@pytest.mark.parametrize("rows", [0, 1, 17, 40, 46])
def test_wherever_it_stopped_a_resume_ends_the_same(clip: Path, whole: Path, tmp_path: Path, rows: int) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "a.lprtake"))
    place = int(open_take(whole).table["place"][rows])
    (take / FRAMES).write_bytes(frames_of(whole)[:place + 100])           # and a torn record
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(whole)


def test_a_resume_knows_its_options(clip: Path, tmp_path: Path, capsys) -> None:
    options = ("--start", "0.3", "--every", "2")
    assert run(clip, "-o", tmp_path / "a.lprtake", *options) == 0
    take = Path(shutil.copytree(tmp_path / "a.lprtake", tmp_path / "b.lprtake"))
    (take / FRAMES).write_bytes(frames_of(take)[:400_000])
    assert run(clip, "-o", take, "--resume", "--every", "3") == 2
    assert "the option every is not the same: 2 then, 3 now" in capsys.readouterr().err
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(tmp_path / "a.lprtake")
    assert run(clip, "-o", take, "--resume") == 0
    assert "complete before" in capsys.readouterr().err


def test_a_take_begun_elsewhere_goes_on_with_all_its_options(clip: Path, tmp_path: Path) -> None:
    """As with two threads in Blender, or from Python, which the command has no option for."""
    take, track = tmp_path / "a.lprtake", TrackOptions(threads=2, passes=2, crop=0.5)
    capture_video(clip, take, VideoOptions(track=track))
    whole, rows = frames_of(take), len(frames_of(take)) // 2
    (take / FRAMES).write_bytes(whole[:rows])
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == whole


@pytest.mark.parametrize("left", [(), (".header-x1.json",), ("header.json",)])
def test_a_capture_killed_in_its_first_moment_begins_anew(clip: Path, whole: Path, tmp_path: Path, left) -> None:
    take = tmp_path / "a.lprtake"
    take.mkdir()
    for name in left:
        source = whole / name
        (take / name).write_bytes(source.read_bytes() if source.exists() else b"{")
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(whole)


def test_a_folder_of_other_things_is_not_resumed(clip: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.lprtake").mkdir()
    (tmp_path / "a.lprtake" / "notes.txt").write_text("mine")
    assert run(clip, "-o", tmp_path / "a.lprtake", "--resume") == 2
    assert "not a take" in capsys.readouterr().err


def changed_header(whole: Path, take: Path, change) -> Path:
    """A stopped copy of a take whose header was changed."""
    take = Path(shutil.copytree(whole, take))
    (take / FRAMES).write_bytes(frames_of(take)[:400_000])
    values = json.loads((take / "header.json").read_text())
    change(values)
    (take / "header.json").write_text(json.dumps(values))
    return take


@pytest.mark.parametrize("part, value, said", [("decoder", "0" * 64, "the network's decoder"),
                                               ("detector", "0" * 64, "the detector"),
                                               ("crop_scale", 1.9, "the network's crop")])
def test_other_parts_of_the_network_do_not_go_on_in_a_take(clip: Path, whole: Path, tmp_path: Path, capsys, part, value,
                                                           said) -> None:
    take = changed_header(whole, tmp_path / "a.lprtake", lambda values: values["weights"].update({part: value}))
    before = frames_of(take)
    assert run(clip, "-o", take, "--resume") == 2
    assert f"{said} is not the same" in capsys.readouterr().err and frames_of(take) == before


@pytest.mark.parametrize(("part", "key", "value"), [
    ("track", "engine", ["litert"]), ("track", "weights", None), ("track", "face", 1.5), ("track", "threads", "1"),
    ("track", "all_faces", 0), ("track", "crop", [1]), ("track", "unheard", 1), ("source", "every", 1.5),
    ("source", "every", None)])
def test_a_header_with_options_of_another_kind_is_refused_in_a_sentence(clip: Path, whole: Path, tmp_path: Path, capsys,
                                                                        part, key, value) -> None:
    take = changed_header(whole, tmp_path / "a.lprtake", lambda values: values[part].update({key: value}))
    before = frames_of(take)
    assert run(clip, "-o", take, "--resume") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(take) in error and key in error and frames_of(take) == before


def test_a_take_whose_time_is_not_that_of_the_clip_does_not_go_on(clip: Path, whole: Path, tmp_path: Path,
                                                                  capsys) -> None:
    take = tmp_path / "a.lprtake"
    shutil.copytree(whole, take)
    (take / FRAMES).unlink()
    with TakeWriter.resume(take) as writer:
        writer.add(TakeFrame(0, 0.0))
        writer.add(TakeFrame(1, 5e8))
        writer.close(finished=False)
    before = frames_of(take)
    assert run(clip, "-o", take, "--resume") == 2
    error = capsys.readouterr().err
    assert "ends at 500000000.000 s" in error and error.count("\n") == 1 and frames_of(take) == before


def test_frames_that_a_slow_clock_gives_one_time_follow_one_another() -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    frames = [Frame(picture, time_s, index) for index, time_s in enumerate((0.0, 0.0, 0.0, 0.016))]
    assert [frame.time_s for frame in rising(frames)] == pytest.approx([0, 0.001, 0.002, 0.016])
    assert [frame.index for frame in rising(frames)] == [0, 1, 2, 3]


def test_a_take_made_before_is_read_and_resumed(clip: Path, whole: Path, tmp_path: Path) -> None:
    def older(values: dict) -> None:
        values["weights"] = {key: values["weights"][key] for key in ("name", "sha256")}
        values["source"]["fps"] = values["source"].pop("asked_fps")

    take = changed_header(whole, tmp_path / "a.lprtake", older)
    assert run(clip, "-o", take, "--resume") == 0 and frames_of(take) == frames_of(whole)


def test_the_take_tells_the_rate_of_its_source(whole: Path) -> None:
    source = open_take(whole).header.source
    assert source["fps"] == pytest.approx(RATE) and source["asked_fps"] is None


def test_another_clip_does_not_go_on_in_a_take(head, whole: Path, tmp_path: Path, capsys) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(head, 20))
    before = frames_of(whole)
    assert run(other, "-o", whole, "--resume") == 2
    assert "the clip is not the same" in capsys.readouterr().err and frames_of(whole) == before


def test_ctrl_c_keeps_what_was_captured_and_says_how_to_go_on(clip: Path, whole: Path, tmp_path: Path, monkeypatch,
                                                              capsys) -> None:
    from inference_core import tracking
    track, count = tracking.track, 0

    def stopped(*arguments):
        nonlocal count
        count += 1
        if count > 25:
            raise KeyboardInterrupt
        return track(*arguments)

    take = tmp_path / "my clip.lprtake"
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "track", stopped)
        assert run(clip, "-o", take) == 130
    err = capsys.readouterr().err
    assert "keeps its 25 frames" in err and f"lprnet video {clip} -o '{take}' --resume" in err
    assert len(open_take(take)) == 25
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(whole)


def test_a_clip_that_is_cut_off_keeps_the_frames_before(clip: Path, tmp_path: Path, capsys) -> None:
    moved = tmp_path / "cut.mp4"
    with_index_first(clip, moved)
    moved.write_bytes(moved.read_bytes()[:moved.stat().st_size * 2 // 3])
    take = tmp_path / "a.lprtake"
    assert run(moved, "-o", take) == 2
    err = capsys.readouterr().err.strip()
    frames = len(open_take(take))
    assert "cut off" in err and f"holds the {frames} frames before" in err and "\n" not in err
    assert 10 < frames < COUNT


def with_index_first(source: Path, target: Path) -> None:
    """The index before the pictures, as in clips from the web."""
    with av.open(str(source)) as clip, av.open(str(target), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be limited in size there")
def test_a_full_disk_keeps_what_fits_and_a_resume_goes_on(clip: Path, whole: Path, tmp_path: Path,
                                                          shipped_weights: Path) -> None:
    take = tmp_path / "a.lprtake"
    code = ("import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)); "
            "from inference_core.cli import main; sys.exit(main(sys.argv[1:]))")
    done = subprocess.run([sys.executable, "-c", code, "video", clip, "-o", take], cwd=REPOSITORY, check=False,
                          timeout=60, env={**os.environ, "LPRNET_WEIGHTS": str(shipped_weights)}, capture_output=True, text=True)
    assert done.returncode == 1 and "nothing more can be written" in done.stderr and "--resume" in done.stderr
    assert "Traceback" not in done.stderr and 5 < len(open_take(take)) < 30
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == frames_of(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be limited in size there")
@pytest.mark.parametrize("limit", [1_000, 12_000, 200_000])
def test_an_overlay_that_does_not_fit_on_the_disk_is_said_and_replaces_nothing(clip: Path, whole: Path, tmp_path: Path,
                                                                               limit: int) -> None:
    overlay = tmp_path / "seen.mp4"
    overlay.write_bytes(b"an earlier one")
    code = ("import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
            "from inference_core import open_take\nfrom inference_core.errors import OutputError\n"
            "from inference_core.overlay_video import write_overlay\n"
            "try: write_overlay(sys.argv[2], open_take(sys.argv[3]), sys.argv[4])\n"
            "except OutputError as error: sys.exit(str(error))")
    done = subprocess.run([sys.executable, "-c", code, str(limit), clip, whole, overlay], cwd=REPOSITORY, check=False,
                          timeout=60, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{overlay}: the video could not be written; is the disk full")
    assert done.stderr.count("\n") == 1
    assert overlay.read_bytes() == b"an earlier one" and list(tmp_path.iterdir()) == [overlay]


@pytest.mark.parametrize("data", [b"", b"no video", b"\0\0\0\x18ftypmp42" + b"\0" * 200])
def test_what_is_no_video_leaves_no_take(tmp_path: Path, data: bytes, capsys) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    assert run(bad, "-o", tmp_path / "a.lprtake") == 2
    err = capsys.readouterr().err.strip()
    assert "bad.mp4" in err and "\n" not in err and [p.name for p in tmp_path.iterdir()] == ["bad.mp4"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode here")
def test_a_folder_of_pictures_whose_name_is_no_unicode_becomes_a_take_like_any_other(head, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), head[..., ::-1])
        (tmp_path / f"{number}.png").rename(folder / f"{number}.png")
    assert run(folder, "-o", tmp_path / "a.lprtake") == 0
    take = open_take(tmp_path / "a.lprtake")
    assert take.complete and len(take) == 3 and os.path.samefile(take.header.source["name"], folder)
    assert run(folder, "-o", tmp_path / "a.lprtake", "--resume") == 0


def test_a_part_that_is_not_there_leaves_no_take(clip: Path, tmp_path: Path, capsys) -> None:
    assert run(clip, "-o", tmp_path / "a.lprtake", "--start", "60") == 2
    assert "no frame from 60 s on" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_clip_without_a_face_is_said_to_have_none(tmp_path: Path, capsys) -> None:
    dark = write_clip(tmp_path / "dark.mp4", [np.full((240, 240, 3), 8, np.uint8)] * 12)
    assert run(dark, "-o", tmp_path / "a.lprtake") == 2
    assert "no face was seen in any of its 12 frames" in capsys.readouterr().err
    assert open_take(tmp_path / "a.lprtake").complete


def test_a_take_is_never_overwritten(clip: Path, whole: Path, capsys) -> None:
    before = frames_of(whole)
    assert run(clip, "-o", whole) == 1
    assert "--resume" in capsys.readouterr().err and frames_of(whole) == before


@pytest.mark.parametrize(("arguments", "cause"), [
    (["-o", "x.mp4"], "name ends in .lprtake"), (["-o", "x.lprtake", "--overlay", "x.avi"], "written as .mp4"),
    (["-o", "x.lprtake", "--start", "-1"], "cannot start at -1"), (["-o", "x.lprtake", "--start", "2", "--end", "1"],
                                                                   "cannot end at 1"),
    (["-o", "x.lprtake", "--every", "0"], "give 1 or more"), (["-o", "x.lprtake", "--face", "0"], "there is no face 0"),
    (["-o", "x.lprtake", "--start", "nan"], "cannot start"),
    (["-o", "no/x.lprtake", "--overlay", "no/x.mp4"], "no/x.mp4"),
    ([], "-o")])
def test_wrong_options_are_explained_before_anything_is_written(clip: Path, tmp_path: Path, monkeypatch, capsys,
                                                                arguments, cause) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(clip, *arguments) in (1, 2)
    assert cause in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_the_clip_is_never_overwritten_by_its_overlay(clip: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(clip, tmp_path / "c.mp4"))
    assert run(copy, "-o", tmp_path / "a.lprtake", "--overlay", copy) == 2
    if not (tmp_path / "C.mp4").exists():           # a file system without capitals answers to both names
        os.link(copy, tmp_path / "C.mp4")
    assert run(copy, "-o", tmp_path / "a.lprtake", "--overlay", tmp_path / "C.mp4") == 2
    assert copy.read_bytes() == (tmp_path / "C.mp4").read_bytes() == clip.read_bytes()
    assert not (tmp_path / "a.lprtake").exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode here")
def test_an_overlay_whose_name_is_no_unicode_is_refused_before_the_work(clip: Path, tmp_path: Path,
                                                                        capsysbinary, monkeypatch) -> None:
    assert run(clip, "-o", tmp_path / "a.lprtake", "--overlay", tmp_path / os.fsdecode(b"caf\xe9.mp4")) == 1
    (folder := tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    monkeypatch.chdir(folder)
    assert run(clip, "-o", "a.lprtake", "--overlay", "a.mp4") == 1
    assert list(folder.iterdir()) == [] and list(tmp_path.iterdir()) == [folder]
    capsysbinary.readouterr()           # raw bytes, which would not get through between the processes of the tests


def test_progress_says_how_far_how_fast_and_how_long_still() -> None:
    half = "[############............] 50/100 frames, 25 fps, 3 lost, 2 s left"
    assert progress_text(50, 100, 25.0, "3 lost") == half
    assert progress_text(7, None, 3.4) == "7 frames, 3 fps"
    assert progress_text(12, 10, 5.0).endswith("12/12 frames, 5 fps, 0 s left")


def test_every_option_of_the_part_and_the_tracker_is_checked_on_a_resume() -> None:
    from dataclasses import fields

    from inference_core.frames import FrameOptions
    assert set(video_command.FRAMES) == {field.name for field in fields(FrameOptions)}
    assert set(video_command.TRACK) <= {field.name for field in fields(TrackOptions)}


def test_a_careful_capture_sees_the_same_faces_and_resumes_as_such(clip: Path, whole: Path, tmp_path: Path, capsys) -> None:
    take = tmp_path / "a.lprtake"
    assert run(clip, "-o", take, "--end", "0.5", "--careful") == 0
    careful, once = open_take(take), open_take(whole)
    assert careful.header.track["careful"] is True and once.header.track["careful"] is False
    assert np.array_equal(careful.valid, once.valid[:len(careful)]) and careful.valid.sum() > 5
    for row in np.flatnonzero(careful.valid):
        away = np.abs(careful.landmarks_image(row) - once.landmarks_image(row))[:, :2].mean()
        assert 0 < away < 2
    whole_frames = frames_of(take)
    (take / FRAMES).write_bytes(whole_frames[:len(whole_frames) // 2])
    assert run(clip, "-o", take, "--resume") == 0
    assert frames_of(take) == whole_frames


def test_a_take_from_before_careful_captures_is_gone_on_with(clip: Path, whole: Path, tmp_path: Path) -> None:
    def without(values: dict) -> None:
        del values["track"]["careful"]

    take = changed_header(whole, tmp_path / "a.lprtake", without)
    assert run(clip, "-o", take, "--resume") == 0 and frames_of(take) == frames_of(whole)
