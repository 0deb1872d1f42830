"""The export button in unusual scenes: what it writes is right, or it says in one sentence why there is nothing, and the
scene stays as it was."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from blender_told import told_by
import takes
from bake_truth import world
from export_readers import obj_picture, obj_points, read_gltf, read_sequence, read_usd, z_up
from take_readers import read_mdd, read_pc2

from inference_core.take import open_take
from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent
FPS, START, CURSOR = 24, 11, np.array([0.25, -0.5, 1.0])
STAMPS = [0, 1, 2.31, 3.07, 4.5, 5.05, 6.77, 7.9, 8.1, 9.6]
MISTAKES = {
    "no name": "ending", "ending": "a.stl", "two formats": "another format than GLTF", "missing folder": "missing",
    "two numbers": "one number", "hidden": "show it", "taken by a folder": "a folder",
    "two lines": "two lines", "not unicode": "Unicode", "disk full": "full.abc: cannot be written (File too large)",
    "disk full obj": "half a mesh", "disk full glb": "full.glb: cannot be written (File too large)",
    "disk full usd": "full.usdc: cannot be written (Blender wrote half a file", "no room": "room for 31 MB",
    "vertices change": "number of vertices", "tiles": "UDIM", "exporter fails glb": "b.glb: cannot be written (No space left on device)",
    "exporter fails usda": "b.usda: cannot be written (No space left on device)"}


@pytest.fixture(scope="module")
def folder(run_blender: Callable[..., subprocess.CompletedProcess[str]],
           tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, topology = tmp_path_factory.mktemp("cases"), load_topology()
    few = takes.write_take(folder / "few.lprtake", topology, (takes.acted(topology, index) for index in range(10)))
    uneven = takes.write_take(folder / "uneven.lprtake", topology, (
        dataclasses.replace(takes.acted(topology, index), time_s=stamp / 25) for index, stamp in enumerate(STAMPS)))
    (folder / "out").mkdir()
    done = run_blender(HERE / "blender_export_cases.py", few, uneven, folder / "out")
    (folder / "told.json").write_text(json.dumps(told_by(done)))
    return folder / "out"


@pytest.fixture(scope="module")
def told(folder: Path) -> dict:
    return json.loads((folder.parent / "told.json").read_text())


@pytest.fixture(scope="module")
def shown(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "shown.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(told: dict, case: str) -> None:
    answer = told[case]["answer"]
    assert isinstance(answer, str) and MISTAKES[case] in answer
    assert answer.strip().count("\n") == 0 and "Traceback" not in answer
    assert told[case]["new"] == [] and told[case]["kept"]


@pytest.mark.parametrize("case", ["deleted", "left", "renamed"])
def test_a_face_that_is_taken_away_meanwhile_ends_the_export_in_a_sentence(told: dict, case: str) -> None:
    entry = told[f"{case} meanwhile"]
    assert "few: deleted, renamed, or another scene" in entry["answer"] and entry["new"] == []


def test_a_stopped_export_leaves_nothing(told: dict) -> None:
    assert told["stopped"]["answer"] and told["stopped"]["kept"] and told["stopped"]["new"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_an_export_holds_no_file_of_its_folder_when_that_is_removed(told: dict) -> None:
    assert told["mapped"] == [False] * 5


def test_whatever_is_exported_the_scene_stays_as_it_was(told: dict) -> None:
    pressed = {case: entry["kept"] for case, entry in told.items() if "kept" in entry}
    assert len(pressed) > 15 and all(pressed.values()), pressed


def test_the_button_asks_for_a_face_and_object_mode(told: dict) -> None:
    assert told["edit mode"]["poll"] is False and told["cube"]["poll"] is False


def test_a_still_face_goes_to_every_format(folder: Path, shown) -> None:
    assert np.abs(read_gltf(folder / "still.glb").at(0) - shown["still"]).max() < 1e-6
    assert read_gltf(folder / "still.glb").targets == 0
    assert np.abs(read_usd(folder / "still.usdc").at(1) - shown["still"]).max() < 1e-6
    assert np.abs(z_up(obj_points(folder / "still.obj")) - shown["still"]).max() < 2e-6
    assert obj_picture(folder / "still.obj").shape == (32, 32, 3)
    for points in (read_mdd(folder / "still.mdd")[1], read_pc2(folder / "still.pc2")[1]):
        assert len(points) == 1 and np.abs(z_up(points[0]) - shown["still"]).max() < 1e-6
    assert (folder / "still.fbx").stat().st_size > 100_000 and (folder / "still.abc").stat().st_size > 100_000


def test_a_name_without_an_ending_and_a_folder_get_one_from_the_format(told: dict) -> None:
    assert "added.mdd" in told["added ending"]["new"] and "few.glb" in told["folder"]["new"]


def test_uneven_stamps_are_kept_where_the_format_can_and_told_where_it_cannot(folder: Path, told: dict) -> None:
    take = open_take(folder.parent / "uneven.lprtake")
    usd, gltf = read_usd(folder / "uneven.usda"), read_gltf(folder / "uneven.glb")
    assert len(usd.codes) == len(gltf.times) == len(STAMPS)
    for row, stamp in enumerate(STAMPS):
        expected, frame = world(take, row, True, CURSOR), START + stamp / 25 * FPS
        assert np.abs(usd.at(frame) - expected).max() < 2e-6
        assert np.abs(gltf.at(frame / FPS) - expected).max() < 1e-4
    assert "ms from the nearest sample" in told["uneven"]["abc"][0]
    assert not any("nearest" in note for kind in ("usda", "glb") for note in told["uneven"][kind])


def test_a_stretched_parent_and_another_unit_come_out_in_metres(folder: Path, shown) -> None:
    points, gltf = read_pc2(folder / "stretched.pc2")[1], read_gltf(folder / "stretched.glb")
    for number, frame in enumerate((11, 14, 20)):
        assert np.abs(z_up(points[frame - START]) - shown["stretched"][number]).max() < 2e-6
    assert np.abs(gltf.at(START / FPS) - shown["stretched"][0]).max() < 1e-4


@pytest.mark.parametrize("name", ["captured", "baked", "live", "again", "applied"])
@pytest.mark.parametrize("unit", ["METRIC 0.01", "IMPERIAL 0.3048", "NONE 0.01"])
def test_a_face_has_its_size_and_place_in_metres_whatever_unit_the_scene_has(folder: Path, told: dict, name: str,
                                                                             unit: str) -> None:
    metres = read_mdd(folder / f"{name} METRIC 1.0.mdd")[1]
    assert 0.16 < np.ptp(metres[0], axis=0).max() < 0.25
    points = read_mdd(folder / f"{name} {unit}.mdd")[1]
    assert points.shape == metres.shape and np.abs(points - metres).max() < 5e-6
    assert told[f"cleared {unit}"]["scale"] == 1
    if name not in ("again", "applied"):
        assert told[f"{name} {unit}"]["height"] == pytest.approx(told[f"{name} METRIC 1.0"]["height"], rel=1e-4)


def test_the_scenes_range_alone_where_it_is_asked_for(folder: Path, shown) -> None:
    meshes, usd = read_sequence(folder, "range"), read_usd(folder / "range.usda")
    assert sorted(meshes) == [13, 14, 15, 16]
    assert usd.codes[0] == 13 and usd.codes[-1] == 16 and len(usd.codes) == 5     # 13, three keys between, 16
    for number, frame in enumerate(meshes):
        assert np.abs(meshes[frame] - shown["range"][number]).max() < 2e-6
    assert np.abs(usd.at(13) - shown["range"][0]).max() < 2e-6
    assert np.abs(usd.at(16) - shown["range"][3]).max() < 2e-6


def test_what_modifiers_make_of_the_face_is_what_is_written(folder: Path, shown) -> None:
    points = read_mdd(folder / "subdivided.mdd")[1]
    assert points.shape[1] == shown["subdivided"].shape[1] > 40_000
    for number, frame in enumerate((11, 18)):
        assert np.abs(z_up(points[frame - START]) - shown["subdivided"][number]).max() < 2e-6


def test_gltf_which_knows_no_time_before_zero_starts_at_zero(folder: Path, shown) -> None:
    got = read_gltf(folder / "negative.glb")
    assert got.times[0] == 0 and np.abs(got.at(0) - shown["negative"]).max() < 1e-4


def test_what_lies_before_frame_zero_is_written_or_moved_and_told(folder: Path, shown, told: dict) -> None:
    usd = read_usd(folder / "early.usda")
    assert usd.codes[0] == -29 and told["early usda"]["notes"] == []
    for number, frame in enumerate((-29, -25)):
        assert np.abs(usd.at(frame) - shown["early"][number]).max() < 2e-6
    assert "frame -29" in " ".join(told["early fbx"]["notes"])
    assert np.abs(shown["early fbx"] - shown["early"]).max() < 1e-4


def test_what_another_object_does_to_the_face_is_written_frame_by_frame(folder: Path, shown) -> None:
    points = read_mdd(folder / "lattice.mdd")[1]
    assert len(points) == 4 and np.ptp(shown["lattice"], axis=0).max() > 0.02
    for number in range(4):
        assert np.abs(z_up(points[number]) - shown["lattice"][number]).max() < 2e-6
    assert len(read_mdd(folder / "lattice_at_rest.mdd")[1]) == 1


def test_a_modifier_that_nothing_moves_keeps_the_bare_key_times(told: dict) -> None:
    counts = told["modified"]
    moving = {name for name in counts if " " in name} | {"WAVE"}
    assert len(counts) > 20 and len(moving) > 5
    assert {name for name, count in counts.items() if count != counts[""]} == moving, counts


def test_a_relative_path_gives_a_file_that_finds_its_skin(folder: Path) -> None:
    said = (folder / "relative.usda").read_text().replace("@./", "@")
    assert "@relative_skin.png@" in said and (folder / "relative_skin.png").is_file()


def test_what_was_written_is_told_in_a_sentence(told: dict) -> None:
    assert told["words"] == ["a.0001.obj to a.0003.obj written", "a.obj and 1 more file written", "a.glb written. 12 shapes"]
