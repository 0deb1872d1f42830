"""What is linked from another .blend file is left as it is, and never mistaken for this file's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from blender_told import told_by
import takes
from take_readers import read_mdd

from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent
LOCAL_HEIGHT_M = 5.0                                # of blender_linked
MAKE_LOCAL = "is linked from another file; make it local (Object > Relations > Make Local > Selected Objects and Data)"


@pytest.fixture(scope="module")
def folder(run_blender: Callable[..., subprocess.CompletedProcess[str]], astronaut_png: Path, shipped_weights: Path,
           tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, topology = tmp_path_factory.mktemp("linked"), load_topology()
    (folder / "library").mkdir()
    takes.write_take(folder / "library" / "take.lprtake", topology, (takes.acted(topology, each) for each in range(8)))
    takes.write_take(folder / "short.lprtake", topology, (takes.acted(topology, each) for each in range(5)))
    shutil.copy(astronaut_png, folder / "photo.png")
    done = run_blender(HERE / "blender_linked.py", folder)
    (folder / "told.json").write_text(json.dumps(told_by(done)))
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict:
    return json.loads((folder / "told.json").read_text())


@pytest.mark.parametrize("kind, subject", [("linked", "take "), ("override", "take "), ("mesh", "The mesh of take ")])
def test_a_linked_face_is_not_baked_again_but_stays_and_one_sentence_says_what_to_do(
        told: dict, kind: str, subject: str) -> None:
    face = told["faces"][kind]
    for sentence in (face["pressed"], face["baked"], face["panel"]):
        assert f"{subject}{MAKE_LOCAL}" in sentence and "Traceback" not in sentence
    assert face["kept"]


@pytest.mark.parametrize("kind", ["linked", "override"])
def test_a_linked_face_that_was_made_local_is_baked_again_from_its_take(told: dict, kind: str) -> None:
    can, pressed, start, moves = told["faces"][f"{kind} made local"]
    assert can and pressed == "FINISHED" and start == 50 and moves > 1e-4


def test_the_take_of_a_linked_face_lies_beside_the_linked_file(told: dict) -> None:
    assert {told["faces"][kind]["take"] for kind in ("linked", "override")} == {"library/take.lprtake"}
    assert told["faces"]["override"]["saved elsewhere"] == "library/take.lprtake"


@pytest.mark.parametrize("kind", ["linked", "override", "mesh"])
def test_a_linked_face_does_not_follow_a_camera(told: dict, kind: str) -> None:
    assert told["faces"][kind]["follows"] == "is linked from another file"


@pytest.mark.parametrize("kind", ["linked", "override"])
def test_where_the_active_collection_is_linked_new_faces_go_into_the_scenes_own(told: dict, kind: str) -> None:
    baked, captured, objects, meshes = told["rooms"][kind]
    assert (baked, captured) == ("FINISHED", "FINISHED")
    assert objects == ["Live Face", "photo", "take"] == meshes


def test_a_linked_scene_is_refused_in_a_sentence(told: dict) -> None:
    for sentence in told["rooms"]["scene"]:
        assert "The scene Scene is linked from another file" in sentence and "Traceback" not in sentence
    assert told["rooms"]["scene kept"]


def test_of_two_faces_of_one_name_the_one_that_is_meant_is_exported_and_baked(folder: Path, told: dict) -> None:
    twins = told["twins"]
    heights = {name: float(read_mdd(folder / f"{name}.mdd")[1][0][:, 1].mean())
               for name in ("local", "linked", "command local", "command linked", "override")}
    for name, height in heights.items():
        assert height == pytest.approx(LOCAL_HEIGHT_M if "local" in name else 0.0, abs=0.2), name
    assert MAKE_LOCAL in twins["refused"] and twins["refused starts"] == [1, 1]
    assert twins["again"] == "FINISHED" and twins["again starts"] == [30, 1]


def test_the_command_asks_which_of_two_faces_of_one_name_is_meant(told: dict) -> None:
    twins = told["twins"]
    code, said = twins["unnamed"]
    assert code == 2 and "holds 2 faces; name one with --object: take, take (//library/library.blend)" in said
    assert [twins[name][0] for name in ("command local", "command linked")] == [0, 0]
    assert twins["only an override"] == 0           # what it was made from is in no scene


@pytest.mark.parametrize("kind", ["one", "two"])
def test_a_face_that_an_instance_of_a_linked_collection_shows_is_rendered(folder: Path, told: dict, kind: str) -> None:
    (code, said), _ = told["instances"][kind]
    assert code == 0, said
    assert cv2.imread(str(folder / f"{kind}.png")).std() > 5


def test_a_face_that_an_instance_alone_shows_is_not_exported_and_a_sentence_says_what_to_do(told: dict) -> None:
    for kind in ("one", "two"):
        code, said = told["instances"][kind][1]
        assert code == 2 and "Make Instances Real" in said and "Traceback" not in said
    code, said = told["instances"]["hidden"][0]
    assert code == 2 and "all its faces are hidden" in said


def test_a_face_that_was_made_local_keeps_its_take_wherever_it_is_saved(told: dict) -> None:
    made = told["made_local"]
    assert made["panel"] == "library/take.lprtake" and made["saved"] == "//../../library/take.lprtake"
    assert made["libraries"] == 0 and made["again"] == "FINISHED"


def test_a_face_whose_take_is_gone_is_not_baked_from_a_linked_files_other_take(told: dict) -> None:
    made = told["made_local"]
    assert "is not there any more" in made["own gone"] and made["frames"] == 5
