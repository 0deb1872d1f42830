"""make test-matrix: the installed zip in every version of Blender that pip can get, each in an environment of its own.

    python scripts/test_matrix.py [VERSION...]

Environments are kept in build/matrix/ (1 GB each). A version whose Python is not on this machine is skipped by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MATRIX = REPOSITORY / "build" / "matrix"
LEGS = {"4.2.23": "3.11", "4.5.15": "3.11", "5.0.1": "3.11", "5.2.3": "3.13"}        # bpy and its Python
TESTS = "tests/test_installed_addon.py"
TIMEOUT_S = 1200


def find_python(version: str) -> Path | None:
    """Python "3.13", on the path or among those of pyenv."""
    folders = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    places = [shutil.which(f"python{version}"),
              *(path for folder in folders for path in sorted(folder.glob(f"{version}.*/bin/python"), reverse=True))]
    for path in filter(None, places):
        told = subprocess.run([path, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
                              capture_output=True, text=True, check=False)
        if told.stdout.strip() == version:
            return Path(path)
    return None


def environment(bpy: str, python: Path) -> Path:
    """The Python of an environment with this bpy and what it brings; made once."""
    folder = MATRIX / bpy
    interpreter = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "ready").is_file():
        print(f"{bpy}: makes {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        without_pins = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"bpy=={bpy}"],
                       check=True, env=without_pins)
        (folder / "ready").touch()
    return interpreter


def run_leg(bpy: str, zip_path: Path) -> str:
    """One version: "passed", "failed", or "skipped: ..."."""
    python = find_python(LEGS[bpy])
    if python is None:
        return f"skipped: Python {LEGS[bpy]} is not on this machine"
    try:
        interpreter = environment(bpy, python)
    except subprocess.CalledProcessError as error:
        return f"failed: its environment could not be made ({error})"
    major, minor, patch = bpy.split(".")
    settings = {"LPRNET_BLENDER_PYTHON": str(interpreter), "LPRNET_BLENDER_VERSION": f"{major}.{minor}.{patch}",
                "LPRNET_ADDON_ZIP": str(zip_path)}
    try:
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", TESTS], cwd=REPOSITORY,
                              env={**os.environ, **settings}, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"failed: not done after {TIMEOUT_S} s"
    return "passed" if done.returncode == 0 else "failed"


def main(wanted: list[str]) -> int:
    """Returns 0 when no leg failed and at least one ran."""
    if unknown := set(wanted) - set(LEGS):
        print(f"test_matrix: no such leg: {', '.join(sorted(unknown))}; there are {', '.join(LEGS)}", file=sys.stderr)
        return 2
    sys.path.insert(0, str(REPOSITORY))
    from build_addon import build
    zip_path = build("linux-x64", REPOSITORY / "build" / "addon")
    outcomes = {}
    for bpy in wanted or LEGS:
        print(f"\nBlender {bpy}, Python {LEGS[bpy]}", flush=True)
        outcomes[bpy] = run_leg(bpy, zip_path)
    print()
    for bpy, outcome in outcomes.items():
        print(f"{bpy:8}{outcome}")
    return 0 if any(outcome == "passed" for outcome in outcomes.values()) and not any(
        outcome.startswith("failed") for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
