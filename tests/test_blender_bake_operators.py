"""Bake Video and Bake Again in Blender: clip to mesh, mesh to another mesh, and whatever comes between."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from blender_told import told_by
import takes
from bake_truth import FACE_SIZE_M, at_frame
from sounding_clips import nodding, write_sounding_clip

from inference_core.take import open_take
from inference_core.topology import load_topology
from lprnet_blender import take_names
from lprnet_blender.take_names import free_take, name_of

HERE = Path(__file__).resolve().parent
LOST = (10, 11, 12, 13, 14, 15, 16, 17, 20, 30, 31)
CLICK_S = 0.4
SOUND_S = 0.005                 # Blender's mixing
ANGLE, SCALE, SHIFT = 0.5, 2.0, np.array([1.0, 2, 3])                    # PLACE of blender_bake_operators
TOLERANCE_M = 1e-5 * FACE_SIZE_M * SCALE


@pytest.fixture(scope="module")
def folder(run_blender: Callable[..., subprocess.CompletedProcess[str]], astronaut: np.ndarray, shipped_weights: Path,
           tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, topology = tmp_path_factory.mktemp("bakes"), load_topology()
    takes.write_take(folder / "take.lprtake", topology, (takes.acted(topology, each, lost=LOST) for each in range(40)))
    takes.write_take(folder / "lost.lprtake", topology, (takes.acted(topology, each, lost=range(5)) for each in range(5)))
    other = dataclasses.replace(takes.few_vertices(), name="other", sha256="1" * 64)
    takes.write_take(folder / "other.lprtake", other, (takes.shaken(other, each) for each in range(5)))
    write_sounding_clip(folder / "clip.mov", nodding(astronaut, 30), click_s=CLICK_S)
    (folder / "shots").mkdir()
    for number, name in enumerate(("shot_010", "shot_020", "shot 020")):
        write_sounding_clip(folder / "shots" / f"{name}.mov", nodding(astronaut, 3 + number), click_s=0.0)
    (folder / "pictures").mkdir()
    for number, picture in enumerate(nodding(astronaut, 3)):
        cv2.imwrite(str(folder / "pictures" / f"shot.{1001 + number}.png"), picture[..., ::-1])
    done = run_blender(HERE / "blender_bake_operators.py", folder)
    (folder / "told.json").write_text(json.dumps(told_by(done)))
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict:
    return json.loads((folder / "told.json").read_text())


def placed(points: np.ndarray) -> np.ndarray:
    """Where an artist has put an object: turned about z, twice as large, moved."""
    turn = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1]])
    return SCALE * points @ turn.T + SHIFT


def test_a_clip_becomes_a_textured_mesh_that_is_active(told: dict) -> None:
    clip = told["clip"]
    assert clip["answer"] == "FINISHED" and clip["active"] == "clip" and clip["complete"]
    assert clip["properties"]["lprnet_frames"] == 30 and clip["properties"]["lprnet_take"].endswith("clip.lprtake")
    assert clip["textures"] == [[512, True]] and clip["materials"] == ["clip skin"]
    assert clip["frames"] == [1, 30]


def test_the_sound_is_in_time_with_the_mesh_also_of_a_part_of_the_clip_and_after_baking_again(told: dict) -> None:
    clip = told["clip"]
    assert clip["click"] == pytest.approx(CLICK_S, abs=SOUND_S) and clip["channels"] == [1]
    assert clip["again"] == "FINISHED" and clip["again_frames"] == [31, 60]
    assert clip["again_click"] == pytest.approx(CLICK_S, abs=SOUND_S) and clip["again_strips"] == 1
    # from 0.21 s on the first frame is that of 0.24 s, here at 29.97 frames a second
    assert clip["part"] == "FINISHED" and clip["part_click"] == pytest.approx(CLICK_S - 0.24, abs=SOUND_S)


def test_the_scene_gets_the_clips_rate_where_asked_for(told: dict) -> None:
    assert told["clip"]["retimed"] == "FINISHED" and told["clip"]["rate"] == 25.0


def test_baking_again_keeps_what_the_artist_did(told: dict) -> None:
    again = told["again"]
    assert [again[f"answer {number}"] for number in range(4)] == ["FINISHED"] * 4
    assert again["name"] == "Anna" and again["materials"] == ["painted"] and again["mine"] == 7
    assert again["uvs"] == ["UVMap", "second"] and again["modifiers"] == ["finer"] and again["twin"]
    assert (again["mode"], again["start"]) == ("ABSOLUTE", 5)              # what was not given stays as it was


def test_baking_again_leaves_no_rest_of_earlier_bakes(told: dict) -> None:
    again = told["again"]
    assert again["meshes"] == ["take"] and again["objects"] == ["Anna", "twin"]
    assert set(again["actions"]) <= {"Anna expression", "Anna head"}
    assert again["markers"] == ["Anna"] and again["marked"] == 5


def test_baked_again_the_face_is_where_the_artist_put_it(folder: Path, told: dict) -> None:
    raw = open_take(folder / "take.lprtake")
    with np.load(folder / "again.npz") as points:
        for number, (start, head) in enumerate(((1, True), (1, True), (5, True), (5, False))):
            for frame in (5, 12, 25):
                truth = placed(at_frame(raw, frame, 25.0, start, head))
                assert np.abs(points[f"again {number} {frame}"] - truth).max() < TOLERANCE_M, (number, frame)


def test_a_bake_takes_away_no_others_sound(told: dict) -> None:
    apart = told["told_apart"]
    assert apart["copied"] == ["clip.001", {"clip": 1, "clip.001": 101}]
    # the first is called hero now, and the third got the name that it had
    assert apart["its name taken"] == ["clip", {"clip": 1, "clip.001": 101, "clip-2": 211}]
    assert apart["all again"] == {"hero": 11, "clip.001": 111, "clip-2": 211}
    for start in (301, 401):                            # what a deleted face has left goes with the next of its name
        assert apart[f"deleted {start}"] == ["clip.002", {**apart["all again"], "clip.002": start}]


def test_a_bake_takes_away_its_own_markers_and_no_others(told: dict) -> None:
    apart, lost = told["told_apart"], [10, 17, 20, 30, 31]
    assert apart["marked"] == {"take": [11 + frame for frame in lost], "take.001": [101 + frame for frame in lost]}
    assert apart["marked, original first"] == {"take": [21 + frame for frame in lost]}
    copied = {"take.001": [101 + frame for frame in lost]}
    assert apart["marked, then the copy"] == {"take": [21 + frame for frame in lost], **copied}
    assert apart["marked, renamed"] == {"hero": [31 + frame for frame in lost], **copied}
    short = "a" * 41
    assert apart["long"] == {short: [11 + frame for frame in lost], short[:-2] + "-2": [111 + frame for frame in lost]}


def test_a_file_of_an_earlier_version_keeps_and_loses_what_belongs_to_each_bake(told: dict) -> None:
    apart = told["told_apart"]
    assert apart["earlier version, a duplicate"] == [5, 8, 9]
    assert apart["earlier version"] == [9]


def test_what_plays_an_earlier_point_cache_still_does_when_the_face_is_baked_again(told: dict) -> None:
    caches = told["caches"]
    assert caches["answers"] == ["FINISHED"] * 3
    assert [caches[name] for name in ("undone", "original", "older version")] == [0, 0, 0]
    assert min(caches[name] for name in ("again", "redone", "duplicate")) > 1e-4
    assert caches["files"] == ["take.001_lprnet.pc2", "take_lprnet-2.pc2", "take_lprnet.pc2"]


def test_a_blend_plays_without_the_add_on(run_blender: Callable[..., subprocess.CompletedProcess[str]], folder: Path,
                                          told: dict) -> None:
    frames = [1, 5, 12, 23, 25, 44]
    done = run_blender(HERE / "blender_plays.py", folder / "baked.blend", "Anna", folder / "plays.npy",
                       ",".join(map(str, frames)))
    assert "DONE" in done.stdout, done.stdout + done.stderr
    raw = open_take(folder / "take.lprtake")
    for frame, points in zip(frames, np.load(folder / "plays.npy")):
        assert np.abs(points - placed(at_frame(raw, frame, 25.0, 5, False))).max() < TOLERANCE_M, frame


@pytest.mark.parametrize("name, words", [
    ("other topology", "its vertices are those of the topology 'other'"), ("no take", "there is no such take"),
    ("no clip", "none.mkv"), ("nothing", "no clip and no take is given"), ("no place", "cannot be written"),
    ("lost", "no frame of the take has a face"), ("slanted", "scale is not the same along each axis"),
    ("not baked", "Select a face that Bake Video has made")])
def test_a_mistake_is_one_sentence(told: dict, name: str, words: str) -> None:
    sentence = told["refusals"][name]
    assert words in sentence and "Traceback" not in sentence


def test_a_mistake_changes_nothing(told: dict) -> None:
    assert told["refusals"]["left"] == [] and told["refusals"]["slanted_head"] == "VERTICES"
    assert told["refusals"]["edit mode"] == [False, False]


def test_a_bake_that_is_cancelled_at_any_frame_leaves_nothing(told: dict) -> None:
    faults = told["faults"]
    assert set(faults["cancelled"]) == {"Cancelled"} and faults["cancelled bakes leave"] == []
    assert faults["cancelled again"]                                        # the earlier bake is as it was


@pytest.mark.parametrize("frame", [0, 1, 7, 20])
def test_a_capture_that_is_cancelled_keeps_its_take_and_goes_on_to_the_same_bytes(told: dict, frame: int) -> None:
    name, sentence, kept = told["resumed"][f"stopped {frame}"]
    assert name == "Cancelled" and frame <= kept <= 30         # the worker may be that far ahead
    assert f"keeps {kept} frames" in sentence if 0 < kept < 30 else "is complete" in sentence or "Stopped" in sentence
    assert told["resumed"][f"resumed {frame}"] == ["Done", True]


def test_a_second_job_is_refused_and_the_first_goes_on(told: dict) -> None:
    assert "Bake Video is still going on" in told["faults"]["second"]
    assert told["faults"]["first goes on"][0] == "Done"


def test_a_scene_or_object_that_is_deleted_ends_the_job_in_a_sentence(told: dict) -> None:
    name, sentence = told["faults"]["scene deleted"]
    assert name == "Failed" and "was deleted during the bake" in sentence and "is kept" in sentence
    assert told["faults"]["scene deleted leaves"] == []
    name, sentence = told["faults"]["object deleted"]
    assert name == "Failed" and "was deleted or renamed during the bake" in sentence


def test_opening_a_file_or_switching_the_add_on_off_ends_the_job(told: dict) -> None:
    name, _, free = told["faults"]["file opened"]
    assert name == "Cancelled" and free
    name, _, free, left = told["faults"]["switched off"]
    assert name == "Cancelled" and free and left == []


def test_an_undo_does_not_stop_a_bake(told: dict) -> None:
    assert told["faults"]["undone"][0] == "Done" and told["faults"]["undone makes"] == ["take"]


def test_a_face_that_is_edited_when_its_bake_ends_stays_as_it_is(told: dict) -> None:
    """Blender deletes an object in Edit Mode together with the mesh that is replaced."""
    name, sentence, kept = told["faults"]["edited"]
    assert name == "Failed" and "in EDIT mode" in sentence and "is kept" in sentence and kept == [["take", "twin"], True, True]
    assert told["faults"]["edited again"] == ["FINISHED", ["take", "twin"], True]
    assert "in Edit Mode" in told["faults"]["edited export"]


def test_an_undo_while_a_point_cache_is_written_leaves_one_cache(told: dict) -> None:
    assert told["faults"]["undone cache"] == ["Done", 1]


def test_a_skin_goes_into_the_slot_that_was_emptied(told: dict) -> None:
    assert told["faults"]["empty slot"] == ["FINISHED", [True], [0], ["seen_in_photo"]]


def test_a_file_that_cannot_be_opened_ends_the_job_and_the_next_one_goes_on(told: dict) -> None:
    told = told["not_opened"]
    assert told["timers"] == 0 and told["first"] == ["CANCELLED"] and told["reports"][0][0] == "WARNING"
    assert told["second's timer"] == 1 and told["second"] == ["FINISHED"] and told["left"] == 0


def test_a_recording_gets_the_next_number(tmp_path: Path) -> None:
    for expected in ("live", "live-2", "live-3", "live-4"):
        take = free_take(tmp_path, expected)
        assert take.name == f"{expected}.lprtake"
        take.mkdir()
        assert free_take(tmp_path, "live").parent == tmp_path
    assert free_take(tmp_path, "live-2").name == free_take(tmp_path, "live").name == "live-5.lprtake"
    (tmp_path / "shot-1.lprtake").mkdir()
    assert free_take(tmp_path, "shot-1").name == "shot-1-2.lprtake"


def test_a_clip_is_found_beside_its_take_and_one_that_is_gone_costs_skin_and_sound_alone(told: dict) -> None:
    moved = told["moved"]
    assert moved["together"] == "FINISHED" and moved["together has"] == [1, 1, ["clip skin"]]
    assert moved["alone"] == "FINISHED" and moved["alone has"] == [0, 0, ["clip skin"]]


def test_every_clip_has_a_take_of_its_own_and_finds_it_again(told: dict) -> None:
    takes = ["shot_010.lprtake", "shot_020.lprtake", "shot_020-2.lprtake", "shot_010.lprtake", "shot_020-2.lprtake"]
    clips = [key for key in told["named"] if key.endswith(".mov")]
    assert [told["named"][clip] for clip in clips] == [["FINISHED", take, take] for take in takes]


def test_a_clip_that_cannot_be_captured_leaves_the_panel_with_the_take_that_it_showed(told: dict) -> None:
    assert "none.mkv" in told["named"]["none"] and told["named"]["panel"] == "shot_020-2.lprtake"


def test_a_clip_with_a_very_long_name_is_baked_and_a_take_with_one_is_refused_in_a_sentence(told: dict) -> None:
    assert told["named"]["long"] == ["FINISHED", True]
    assert "cannot be" in told["named"]["too long"] and "Traceback" not in told["named"]["too long"]


def clip_and_take(folder: Path) -> tuple[Path, Path]:
    clip = folder / "clip.mp4"
    clip.write_bytes(b"seen")
    os.utime(clip, (1e9, 1e9))                          # before the take was made
    source = {"kind": "video", "name": str(clip), "sha256": "0" * 64}
    return clip, takes.write_take(folder / "clip.lprtake", load_topology(), (), source=source)


def test_a_clip_that_lies_unchanged_where_its_take_was_captured_goes_on_without_being_read(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, take = clip_and_take(tmp_path)
    monkeypatch.setattr(take_names, "open_frames", lambda clip: pytest.fail("the clip was read"))
    assert take_names.take_for(str(clip), take) == take


@pytest.mark.parametrize("change", ["moved", "written anew"])
def test_of_a_large_clip_that_is_not_the_one_that_was_captured_a_take_of_its_own_begins_without_reading_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    clip, take = clip_and_take(tmp_path)
    monkeypatch.setattr(take_names, "open_frames", lambda clip: pytest.fail("the clip was read"))
    monkeypatch.setattr(take_names, "MOST_READ", 3)
    if change == "moved":
        (tmp_path / "other").mkdir()
        clip = clip.rename(tmp_path / "other" / clip.name)
    else:
        clip.write_bytes(b"other")
    assert take_names.take_for(str(clip), take) == tmp_path / "clip-2.lprtake"


@pytest.mark.parametrize("clip, name", [
    ("shot_010.mp4", "shot_010"), ("take1.mp4", "take1"), ("head.mp4", "head"), ("20240512.mp4", "20240512"),
    ("shot.####.png", "shot"), ("shot_%04d.exr", "shot"), ("shot.%d.png", "shot"), ("shot.*.png", "shot"),
    ("head_##_v2.png", "head_v2"), ("####.png", "plates"), ("*.jpg", "plates"), (".", "plates")])
def test_a_take_is_called_after_its_clip_or_the_sequence_without_its_numbers(tmp_path: Path, clip: str,
                                                                             name: str) -> None:
    (tmp_path / "plates").mkdir()
    assert name_of(tmp_path / "plates" / clip) == name


def test_an_image_sequence_has_the_scenes_rate_or_the_one_that_is_given(told: dict) -> None:
    assert told["sequence"]["scene"] == ["FINISHED", 25.0, [1, 2, 3]]
    answer, fps, frames = told["sequence"]["given"]
    assert (answer, fps) == ("FINISHED", 29.97) and frames == pytest.approx([1, 1 + 25 / 29.97, 1 + 50 / 29.97])


def test_the_take_of_a_sequence_goes_on_with_its_own_rate_in_a_scene_of_another(told: dict) -> None:
    answer, fps, frames = told["sequence"]["again"]
    assert (answer, fps) == ("FINISHED", 25.0) and frames == pytest.approx([1, 2.2, 3.4])
    assert told["sequence"]["given again"][:2] == ["FINISHED", 29.97]


def test_a_video_keeps_its_own_rate_whatever_is_given(told: dict) -> None:
    assert told["sequence"]["video"] == ["FINISHED", 25.0]


def test_with_a_window_a_timer_ticks_the_job_and_other_events_pass(told: dict) -> None:
    finished = told["windowed"]["finished"]
    assert finished["state"] == ["FINISHED"] and finished["reports"] == [["INFO", "take baked"]]
    assert finished["key"] == ["PASS_THROUGH"] and finished["timers"] == [] and finished["last"] == []
    assert "of 29 frames" in finished["words"] and "s left" in finished["words"] and "Esc: stop" in finished["words"]


def test_esc_stops_the_job_and_says_what_is_kept(told: dict) -> None:
    stopped = told["windowed"]["stopped"]
    (kind, sentence), = stopped["reports"]
    assert stopped["state"] == ["CANCELLED"] and kind == "WARNING" and "take.lprtake" in sentence
    assert stopped["taken back"] and not told["windowed"]["finished"]["taken back"]
    assert stopped["timers"] == [] and stopped["last"] == [] and stopped["left"] == []
