"""What a user may rely on when a video is read: every frame, at the time its container gives it, upright; and one
sentence where that cannot be."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from inference_core.errors import InputError, VideoError
from inference_core.frames import FrameOptions, open_frames
from inference_core.frames.container import read_container

pytest.importorskip("av", reason="PyAV writes the clips")
from written_clips import (HEIGHT, WIDTH, damaged, joined, number_in, numbered_picture, times_by_pyav,  # noqa: E402
                           with_edit, with_matrix, write_clip)

EVEN = [40 * number for number in range(50)]
UNEVEN = [*range(0, 800, 40), *range(800, 2000, 110), 2000, 3500, 3533]
FAST = {"preset": "ultrafast"}
B_FRAMES = {"preset": "veryfast", "bf": "3", "g": "12", "b-adapt": "0", "x264-params": "bframes=3:scenecut=0"}


def read(path: Path | str, **options) -> tuple[list[int], list[float], list[int]]:
    """Numbers that the frames show, their times, their indices."""
    with open_frames(path, FrameOptions(**options)) as frames:
        got = [(number_in(frame.image), frame.time_s, frame.index) for frame in frames]
    return tuple(map(list, zip(*got))) if got else ([], [], [])


def read_until_error(path: Path) -> tuple[list[int], str]:
    """Numbers of the frames before a VideoError, and its sentence; "" where none came."""
    numbers = []
    try:
        with open_frames(path) as frames:
            for frame in frames:
                numbers.append(number_in(frame.image))
    except VideoError as error:
        return numbers, str(error)
    return numbers, ""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """even.mp4: B-frames, constant rate; uneven.mkv: B-frames, variable rate."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "even.mp4", EVEN, **B_FRAMES)
    write_clip(folder / "uneven.mkv", UNEVEN, **B_FRAMES)
    return folder


@pytest.mark.parametrize(("name", "codec", "times", "options"), [
    ("b_frames.mp4", "libx264", EVEN, B_FRAMES),
    ("uneven.mp4", "libx264", UNEVEN, B_FRAMES),
    ("uneven.mkv", "libx264", UNEVEN, B_FRAMES),
    ("uneven.mov", "prores", UNEVEN, {}),
    ("uneven.webm", "libvpx", UNEVEN, {"deadline": "realtime"}),
    ("vp9.webm", "libvpx-vp9", EVEN[:20], {"deadline": "realtime", "cpu-used": "8"}),
    ("hevc.mp4", "libx265", EVEN[:20], {"preset": "ultrafast", "x265-params": "log-level=none"}),
    ("transport.ts", "libx264", EVEN, B_FRAMES),
    ("motion_jpeg.avi", "mjpeg", EVEN, {}),
    ("divx.avi", "mpeg4", EVEN, {}),
    ("b_frames.avi", "libx264", EVEN, B_FRAMES),
])
def test_every_frame_comes_once_in_order_at_the_time_its_container_gives(tmp_path, name, codec, times, options) -> None:
    path = write_clip(tmp_path / name, times, codec, **options)
    numbers, times_s, indices = read(path)
    assert numbers == indices == list(range(len(times)))
    assert times_s == pytest.approx(np.array(times) / 1000, abs=0.0011)
    if path.suffix != ".avi":                       # stamps packets, not pictures: there PyAV knows no better
        assert times_s == pytest.approx(times_by_pyav(path), abs=0.0006)


def test_an_edit_that_cuts_the_beginning_is_obeyed(tmp_path: Path) -> None:
    import av
    whole, cut = write_clip(tmp_path / "whole.mp4", EVEN, **B_FRAMES), tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                packet.pts, packet.dts = (value - round(0.2 / packet.time_base) for value in (packet.pts, packet.dts))
                output.mux(packet)
    numbers, times_s, _ = read(cut)
    assert numbers == list(range(5, 50))            # the first five are in the file, but not to be shown
    assert times_s == pytest.approx(np.arange(45) / 25, abs=0.001)


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 3)])
def test_a_clip_filmed_with_the_telephone_on_its_side_stands_upright(tmp_path, clips, matrix, turns) -> None:
    """The matrix of the track turns clockwise by quarter turns."""
    turned = with_matrix(tmp_path / "turned.mp4", clips / "even.mp4", matrix)
    with open_frames(turned) as frames:
        image = next(iter(frames)).image
        assert frames.info.size == image.shape[1::-1]
    assert np.abs(image.astype(int) - np.rot90(numbered_picture(0), -turns)).mean() < 6


@pytest.mark.parametrize(("matrix", "look"), [
    ((-1, 0, 0, 1), np.fliplr), ((1, 0, 0, -1), np.flipud), ((0, 1, 1, 0), lambda picture: picture.transpose(1, 0, 2)),
    ((0, -1, -1, 0), lambda picture: np.rot90(picture.transpose(1, 0, 2), 2)),
])
def test_a_clip_that_is_to_be_mirrored_is(tmp_path, clips, matrix, look) -> None:
    mirrored = with_matrix(tmp_path / "mirrored.mp4", clips / "even.mp4", matrix)
    with open_frames(mirrored) as frames:
        image = next(iter(frames)).image
        assert frames.info.size == image.shape[1::-1]
    assert np.abs(image.astype(int) - look(numbered_picture(0))).mean() < 6


@pytest.mark.parametrize(("name", "codec", "options"), [
    ("a.mp4", "libx264", FAST), ("a.mkv", "libx264", FAST), ("a.mp4", "mpeg4", {}), ("a.mov", "prores", {}),
])
@pytest.mark.parametrize(("aspect", "width"), [
    ((4, 3), 160), ((8, 9), 107), ((1, 1), 120), ((9, 1), 120), ((1, 9), 120),
])
def test_a_clip_stored_narrow_is_seen_as_wide_as_it_is_to_be_shown(tmp_path, name, codec, options, aspect, width):
    """Tapes store pixels that are no squares; what no camera does is not believed."""
    clip = write_clip(tmp_path / name, EVEN[:5], codec, (120, HEIGHT), aspect=aspect, **options)
    with open_frames(clip) as frames:
        images = [frame.image for frame in frames]
        assert frames.info.size == (width, HEIGHT)
    assert [image.shape for image in images] == [(HEIGHT, width, 3)] * 5
    expected = cv2.resize(numbered_picture(3, 120), (width, HEIGHT), interpolation=cv2.INTER_AREA)
    assert np.abs(images[3].astype(int) - expected).mean() < 8


@pytest.mark.parametrize(("size", "aspect"), [((854, 480), (1280, 1281)), ((640, 362), (543, 540))])
def test_a_clip_that_was_scaled_to_even_sizes_keeps_every_pixel(tmp_path, size, aspect) -> None:
    """ffmpeg's scale=-2:480 rounds the width, and says by how much."""
    clip = write_clip(tmp_path / "a.mp4", EVEN[:2], size=size, aspect=aspect, **FAST)
    with open_frames(clip) as frames:
        assert frames.info.size == size == next(iter(frames)).image.shape[1::-1]


@pytest.mark.parametrize(("matrix", "look"), [
    ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)), ((-1, 0, 0, -1), lambda picture: np.rot90(picture, 2)),
    ((0, 1, 1, 0), lambda picture: picture.transpose(1, 0, 2)),
])
def test_a_clip_stored_narrow_and_turned_is_stretched_before_it_is_turned(tmp_path, matrix, look) -> None:
    narrow = write_clip(tmp_path / "narrow.mp4", EVEN[:5], size=(120, HEIGHT), aspect=(4, 3), **FAST)
    with open_frames(with_matrix(tmp_path / "turned.mp4", narrow, matrix)) as frames:
        image = next(iter(frames)).image
        assert frames.info.size == image.shape[1::-1]
    expected = look(numbered_picture(0, 160))
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 8


def test_info_tells_what_the_container_claims(clips: Path) -> None:
    with open_frames(clips / "even.mp4") as frames:
        info = frames.info
    assert (info.kind, info.size, info.frames) == ("video", (WIDTH, HEIGHT), 50)
    assert info.name == str(clips / "even.mp4") and info.fps == pytest.approx(25, abs=0.1)
    assert len(info.sha256) == 64


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 3600), min_size=1, max_size=3, unique=True))
def test_parts_that_touch_give_every_frame_once(clips: Path, borders_ms: list[int]) -> None:
    borders = [0.0, *(border / 1000 for border in sorted(borders_ms)), None]
    numbers: list[int] = []
    for start_s, end_s in zip(borders, borders[1:]):
        try:
            part, times_s, indices = read(clips / "uneven.mkv", start_s=start_s, end_s=end_s)
        except VideoError as error:
            assert "no frame from" in str(error)
            continue
        assert part == indices
        assert times_s[0] >= start_s - 0.001 and (end_s is None or times_s[-1] < end_s)
        numbers += part
    assert numbers == list(range(len(UNEVEN)))


@pytest.mark.parametrize("every", [2, 7, 1000])
def test_every_nth_frame_keeps_its_number_and_its_time(clips: Path, every: int) -> None:
    numbers, times_s, indices = read(clips / "even.mp4", every=every, start_s=0.12)
    assert numbers == indices == list(range(3, 50, every))
    assert times_s == pytest.approx(np.array(numbers) / 25)


def test_frames_are_not_kept(clips: Path) -> None:
    alive = []
    with open_frames(clips / "even.mp4") as frames:
        for frame in frames:
            alive.append(weakref.ref(frame.image))
            del frame
            assert sum(image() is not None for image in alive) <= 1


def test_a_clip_without_stamps_goes_by_its_rate(tmp_path: Path) -> None:
    import av
    source, bare = write_clip(tmp_path / "a.mp4", EVEN, **FAST, bf="0"), tmp_path / "bare.h264"
    with av.open(str(source)) as clip, bare.open("wb") as file:
        bits = av.BitStreamFilterContext("h264_mp4toannexb", clip.streams.video[0])
        for packet in clip.demux(video=0):
            for changed in bits.filter(packet):
                file.write(bytes(changed))
    numbers, times_s, _ = read(bare)
    assert numbers == list(range(50))
    assert np.all(np.diff(times_s) > 0) and np.ptp(np.diff(times_s)) < 1e-6


@pytest.mark.parametrize(("codec", "options"), [
    ("libx264", B_FRAMES), ("libx264", {**FAST, "profile": "high444"}), ("libx264", {**FAST, "cqm": "jvt"}),
    ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}), ("mjpeg", {}),
    ("libvpx", {"deadline": "realtime"}), ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
])
@pytest.mark.parametrize("other", [(WIDTH, 2 * HEIGHT), (98, 66)])
def test_a_size_that_changes_midway_is_said_after_the_last_good_frame(tmp_path, codec, options, other) -> None:
    """OpenCV gives the last picture of the old size again and again, and says nothing."""
    ending = "webm" if "vpx" in codec else "avi" if codec == "mjpeg" else "ts"
    first = write_clip(tmp_path / f"first.{ending}", EVEN[:20], codec, **options)
    second = write_clip(tmp_path / f"second.{ending}", EVEN[:20], codec, other, **options)
    path = one_behind_the_other(tmp_path / f"both.{'mkv' if ending != 'ts' else 'ts'}", first, second)
    numbers, sentence = read_until_error(path)
    assert numbers == list(range(20))
    assert str(path) in sentence and f"from {WIDTH} x {HEIGHT} to" in sentence and "frame 20 (0.80 s)" in sentence
    assert codec == "libx265" or f"{other[0]} x {other[1]}" in sentence         # HEVC rounds up to its blocks


def one_behind_the_other(path: Path, *clips: Path) -> Path:
    """Their packets in one file."""
    if path.suffix == ".ts":
        return joined(path, *clips, step_s=0.8)
    import av
    with av.open(str(path), "w") as output:
        stream, start = None, 0
        for clip in clips:
            with av.open(str(clip)) as source:
                stream = stream or output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.stream = stream
                        shift = round(start / 1000 / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        output.mux(packet)
            start += 800
    return path


def test_a_codec_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "new.mp4", EVEN[:10], "libsvtav1", preset="13")
    try:
        numbers, _, _ = read(path)                  # some builds of OpenCV can
        assert numbers == list(range(10))
    except VideoError as error:
        assert str(path) in str(error) and "AV01" in str(error) and "convert" in str(error)


@pytest.mark.parametrize(("name", "codec", "options", "container"), [
    ("cut.mp4", "libx264", B_FRAMES, {"movflags": "faststart"}),
    ("fragments.mp4", "libx264", {**FAST, "g": "5"}, {"movflags": "frag_keyframe+empty_moov"}),
    ("cut.mkv", "libx264", B_FRAMES, {}),
    ("cut.webm", "libvpx", {"deadline": "realtime"}, {}),
    ("cut.avi", "mjpeg", {}, {}),
])
def test_a_file_cut_off_midway_gives_what_is_there_and_then_says_so(tmp_path, name, codec, options, container) -> None:
    path = write_clip(tmp_path / name, EVEN, codec, container=container, **options)
    data = path.read_bytes()
    path.write_bytes(data[:int(0.7 * len(data))])
    numbers, sentence = read_until_error(path)
    assert 10 < len(numbers) < 50 and numbers[:10] == list(range(10))
    assert str(path) in sentence and "cut off" in sentence and " s)" in sentence


def test_a_file_cut_off_before_its_index_says_so(tmp_path: Path, clips: Path) -> None:
    path = tmp_path / "copied_halfway.mp4"
    path.write_bytes((clips / "even.mp4").read_bytes()[:2000])
    numbers, sentence = read_until_error(path)
    assert numbers == [] and str(path) in sentence and "cut off" in sentence


def test_a_part_before_the_cut_is_whole(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mp4", EVEN, container={"movflags": "faststart"}, **B_FRAMES)
    data = path.read_bytes()
    path.write_bytes(data[:int(0.8 * len(data))])
    assert read(path, end_s=0.4)[0] == list(range(10))


LONG = [40 * number for number in range(200)]
KEYS = {"preset": "veryfast", "bf": "3", "g": "10", "x264-params": "scenecut=0"}
HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=10"}


@pytest.mark.parametrize(("name", "codec", "options", "most"), [
    ("a.mp4", "libx264", {**KEYS, "bf": "0"}, 10), ("a.mp4", "libx264", KEYS, 12), ("a.mkv", "libx264", KEYS, 12),
    ("a.mov", "libx264", KEYS, 12), ("a.mp4", "libx265", HEVC, 12), ("a.mov", "prores", {}, 1),
])
def test_one_damaged_packet_costs_no_more_than_what_hangs_on_it(tmp_path, name, codec, options, most) -> None:
    """Up to the next picture that needs no other; what comes behind it keeps its time. One may be painted over."""
    whole = write_clip(tmp_path / name, LONG, codec, **options)
    numbers, times_s, indices = read(damaged(tmp_path / f"damaged_{name}", whole, 40))
    assert numbers[:30] == list(range(30)) and numbers[-140:] == list(range(60, 200))
    assert 0 < 200 - len(numbers) <= most
    assert indices == list(range(len(numbers))) and np.all(np.diff(times_s) > 0)
    assert times_s[:30] + times_s[-140:] == pytest.approx(np.array(numbers[:30] + numbers[-140:]) / 25, abs=0.001)
    assert sum(abs(time_s - number / 25) > 0.001 for number, time_s in zip(numbers, times_s)) <= 1


@pytest.mark.parametrize(("name", "codec", "options"), [
    ("a.avi", "mpeg4", {"g": "10"}), ("a.webm", "libvpx", {"deadline": "realtime", "g": "10"}),
])
def test_behind_a_damaged_packet_whose_gap_the_decoder_paints_over_the_times_are_right(tmp_path, name, codec, options):
    whole = write_clip(tmp_path / name, LONG, codec, **options)
    numbers, times_s, _ = read(damaged(tmp_path / f"damaged_{name}", whole, 40))
    assert len(numbers) >= 190 and numbers[-140:] == list(range(60, 200))
    assert times_s[-140:] == pytest.approx(np.arange(60, 200) / 25, abs=0.001)


@pytest.mark.parametrize(("name", "codec", "options", "first", "count", "sentence"), [
    ("a.mp4", "libx264", KEYS, 40, 40, "of 200 frames cannot be decoded"),
    ("a.mkv", "libx264", KEYS, 40, 40, "frames cannot be decoded"),
    ("a.mp4", "libx264", KEYS, 40, 160, "of 200 frames cannot be decoded"),
    ("a.mov", "prores", {}, 40, 160, "160 of 200 frames cannot be decoded"),
    ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "10"}, 80, 120, "nothing can be decoded"),
])
def test_where_much_cannot_be_decoded_the_rest_comes_and_then_it_is_said(tmp_path, name, codec, options, first, count,
                                                                         sentence) -> None:
    whole = write_clip(tmp_path / name, LONG, codec, **options)
    path = damaged(tmp_path / f"damaged_{name}", whole, first, count)
    numbers, said = read_until_error(path)
    assert numbers[:30] == list(range(30)) and len(numbers) < 180
    assert numbers[-1] == 199 or first + count == 200
    assert str(path) in said and "damaged" in said and sentence in said and "copy or record it again" in said


def test_a_download_that_was_broken_off_in_a_file_of_its_full_size_is_said_to_end_early(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", LONG, **KEYS)
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2] + bytes(len(data) - len(data) // 2))
    numbers, said = read_until_error(path)
    assert 50 < len(numbers) < 150 and numbers[:-1] == list(range(len(numbers) - 1))       # the last is half there
    assert str(path) in said and "nothing can be decoded after" in said and "8.00 s" in said


def test_a_part_before_the_damage_is_whole(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", LONG, **KEYS)
    assert read(damaged(tmp_path / "damaged.mp4", whole, 100, 100), end_s=2.0)[0] == list(range(50))


def test_a_clip_that_a_telephone_has_cut_is_not_called_damaged(tmp_path: Path) -> None:
    """Its container counts what is cut away as well."""
    whole = write_clip(tmp_path / "whole.mp4", LONG, **KEYS)
    with open_frames(with_edit(tmp_path / "cut.mp4", whole, 1.2, 3.0)) as frames:
        assert frames.info.frames == 200
        numbers = [number_in(frame.image) for frame in frames]
    assert numbers[0] == 30 and len(numbers) == pytest.approx(75, abs=1)


def test_a_clip_whose_sound_is_longer_is_not_called_damaged(tmp_path: Path) -> None:
    import av
    silent, path = write_clip(tmp_path / "silent.mp4", EVEN, **KEYS), tmp_path / "sound.mkv"
    with av.open(str(silent)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        sound = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
        for second in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            frame.rate, frame.pts = 8000, 8000 * second
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    with open_frames(path) as frames:
        assert frames.info.frames > 200                 # what FFmpeg makes of the length of the file
        assert len(list(frames)) == 50


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts", "flv"])
def test_where_only_the_packets_have_stamps_no_frame_is_left_out(tmp_path: Path, ending: str) -> None:
    """Some programs stamp pictures by the order they are stored in: nothing is damaged then."""
    import av
    source, bare = write_clip(tmp_path / "a.mp4", EVEN, **B_FRAMES), tmp_path / f"bare.{ending}"
    with av.open(str(source)) as clip, av.open(str(bare), "w") as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.dts is not None:
                packet.stream, packet.pts = stream, packet.dts
                output.mux(packet)
    numbers, times_s, _ = read(bare)
    assert len(set(numbers)) == len(numbers) >= 48          # an MP4 may say that its first ones are not to be shown
    assert np.all(np.diff(times_s) > 0)


def test_a_recording_whose_clock_begins_anew_goes_on(tmp_path: Path) -> None:
    once, twice = write_clip(tmp_path / "once.ts", EVEN, **B_FRAMES), tmp_path / "twice.ts"
    twice.write_bytes(2 * once.read_bytes())
    numbers, times_s, _ = read(twice)
    assert numbers == 2 * list(range(50))
    assert np.diff(times_s) == pytest.approx(np.full(99, 0.04), abs=0.001)


@pytest.mark.parametrize("name", ["even.mp4", "uneven.mkv"])
def test_a_whole_file_is_not_called_cut_off_and_a_cut_one_is(clips: Path, tmp_path: Path, name: str) -> None:
    data = (clips / name).read_bytes()
    assert read_container(clips / name).missing == 0
    longer = tmp_path / f"longer{name}"
    longer.write_bytes(data + b"\0" * 100)
    assert read_container(longer).missing == 0
    for length in range(100, len(data) - 1, 997):
        longer.write_bytes(data[:length])
        container = read_container(longer)
        assert container.missing or not container.has_index or length < 300, length


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_gives_frames_or_one_sentence(clips: Path, tmp_path: Path, data: st.DataObject) -> None:
    source = clips / data.draw(st.sampled_from(["even.mp4", "uneven.mkv"]))
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged{source.suffix}"
    path.write_bytes(content[:data.draw(st.integers(0, len(content)))])
    last_s = -1.0
    try:
        with open_frames(path) as frames:
            for number, frame in enumerate(frames):
                assert frame.index == number and frame.time_s > last_s
                assert frame.image.shape[1::-1] == frames.info.size
                last_s = frame.time_s
                if number == 100:
                    break
    except VideoError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def png(path: Path) -> Path:
    assert cv2.imwrite(str(path.with_suffix(".png")), numbered_picture(1))
    return path.with_suffix(".png").rename(path)


def text(path: Path) -> Path:
    path.write_text("not a video\n" * 20)
    return path


def nothing(path: Path) -> Path:
    path.touch()
    return path


def noise(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    return path


def list_of_clips(path: Path) -> Path:
    path.write_bytes(b"ffconcat version 1.0\nfile other.mp4\n")
    return path


def playlist(path: Path) -> Path:
    path.write_bytes(b"\xef\xbb\xbf#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nhttp://127.0.0.1:9/a.ts\xff\n")
    return path


def sound_only(path: Path) -> Path:
    import av
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate, frame.pts = 16000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("make", "words"), [
    (png, "a picture"), (text, "a text"), (nothing, "empty"), (noise, "no video"), (list_of_clips, "a list of videos"),
    (playlist, "a list of videos"), (sound_only, "no video"), (lambda path: path, "No such file"),
])
def test_what_is_no_video_is_refused_with_its_cause(tmp_path: Path, make, words: str) -> None:
    path = make(tmp_path / "clip.mp4")
    with pytest.raises(VideoError) as refused:
        open_frames(path)
    assert str(path) in str(refused.value) and words in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="such files are Unix's")
def test_files_without_an_end_and_names_that_are_no_text_are_refused(tmp_path: Path, clips: Path, monkeypatch) -> None:
    with pytest.raises(VideoError, match="not a plain file"):
        open_frames("/dev/zero")
    odd = tmp_path / "clip\udcff.mp4"
    try:
        odd.write_bytes((clips / "even.mp4").read_bytes())
    except OSError:
        pytest.skip("this system does not know such names")
    with pytest.raises(VideoError, match="not Unicode"):
        open_frames(odd)
    (folder := tmp_path / "folder\udcff").mkdir()
    (folder / "even.mp4").write_bytes((clips / "even.mp4").read_bytes())
    monkeypatch.chdir(folder)
    with pytest.raises(VideoError, match="not Unicode"):
        open_frames("even.mp4")
    with pytest.raises(VideoError):
        open_frames(tmp_path / ("long" * 100 + ".mp4"))
    with pytest.raises(VideoError):
        open_frames("zero\0byte.mp4")


def test_a_claim_of_absurd_size_is_refused_or_read_as_it_is(tmp_path: Path, clips: Path) -> None:
    """Sizes are claimed by the track and by the codec; the codec's are what is decoded."""
    data = bytearray((clips / "even.mp4").read_bytes())
    place = data.index(b"avc1") + 4 + 24
    data[place:place + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "huge.mp4"
    path.write_bytes(data)
    numbers, sentence = read_until_error(path)
    assert numbers == list(range(50)) or ("65535" in sentence and str(path) in sentence)


def test_a_part_beyond_the_end_says_where_the_end_is(clips: Path) -> None:
    with pytest.raises(VideoError, match=r"no frame from 60 s on.*1\.96 s"):
        read(clips / "even.mp4", start_s=60)


@pytest.mark.parametrize("options", [
    {"start_s": -1}, {"start_s": float("nan")}, {"end_s": 0}, {"start_s": 2, "end_s": 1}, {"every": 0}, {"fps": 0},
    {"fps": float("inf")}, {"end_s": float("inf")},
])
def test_options_that_cannot_be_meant_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="give"):
        FrameOptions(**options)


def test_nothing_is_written_to_the_screen_about_damage(tmp_path: Path, clips: Path) -> None:
    damaged = bytearray((clips / "even.mp4").read_bytes())
    damaged[200:3000:7] = b"\x55" * len(damaged[200:3000:7])
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    noise(tmp_path / "noise.mp4")
    write_clip(tmp_path / "av1.mp4", EVEN[:5], "libsvtav1", preset="13")
    code = ("import sys\nfrom inference_core.frames import open_frames\nfrom inference_core.errors import VideoError\n"
            "for path in [*sys.argv[1:], 'camera:0']:\n"
            "    try:\n        list(open_frames(path))\n    except VideoError:\n        pass\n")
    done = subprocess.run([sys.executable, "-c", code, *map(str, sorted(tmp_path.iterdir()))], capture_output=True,
                          text=True, timeout=60, check=False, cwd=Path(__file__).resolve().parent.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
