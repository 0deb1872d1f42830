"""What a user may rely on when a clip that is not quite whole, or not as it seems, becomes a take."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.errors import TakeError, VideoError
from inference_core.take import open_take
from inference_core.take_header import FRAMES
from inference_core.video import VideoOptions, capture_video

av = pytest.importorskip("av", reason="PyAV writes the clips")
from written_clips import damaged  # noqa: E402

COUNT, RATE = 60, 25


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))


def write_portrait(path: Path, picture: np.ndarray, count: int = COUNT, aspect: tuple[int, int] | None = None) -> Path:
    """The picture moving slowly to the right, a picture that needs no other every tenth of a clip."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"g": "6", "bf": "0", "preset": "ultrafast"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        for number in range(count):
            moved = np.ascontiguousarray(np.roll(picture, number // 4, 1))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(moved, "rgb24")))
        output.mux(stream.encode(None))
    return path


def test_a_clip_with_one_damaged_packet_becomes_a_whole_take_whose_frames_keep_their_times(head, tmp_path) -> None:
    clip = damaged(tmp_path / "damaged.mp4", write_portrait(tmp_path / "whole.mp4", head), 20)
    progress = capture_video(clip, tmp_path / "a.lprtake")
    take = open_take(tmp_path / "a.lprtake")
    assert take.complete and COUNT - 6 <= len(take) == progress.done < COUNT
    assert take.time_s[:18] == pytest.approx(np.arange(18) / RATE, abs=0.001)
    assert take.time_s[-30:] == pytest.approx(np.arange(30, 60) / RATE, abs=0.001)
    assert take.valid[-30:].all()


def test_a_clip_that_is_lost_for_the_most_part_makes_no_whole_take_but_keeps_what_came(head, tmp_path: Path) -> None:
    clip = damaged(tmp_path / "damaged.mp4", write_portrait(tmp_path / "whole.mp4", head), 20, 40)
    path = tmp_path / "a.lprtake"
    with pytest.raises(VideoError, match="damaged: .* cannot be decoded; copy or record it again") as said:
        capture_video(clip, path)
    take = open_take(path)
    assert not take.complete and 15 < len(take) <= 20 and take.valid.all()
    assert f"the take {path} holds the {len(take)} frames before" in str(said.value)
    before = (path / FRAMES).read_bytes()
    with pytest.raises(VideoError, match="cannot be decoded"):
        capture_video(clip, path, VideoOptions(resume=True))
    assert (path / FRAMES).read_bytes() == before


def test_a_face_filmed_with_pixels_that_are_no_squares_is_as_wide_as_it_is(head, tmp_path: Path) -> None:
    def measures(path: Path) -> tuple[tuple[int, int], float]:
        capture_video(path, path.with_suffix(".lprtake"))
        take = open_take(path.with_suffix(".lprtake"))
        spread = np.ptp(take.landmarks_image(len(take) - 1), axis=0)
        return take.header.size, spread[0] / spread[1]

    size, shape = measures(write_portrait(tmp_path / "square.mp4", head, 8))
    narrow = cv2.resize(head, (180, 240), interpolation=cv2.INTER_AREA)
    wide_size, wide_shape = measures(write_portrait(tmp_path / "narrow.mp4", narrow, 8, (4, 3)))
    assert wide_size == size == (240, 240)
    assert wide_shape == pytest.approx(shape, rel=0.03)


def test_a_take_begun_in_pictures_of_another_size_is_not_gone_on_with(head, tmp_path: Path) -> None:
    """As takes of such clips are that were made before their pixels were made square."""
    clip, path = write_portrait(tmp_path / "a.mp4", head, 10), tmp_path / "a.lprtake"
    capture_video(clip, path)
    (path / FRAMES).write_bytes((path / FRAMES).read_bytes()[:200_000])
    values = json.loads((path / "header.json").read_text())
    (path / "header.json").write_text(json.dumps(values | {"size": [180, 240]}))
    with pytest.raises(TakeError, match="the size of the pictures is not the same"):
        capture_video(clip, path, VideoOptions(resume=True))
