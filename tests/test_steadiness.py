"""The figures of benchmarks.steadiness on signals whose answer is known."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.clips import BLINK, REST_FRAMES, through_a_camera
from benchmarks.facemesh import crop_of
from benchmarks.seen import of_facemesh
from benchmarks.steadiness import change_of_size, depth_of_blink, jitter, lag, main
from inference_core.pose import rotation_from_angles
from inference_core.topology import load_topology


def test_jitter_is_the_distance_from_the_mean() -> None:
    still = np.zeros((40, 5, 3)) + [3, 4, 5]
    assert jitter(still) == 0
    swings = still + np.where(np.arange(40) % 2, 0.3, -0.3)[:, None, None] * [0, 0, 1]
    assert jitter(swings) == pytest.approx(0.3)


@pytest.mark.parametrize("late", [0, 1, 2, 7])
def test_lag_counts_the_frames_until_a_step_has_arrived(late: int) -> None:
    step = np.repeat([0.0, 5.0], 30)[:, None] + np.zeros((60, 4))
    assert lag(np.vstack([np.zeros((late, 4)), step[:60 - late]]), step, 30) == late


def test_what_never_arrives_lags_to_the_end() -> None:
    step = np.repeat([0.0, 1.0], 30)
    assert lag(0.5 * step, step, 30) == 30


def test_a_blink_is_as_deep_as_it_was_and_a_head_that_shrinks_in_it_is_told() -> None:
    share = np.r_[np.ones(REST_FRAMES), BLINK, np.ones(REST_FRAMES)]
    assert depth_of_blink(10 * share) == pytest.approx(10 * (1 - min(BLINK)))
    assert change_of_size(np.full(len(share), 7.0)) == 0
    assert change_of_size(7 * (1 + 0.02 * (share - 1))) == pytest.approx(0.02 * (1 - min(BLINK)), rel=1e-6)


def test_facemesh_points_of_a_head_that_only_moves_do_not_tremble() -> None:
    topology = load_topology()
    points = topology.facemesh_points(topology.mean_canonical)[:468].astype(np.float64)
    moved = np.stack([20 * (1 + n / 50) * points @ rotation_from_angles(n, -n, n / 2).T + [9 * n, n, 0]
                      for n in range(8)])
    seen = of_facemesh(moved)
    assert jitter(seen.shapes) < 1e-6
    assert np.ptp(seen.lids) < 1e-6 and np.ptp(seen.lips) < 1e-6
    np.testing.assert_allclose(seen.size / seen.size[0], 1 + np.arange(8) / 50, rtol=1e-6)


def test_thecrop_of_facemesh_turns_the_eyes_level() -> None:
    points = np.random.default_rng(0).uniform(100, 200, (468, 3))
    points[33], points[263] = (110, 120, 0), (170, 180, 0)
    eyes = crop_of(points).to_crop(points[[33, 263]])
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[0, 0] < eyes[1, 0]


def test_a_camera_gives_noisy_pictures_in_the_same_order() -> None:
    pictures = [np.full((64, 64, 3), 20 * n + 30, np.uint8) for n in range(8)]
    seen = through_a_camera(pictures, np.random.default_rng(0))
    assert [round(picture.mean() / 20 - 1.5) for picture in seen] == list(range(8))
    assert all(picture.std() > 0 for picture in seen)


def test_wrong_options_are_one_sentence(tmp_path, capsys) -> None:
    pytest.importorskip("tflite", reason="what reads FaceMesh's file comes with the extra [training]")
    known = ["--face-model", str(tmp_path / "none.npz"), "--textures", str(tmp_path), "--people", "1"]
    assert main([*known, "--json", str(tmp_path / "no" / "a.json")]) == 1
    assert "its folder does not exist" in capsys.readouterr().err
    assert main(known) == 1
    error = capsys.readouterr().err.strip()
    # without the mediapipe wheel (make training-environment) that is what is said first
    assert ("none.npz" if find_spec("mediapipe") else "mediapipe") in error and "\n" not in error
