"""The add-on in the real Blender: it comes and goes without a trace, and its panels draw what there is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blender_told import told_by
from takes import acted, header

from inference_core.smoothing import SmoothingOptions
from inference_core.take import TakeWriter
from inference_core.topology import load_topology
from lprnet_blender.scene.bake_options import BakeOptions

HERE = Path(__file__).resolve().parent
LOST = (5, 6, 7)


@pytest.fixture(scope="module")
def told(run_blender: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory,
         shipped_weights: Path) -> dict:
    take, topology = tmp_path_factory.mktemp("takes") / "clip.lprtake", load_topology()
    with TakeWriter.create(take, header(topology)) as writer:
        for index in range(20):
            writer.add(acted(topology, index, LOST))
    done = run_blender(HERE / "blender_add_on.py", take)
    return told_by(done)


def test_switching_off_leaves_nothing_behind_also_the_second_time(told: dict) -> None:
    assert told["before"]["classes"] == []
    assert told["after"] == told["before"] == told["after all"]
    registered = told["registered"]
    assert registered["settings"] and registered["menu"] == told["before"]["menu"] + 1
    assert {"LPRNET_OT_capture_image", "LPRNET_PT_main", "LPRNET_FH_image", "LPRNET_FH_video"} <= set(registered["classes"])


def test_a_frame_rate_is_asked_for_where_pictures_have_none_of_their_own(told: dict) -> None:
    asked = {state: "Frame Rate" in " ".join(told["panels"][state]["Source"]) for state in ("video", "file", "pictures")}
    assert asked == {"video": False, "file": False, "pictures": True}


def test_the_panels_come_in_the_order_of_work(told: dict) -> None:
    assert list(told["panels"]["video"]) == ["Face Capture", "Source", "Capture", "Take", "Smoothing", "Bake", "Export"]


def test_settings_begin_as_the_cores_options(told: dict) -> None:
    defaults, smoothing, bake = told["defaults"], SmoothingOptions(), BakeOptions()
    for name in ("pose", "expression", "openings", "identity"):
        assert defaults[f"smooth_{name}"] == getattr(smoothing, name)
    assert defaults["max_gap_s"] == smoothing.max_gap_s
    for name, key in (("mode", "mode"), ("head", "head"), ("timing", "timing"), ("start_frame", "start_frame"),
                      ("sound", "sound"), ("markers", "markers"), ("frame_range", "frame_range")):
        assert defaults[name] == getattr(bake, key), name
    assert defaults["texture"] == str(bake.texture)


def test_the_mode_is_that_of_the_preferences_until_one_is_chosen(told: dict) -> None:
    assert told["modes"] == ["ABSOLUTE", "RELATIVE"]


@pytest.mark.parametrize("state, panel, reason", [
    ("no image", "Capture", "Choose an image above"), ("edit mode", "Capture", "Works in Object Mode"),
    ("video", "Capture", "Choose a clip above"), ("clip", "Capture", "The part ends before it starts"),
    ("camera", "Capture", "it begins with http://"), ("video", "Bake", "Capture a take first"),
    ("job", "Bake", "is still going on"), ("image", "Export", "Select a face")])
def test_what_cannot_be_done_is_greyed_out_and_says_why(told: dict, state: str, panel: str, reason: str) -> None:
    lines = told["panels"][state][panel]
    assert any(line.endswith(" off>") for line in lines)
    assert reason in " ".join(lines)


def test_what_can_be_done_is_not_greyed_out(told: dict) -> None:
    assert "<lprnet.capture_image>" in told["panels"]["image"]["Capture"]
    assert "<lprnet.bake_video>" in told["panels"]["take"]["Bake"]


def test_a_photo_shows_nothing_of_takes(told: dict) -> None:
    assert list(told["panels"]["image"]) == ["Face Capture", "Source", "Capture", "Export"]


def test_the_command_line_is_there_while_the_add_on_is(told: dict) -> None:
    assert told["command"] == 2 and told["command twice"]


def test_a_take_tells_its_frames_gaps_and_confidence(told: dict) -> None:
    lines = told["panels"]["take"]["Take"]
    assert "20 at 25 fps, 0.8 s" in lines and "3 (15.0%)" in lines
    assert "at 0.20 s, 0.12 s long" in lines
    assert any(line.endswith("%") for line in lines[lines.index("Confidence"):])


def test_a_take_is_read_anew_when_a_job_has_ended(told: dict) -> None:
    assert told["panels"]["anew"]
    assert told["panels"]["forgotten"] == told["panels"]["take"]["Take"]


def test_a_take_is_read_aside_while_the_panel_is_drawn(told: dict) -> None:
    assert "Reading the take…" in told["panels"]["reading"]


def test_a_take_that_is_gone_says_so(told: dict) -> None:
    assert "There is no such take yet" in " ".join(told["panels"]["gone"])


def test_a_job_shows_its_progress_and_a_way_out(told: dict) -> None:
    lines = told["panels"]["job"]["Face Capture"]
    assert lines[0].startswith("25%") and "30 fps" in lines[0]
    assert "<lprnet.cancel>" in lines


def test_the_installation_is_checked_and_told_in_one_block(told: dict) -> None:
    assert told["check"] == ["FINISHED"]
    block = told["block"]
    assert "FAILED" not in block and block.count("\nok ") == 8
    assert "Blender 5.0.1" in block and "Python 3." in block and "face found" in block
    assert str(Path.home()) not in block
