"""A take baked into Blender: what it shows at every frame is what the take holds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import takes
from bake_truth import FACE_SIZE_M, at_frame

from inference_core.smoothing import smooth
from inference_core.take import open_take
from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent
START, CURSOR, FPS = 11, np.array([0.25, -0.5, 1.0]), 25.0
LOST = (10, 11, 12, 13, 14, 15, 16, 17, 20, 30, 31)                     # eight frames; one; two at a stretch
FRAMES = [-3, 11, 12, 13, 20, 21, 24, 28, 29, 30, 31, 32, 40, 41, 42, 43, 49, 50, 99]
BETWEEN = [12.25, 13.5, 33.75]
MODES, HEADS = ("ABSOLUTE", "RELATIVE", "POINT_CACHE"), ("OBJECT", "VERTICES", "NONE")
TOLERANCE_M = 1e-5 * FACE_SIZE_M


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    topology = load_topology()
    return takes.write_take(tmp_path_factory.mktemp("takes") / "acted.lprtake", topology,
                            (takes.acted(topology, index, lost=LOST) for index in range(40)))


@pytest.fixture(scope="module")
def baked(run_blender: Callable[..., subprocess.CompletedProcess[str]], take: Path,
          tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], dict]:
    folder = tmp_path_factory.mktemp("baked")
    done = run_blender(HERE / "blender_bake.py", take, folder, "25", "1.0", ",".join(map(str, FRAMES + BETWEEN)))
    assert "DONE" in done.stdout, done.stdout + done.stderr
    with np.load(folder / "baked.npz") as arrays:
        return dict(arrays), json.loads((folder / "told.json").read_text())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mode", MODES)
def test_every_frame_shows_the_takes_vertices(take: Path, baked, mode: str, head: str) -> None:
    points, raw = baked[0][f"raw {mode} {head}"], open_take(take)
    for number, frame in enumerate(FRAMES):
        truth = at_frame(raw, frame, FPS, START, head != "NONE", CURSOR)
        assert np.abs(points[number] - truth).max() < TOLERANCE_M, frame


@pytest.mark.parametrize("head", HEADS)
def test_smoothing_is_applied_on_reading(take: Path, baked, head: str) -> None:
    points, raw = baked[0][f"smooth ABSOLUTE {head}"], open_take(take)
    steady = smooth(raw)
    for number, frame in enumerate(FRAMES):
        truth = at_frame(steady, frame, FPS, START, head != "NONE", CURSOR)
        assert np.abs(points[number] - truth).max() < TOLERANCE_M, frame
    assert np.abs(points - baked[0][f"raw ABSOLUTE {head}"]).max() > 100 * TOLERANCE_M


@pytest.mark.parametrize("mode", MODES)
def test_between_two_frames_vertices_go_straight(take: Path, baked, mode: str) -> None:
    points, raw = baked[0][f"raw {mode} VERTICES"], open_take(take)
    for number, frame in enumerate(BETWEEN, len(FRAMES)):
        truth = at_frame(raw, frame, FPS, START, True, CURSOR)
        assert np.abs(points[number] - truth).max() < 3 * TOLERANCE_M, frame


def test_lost_frames_hold_the_last_face_and_are_marked_at_both_ends(baked) -> None:
    points, told = baked[0]["raw ABSOLUTE OBJECT"], baked[1]["raw ABSOLUTE OBJECT"]
    assert np.array_equal(points[FRAMES.index(20)], points[FRAMES.index(28)])
    assert told["markers"] == [[21, "acted: face lost"], [28, "acted: last lost"], [31, "acted: face lost"],
                               [41, "acted: face lost"], [42, "acted: last lost"]]
    filled = baked[1]["smooth ABSOLUTE OBJECT"]["markers"]
    assert [31, "acted: face lost, filled in"] in filled and [21, "acted: face lost"] in filled


def test_the_scene_plays_from_the_first_frame_to_the_last_and_holds_nothing_else(baked) -> None:
    for name, told in baked[1].items():
        assert told["range"] == [START, START + 39] and told["name"] == "acted"
        assert all(left.startswith("acted") for left in told["left"]), name
