"""The add-on against the stubs of Blender's API; in an environment of its own, for stubs must not hide the real bpy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def test_the_add_on_uses_blenders_api_as_it_is_typed() -> None:
    folder = REPOSITORY / ".venv-types"
    programs = [path for path in (folder / "bin" / "mypy", folder / "Scripts" / "mypy.exe") if path.is_file()]
    if not programs:
        pytest.skip("the environment .venv-types with mypy and Blender's stubs is not there: make test makes it")
    done = subprocess.run([str(programs[0]), "lprnet_blender"], cwd=REPOSITORY, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
