"""What the add-on keeps of paths in a .blend: relative to it, as Blender's own, so that a shot can be moved."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blender_told import told_by
from takes import acted, header

from inference_core.take import TakeWriter
from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def told(run_blender: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory,
         shipped_weights: Path) -> dict:
    folder, topology = tmp_path_factory.mktemp("paths"), load_topology()
    with TakeWriter.create(folder / "a.lprtake", header(topology)) as writer:
        for index in range(6):
            writer.add(acted(topology, index, ()))
    (folder / "work").mkdir()
    done = run_blender(HERE / "blender_saved_paths.py", folder / "work", folder / "a.lprtake")
    return told_by(done)


def test_paths_become_relative_when_a_new_file_is_saved(told: dict) -> None:
    assert not any(path.startswith("//") for path in told["new"])
    assert told["saved"] == ["//../takes/anna.lprtake", "//../takes/anna_lprnet.pc2", "//../takes/anna_lprnet.pc2",
                             "//../anna.png", "//../anna.mp4", "//../takes/anna.lprtake"]


def test_a_copy_saved_elsewhere_and_a_save_that_fails_leave_the_open_file_as_it_is(told: dict) -> None:
    assert told["copied"] == told["saved"] == told["refused"]


def test_a_shot_that_was_moved_is_baked_again_from_where_it_lies(told: dict) -> None:
    assert told["again"] == ["FINISHED"]


def test_a_bake_never_writes_over_a_point_cache(told: dict) -> None:
    assert told["own caches"] == [["anna_lprnet-2.pc2", "anna_lprnet.pc2"], True]
    assert told["other cache"] == ["anna_lprnet-2.pc2", True]


def test_every_operator_takes_paths_relative_to_the_file(told: dict) -> None:
    assert told["not relative"] == []


def test_who_wants_absolute_paths_keeps_them(told: dict) -> None:
    assert told["absolute"].endswith("other.mp4") and not told["absolute"].startswith("//")
