"""The rooms of the house: who may import whom, and what an import may load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("inference_core", "lprnet_blender", "training", "benchmarks")
MAY_NOT_IMPORT = {
    "inference_core": {"bpy", "mathutils", "tensorflow", "keras", "lprnet_blender", "training", "benchmarks"},
    "lprnet_blender": {"training", "benchmarks", "tensorflow", "keras"},
    "training": {"bpy", "lprnet_blender"},
    "benchmarks": {"bpy", "lprnet_blender"},
}
# What may load TensorFlow, and only inside a function: it is one of the two engines, and what others have trained needs it.
MAY_LOAD_TENSORFLOW = ("inference_core/engine.py", "inference_core/original/")
LONGEST_FILE = 600


def sources(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def imported_names(path: Path, *, top_level_only: bool = False) -> set[str]:
    """First parts of all absolute imports of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_between_packages_run_one_way(package: str) -> None:
    wrong = {}
    for path in sources(package):
        name = path.relative_to(REPOSITORY).as_posix()
        forbidden = imported_names(path, top_level_only=name.startswith(MAY_LOAD_TENSORFLOW)) & MAY_NOT_IMPORT[package]
        if forbidden:
            wrong[name] = sorted(forbidden)
    assert sources(package)
    assert not wrong


def test_blender_scene_code_knows_no_buttons() -> None:
    for path in sources("lprnet_blender/scene"):
        text = path.read_text(encoding="utf-8")
        assert "..ui" not in text and "lprnet_blender.ui" not in text, path


def test_no_file_grows_beyond_what_one_can_read() -> None:
    long = {path.name: lines for package in (*PACKAGES, "tests") for path in sources(package)
            if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE}
    assert not long


def test_libraries_never_print() -> None:
    programs = {"inference_core/cli", "lprnet_blender/command"}
    printing = []
    for package in ("inference_core", "lprnet_blender"):
        for path in sources(package):
            name = path.relative_to(REPOSITORY).as_posix()
            if any(name.startswith(program) for program in programs):
                continue
            calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                     if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
            printing += [f"{name}:{call.lineno}" for call in calls if call.func.id == "print"]
    assert not printing


def test_importing_the_core_loads_no_blender_no_tensorflow_and_no_network() -> None:
    code = "import json, sys, inference_core; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "inference_core" in loaded
    assert not loaded & {"bpy", "tensorflow", "keras", "ai_edge_litert", "dlib", "lprnet_blender", "training"}


def test_importing_the_blender_package_needs_no_blender() -> None:
    code = "import sys, lprnet_blender, lprnet_blender.command; print('bpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
