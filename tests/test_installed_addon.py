"""The real zip, installed into the real Blender the way a user does it, in a user folder of its own.

`make test-matrix` runs this file against each obtainable version; LPRNET_BLENDER_PYTHON names the Python that has it.
Otherwise it is the bpy of this environment, and nothing else of it: no OpenCV, no core.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from blender_told import told_by
from mjpeg_server import camera, head_pictures

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 400
Told = Callable[..., dict]


@pytest.fixture(scope="module")
def blender_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has bpy and NumPy alone."""
    if given := os.environ.get("LPRNET_BLENDER_PYTHON"):
        return Path(given)
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("bpy is not installed in this environment")
    if os.name == "nt":
        pytest.skip("links to bpy need special rights on Windows")
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in ("bpy", "numpy", "numpy.libs"):
        source = Path(importlib.util.find_spec("bpy").submodule_search_locations[0]).parent / name
        if source.exists():
            (packages / name).symlink_to(source)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def run_installed(blender_python: Path, user_folder: Path) -> Told:
    """`run_installed(step, *arguments, read_only=folder)` runs a step of installed_addon.py and gives what it tells."""

    def run(*arguments: str | Path, read_only: Path | None = None) -> dict:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LPRNET_", "PYTHON"))}
        command = [blender_python, HERE / "installed_addon.py", *arguments]
        if read_only:
            command = [*read_only_view(read_only), *command]
        done = subprocess.run(list(map(str, command)), env={**environment, "BLENDER_USER_RESOURCES": str(user_folder)},
                              cwd=user_folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return {**told_by(done), "stderr": done.stderr, "stdout": done.stdout}

    return run


def read_only_view(folder: Path) -> list[str]:
    """The start of a command that sees `folder` without the right to write, even for root; [] where that cannot be."""
    script = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}" && exec "$@"'
    start = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*start, "true"], capture_output=True, check=False).returncode:
        return []
    return start


@pytest.fixture(scope="module")
def installed(run_installed: Told, addon_zip: Path) -> dict:
    return run_installed("install", addon_zip)


@pytest.fixture(scope="module")
def extension(installed: dict, user_folder: Path) -> Path:
    return user_folder / "extensions" / "user_default" / "lprnet_blender"


@pytest.fixture(scope="module")
def life(installed: dict, run_installed: Told) -> dict:
    return run_installed("life")


@pytest.fixture(scope="module")
def clip(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that moves across the picture for 12 frames."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 24, (320, 320))
    for frame in range(12):
        writer.write(np.ascontiguousarray(astronaut[:320, 60 + 3 * frame:380 + 3 * frame, ::-1]))
    writer.release()
    return path


@pytest.fixture(scope="module")
def used(extension: Path, run_installed: Told, astronaut: np.ndarray, astronaut_png: Path, clip: Path,
         tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The operators' answers, with the installed add-on on a disk that cannot be written to; and what changed there."""
    before = contents(extension)
    with camera(head_pictures(astronaut), count=500) as stand_in:
        told = run_installed("use", astronaut_png, clip, stand_in.address, tmp_path_factory.mktemp("used"),
                             read_only=extension)
    return {**told, "written": sorted(set(contents(extension)) ^ set(before))}


def contents(folder: Path) -> list[tuple[str, int, int]]:
    """What is there, but for the caches that Python itself makes when it imports."""
    return [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_blender_installs_the_zip_and_switches_it_on(installed: dict) -> None:
    assert installed["answer"] == ["FINISHED"]
    assert installed["enabled"]
    assert "Traceback" not in installed["stdout"] + installed["stderr"]
    if wanted := os.environ.get("LPRNET_BLENDER_VERSION"):
        assert installed["blender"] == wanted


def test_its_packages_come_from_the_zip_and_numpy_from_blender(installed: dict, user_folder: Path) -> None:
    inside = {name: str(user_folder.resolve()) in place for name, place in installed["modules"].items()}
    assert inside == {"cv2": True, "dlib": True, "ai_edge_litert.interpreter": True, "numpy": False}
    assert installed["absolute"] == []


def test_switched_off_it_leaves_nothing_behind(life: dict) -> None:
    for kind, names in life["before"].items():
        assert life["off"][kind] == names, kind
        assert life["off_again"][kind] == names, kind


def test_switched_on_again_it_is_all_there(life: dict) -> None:
    assert "lprnet.capture_image" not in life["before"]["operators"]
    assert "lprnet.capture_image" in life["on"]["operators"]
    assert {"LPRNET_PT_capture", "LPRNET_OT_bake_video", "LPRNET_FH_image"} <= set(life["on"]["types"])
    assert "Scene.lprnet" in life["on"]["properties"]
    for kind, names in life["on"].items():
        assert life["on_again"][kind] == names, kind
    assert "Traceback" not in life["stdout"] + life["stderr"]


def test_every_operator_of_the_checkout_is_there(used: dict) -> None:
    sources = (HERE.parent / "lprnet_blender" / "ui" / "operators").glob("*.py")
    names = {name for path in sources for name in re.findall(r'bl_idname = "lprnet\.(\w+)"', path.read_text("utf-8"))}
    assert set(used["operators"]) == names
    assert used["check_installation"] == ["FINISHED"]


def test_a_photo_becomes_a_face(used: dict) -> None:
    assert used["capture_image"] == ["FINISHED"]
    face = used["face"]
    assert face["name"] == "astronaut" and face["vertices"] > 10_000 and face["packed"]
    assert 0.12 < face["size"][0] < 0.18 and 0.16 < face["size"][2] < 0.24
    assert face["confidence"] > 0.5 and face["moves"] == 0


def test_a_clip_is_baked_and_lies_on_the_take_in_each_mode(used: dict) -> None:
    assert used["bake_video"] == ["FINISHED"] and used["frames"] == 12
    for mode in ("RELATIVE", "POINT_CACHE", "ABSOLUTE"):
        assert used[f"rebake {mode}"] == ["FINISHED"]
    assert set(used["off"]) == {"ABSOLUTE OBJECT", "RELATIVE VERTICES", "POINT_CACHE NONE"}
    assert max(used["off"].values()) < 1e-5
    assert used["baked"]["moves"] > 0.001 and used["baked"]["packed"]


def test_every_format_is_written(used: dict) -> None:
    for name, (answer, size) in used["export"].items():
        assert answer == ["FINISHED"] and size > 10_000, name


def test_a_face_follows_a_camera_and_is_recorded(used: dict) -> None:
    assert used["live_webcam"] == ["FINISHED"]
    assert used["live_frames"] >= 8


def test_nothing_is_written_where_it_is_installed(used: dict) -> None:
    assert used["written"] == []
    assert "Traceback" not in used["stdout"] + used["stderr"]


def test_a_file_made_with_it_opens_without_it(used: dict, run_installed: Told) -> None:
    told = run_installed("without", used["blend"])
    assert not told["known"]
    assert (told["face"], told["baked"]) == (used["face"], used["baked"])
    assert told["saved"] == ["FINISHED"]
    assert "Traceback" not in told["stdout"] + told["stderr"]


def test_the_whole_zip_passes_its_own_check(addon_zip: Path) -> None:
    done = subprocess.run([sys.executable, HERE.parent / "build_addon.py", "--check", addon_zip], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{addon_zip}: good\n"), done.stderr
