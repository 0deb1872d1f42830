"""What is counted of real clips, on numbers whose count is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.mouths import wide_in


def test_a_wide_mouth_is_one_until_it_has_closed() -> None:
    mouth = np.array([1.0, 9, 12, 7, 11, 2, np.nan, 8, 10, np.nan, 3, 8])
    assert wide_in(mouth) == [(1, 2, 4), (7, 8, 8), (11, 11, 11)]
    assert wide_in(np.full(5, np.nan)) == [] == wide_in(np.full(5, 7.9))


def test_separation_is_the_share_of_pairs_in_order() -> None:
    from benchmarks.presence import separation
    assert separation([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert separation([0.5], [0.5]) == 0.5
    assert separation([0.9, 0.1], [0.5]) == 0.5


def test_losses_of_a_clip_are_listed(astronaut: np.ndarray, shipped_weights: Path, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.clip_report import report
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))
    head = np.ascontiguousarray(astronaut[10:250, 110:350, ::-1])
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (240, 240))
    for number in range(30):
        writer.write(head // 40 if 10 <= number < 16 else head)
    writer.release()
    one = report(tmp_path / "clip.mp4")
    (first, last), = one.losses
    assert one.frames == 30 and first == 10 and 15 <= last < 20 and one.with_face == 30 - (last - first + 1)
    assert 0 < one.detector_frames < 0.5 and 0 <= one.detector_time < 1
