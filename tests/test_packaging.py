"""What pip and Blender are told about this project, and that an installed copy works outside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def read_toml(name: str) -> dict:
    return tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))


def pinned_versions() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    project = read_toml("pyproject.toml")["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {normal(re.match(r"[\w.-]+", line)[0]) for group in groups for line in group} - {"lprnet-blender"}
    assert names <= set(pinned_versions())


def test_the_pins_hold_one_environment_for_blender_and_both_engines() -> None:
    pins = pinned_versions()
    assert pins["bpy"] == "5.0.1"
    assert pins["numpy"] == "1.26.4"
    assert pins["opencv-python-headless"] == "4.11.0.86"
    assert pins["tensorflow-cpu"] == pins["tensorflow"]
    assert pins["tensorflow-cpu"].startswith("2.21.")
    assert pins["ai-edge-litert"].startswith("2.3.")
    assert pins["dlib-bin"].startswith("20.")


def test_the_core_stays_light() -> None:
    core = " ".join(read_toml("pyproject.toml")["project"]["dependencies"])
    for heavy in ("tensorflow", "bpy", "scipy", "scikit-image", "numba"):
        assert heavy not in core


def test_every_file_of_the_add_on_names_its_licence() -> None:
    for path in (REPOSITORY / "lprnet_blender").rglob("*.py"):
        assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n"), path


def test_all_packages_are_in_the_wheel() -> None:
    listed = set(read_toml("pyproject.toml")["tool"]["setuptools"]["packages"])
    found = {path.parent.relative_to(REPOSITORY).as_posix().replace("/", ".")
             for package in ("inference_core", "lprnet_blender")
             for path in (REPOSITORY / package).rglob("__init__.py")}
    assert found | {"inference_core.shipped_weights"} == listed


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project as pip installs it from a wheel."""
    pytest.importorskip("setuptools", "77")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "NOTICE"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("LICENSES", "inference_core", "lprnet_blender", "weights"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target",
         str(target), str(source)], capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run_installed(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python far from the checkout, with the installed copy first on its path."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    environment.pop("LPRNET_WEIGHTS", None)
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)


def test_an_installed_copy_brings_its_topology(installed: Path, tmp_path: Path) -> None:
    code = "from inference_core.topology import load_topology as t; import inference_core as c; " \
           "print(c.__file__, len(t().cells))"
    done = run_installed(installed, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    where, cells = done.stdout.rsplit(maxsplit=1)
    assert where.startswith(str(installed))
    assert int(cells) > 1000


def test_an_installed_copy_captures_a_photo(installed: Path, tmp_path: Path, astronaut_png: Path,
                                            shipped_weights: Path) -> None:
    done = run_installed(installed, tmp_path, "-m", "inference_core.cli", "image", str(astronaut_png), "-o",
                         "face.obj")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "face.obj").stat().st_size > 100_000


def test_the_licence_texts_travel_with_the_wheel(installed: Path) -> None:
    texts = {path.name for path in installed.rglob("licenses/**/*") if path.is_file()}
    assert {"MIT.txt", "GPL-3.0-or-later.txt", "Apache-2.0.txt", "CC0-1.0.txt", "MIT-ICT-FaceKit.txt",
            "NOTICE"} <= texts


def make(folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    """GNU make in a folder with the Makefile, with this Python for that of .venv."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    (folder / ".venv").mkdir(exist_ok=True)
    (folder / ".venv" / "installed").touch()
    probe = "probe:\n\t$(PY) -m pip install --dry-run --no-index --no-deps pip\n"
    (folder / "more.mk").write_text(f"include Makefile\n{probe}")
    return subprocess.run(["make", "-f", "more.mk", f"PY={sys.executable}", *targets], cwd=folder, capture_output=True,
                          text=True, timeout=120, check=False)


def test_the_pins_are_found_where_the_path_has_a_blank(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    done = make(folder, "probe")
    assert done.returncode == 0, done.stderr
    (folder / "python 3").write_text("#!/bin/sh\necho asked for $1\n")
    (folder / "python 3").chmod(0o755)
    done = make(folder, f"PYTHON={folder / 'python 3'}", ".venv-types/installed")
    assert "asked for scripts/check_python.py" in done.stdout


def test_a_wheel_is_not_made_of_what_an_earlier_one_left(tmp_path: Path) -> None:
    gone = tmp_path / "build" / "lib" / "inference_core" / "gone.py"
    gone.parent.mkdir(parents=True)
    gone.touch()
    done = make(tmp_path, "wheel", "PY=test ! -e build/lib #")         # in the place of pip
    assert done.returncode == 0 and not gone.exists(), done.stderr
