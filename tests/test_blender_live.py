"""Live Webcam in Blender, with a stream on loopback as the camera: the face follows, the take is kept, and whatever is
deleted, loaded, undone or killed, it ends with a sentence and without a child left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blender_told import told_by
from mjpeg_server import head_pictures

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def told(run_blender: Callable[..., subprocess.CompletedProcess[str]], astronaut: np.ndarray, shipped_weights: Path,
         tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder, out = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("out")
    for number, data in enumerate(head_pictures(astronaut)):
        (folder / f"frame{number:02d}.jpg").write_bytes(data)
    done = run_blender(HERE / "blender_live.py", folder, out, weights=shipped_weights)
    return told_by(done) | {"errors": done.stderr}


def test_a_face_follows_the_camera_and_is_recorded(told: dict) -> None:
    facts = told["follows_and_records"]
    assert facts["answer"] == ["FINISHED"] and facts["names"] == ["Live Face"] and facts["active"]
    assert facts["frames"] >= 20 and facts["complete"] and facts["moved"] > 0.002
    assert facts["texture"] == [[512, 512]] and facts["packed"] == [True]


def test_afterwards_the_object_stands_where_it_was_put(told: dict) -> None:
    assert told["follows_and_records"]["place"]


def test_the_recorded_take_is_baked_with_the_skin_of_the_live_face(told: dict) -> None:
    assert told["its_take_is_baked_with_the_skin"] == [[1024, 1024], True, True, True]


def test_the_live_face_is_hidden_when_its_take_is_baked_and_shown_by_the_next_capture(told: dict) -> None:
    other, own, again, active = told["the_live_face_makes_room_for_its_bake"]
    assert other == again == [False, False] and own == [True, True] and active == ["Live Face", False]


def test_the_take_is_the_capture_of_the_pictures_that_it_names(told: dict) -> None:
    assert told["same_frames"] < 0.005                              # cm; half precision in the file


@pytest.mark.parametrize("head", ["OBJECT", "VERTICES", "NONE"])
def test_the_mesh_in_the_scene_is_where_the_core_and_the_bake_put_it(told: dict, head: str) -> None:
    assert told["mesh_is_that_of_the_core"][head] < 1e-6            # metres


def test_a_mirror_shows_the_other_side(told: dict) -> None:
    assert told["a_mirror_shows_the_other_side"] < 1e-6


def test_a_second_capture_drives_the_same_object(told: dict) -> None:
    assert told["a_second_time_the_same_object_follows"] == ["Live Face"]


@pytest.mark.parametrize(("case", "words"), [
    ("port", "http://127.0.0.1:1/x"), ("missing", "camera:98: cannot be opened"),
    ("no_camera", "clip.mp4: not a camera"),
    ("endless", "duration_s or max_frames"), ("ending", "ends in .lprtake"), ("taken", "there is a take of this name"),
    ("cube", "Cube: cannot follow")])
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(told: dict, case: str, words: str) -> None:
    facts = told["nothing_to_see"]
    assert words in facts[case] and "Traceback" not in facts[case] and len(facts[case].strip().splitlines()) == 1
    assert facts["left"] == ["Cube"] and facts["edit"] is False and not facts["going"]


def test_a_camera_that_stops_midway_leaves_face_and_take(told: dict) -> None:
    facts = told["breaks_off"]
    assert "broke off" in facts["answer"] and f"keeps the {facts['frames']} frames before" in facts["answer"]
    assert facts["names"] == ["Live Face"] and facts["frames"] > 0


def test_one_capture_at_a_time_and_the_stop_button_ends_it(told: dict) -> None:
    facts = told["one_at_a_time_and_stop"]
    assert facts["polls"] == [False, True] and facts["after"] == [True, False]
    assert "fps" in facts["status"] and "ms" in facts["status"] and "lost" in facts["status"]
    assert not facts["still"] and facts["gone"] and facts["outcome"][1] is False


def test_with_a_window_events_stay_the_users_and_esc_ends_it(told: dict) -> None:
    facts = told["modal_with_esc"]
    assert facts["before"] == facts["other"] == ["PASS_THROUGH"] and facts["esc"] == ["RUNNING_MODAL"]
    assert facts["after"] == ["FINISHED"] and facts["again"] == ["CANCELLED"] and not facts["current"]
    (kind, words), = facts["reports"]
    assert kind == "INFO" and "recorded in" in words and facts["complete"] and facts["panel"]


@pytest.mark.parametrize(("deed", "words"), [("object_deleted", "The live face was deleted"),
                                             ("scene_deleted", "The scene was deleted"), ("file_loaded", "frames"),
                                             ("undone", "The live face was deleted"), ("add_on_off", "frames")])
def test_what_takes_the_face_away_ends_the_capture_and_finishes_the_take(told: dict, deed: str, words: str) -> None:
    facts = told[deed]
    sentence, failed = facts["outcome"]
    assert words in sentence and not failed
    assert not facts["still"] and facts["gone"] and facts["complete"]


def test_the_add_on_goes_without_a_trace(told: dict) -> None:
    assert told["add_on_off"]["handlers"] == [] and not told["add_on_off"]["current"]


def test_an_undo_takes_the_face_away_whole(told: dict) -> None:
    assert told["undone"]["left"] == []


def test_a_child_that_is_killed_is_told(told: dict) -> None:
    sentence, failed = told["child_killed"]["outcome"]
    assert failed and "SIGKILL" in sentence and not told["child_killed"]["still"]


def test_a_new_name_does_not_matter_and_edit_mode_pauses(told: dict) -> None:
    assert told["object_renamed_goes_on"]
    assert told["edit_mode_pauses"] == {"paused": True, "on": True}


def test_cameras_are_looked_for(told: dict) -> None:
    assert told["cameras"] == ["FINISHED"]


def test_nothing_is_spilt_on_standard_error(told: dict) -> None:
    assert "Traceback" not in told["errors"] and "Exception" not in told["errors"]
