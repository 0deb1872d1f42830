"""Starting Python beside a program that has one built in, with the same packages and nothing of the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from inference_core.errors import EngineError

# The package is loaded from its folder under its own name: inside the add-on it lies in another package, which the
# child must not import, and its neighbours there must not become modules that hide others.
BOOT = """
import json, sys
order = json.loads(sys.stdin.buffer.readline(1 << 20))
sys.path[:] = order["path"]
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("inference_core", order["core"] + "/__init__.py",
                               submodule_search_locations=[order["core"]])
sys.modules["inference_core"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["inference_core"])
from inference_core.live.child import main
main(order, sys.stdin.buffer)
"""
# Without it Media Foundation takes up to a minute to open some webcams (opencv/opencv#17687). OpenCV asks for it when
# it is loaded, so it is there before the child begins.
ENVIRONMENT = {"OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0"}
CORE = Path(__file__).resolve().parent.parent
ENDING = ".exe" if sys.platform == "win32" else ""


def interpreter() -> str:
    """The Python of this process as a program. Blender's own is sys.executable; where that is something else (an
    application with Python built in), the one that its library belongs to. Raises EngineError where there is none."""
    for path in _candidates():
        if path.name.lower().startswith("python") and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise EngineError(f"no Python was found in {sys.prefix}; the live capture needs the one that belongs to Blender: "
                      "install Blender from blender.org")


def _candidates() -> Iterator[Path]:
    for known in (sys.executable, getattr(sys, "_base_executable", None)):
        if known:
            yield Path(known)
    for folder in (sys.prefix, sys.base_prefix, sys.exec_prefix):
        for place in ("bin", "Scripts", "."):
            for name in (f"python{sys.version_info.major}.{sys.version_info.minor}", "python3", "python"):
                yield Path(folder) / place / (name + ENDING)


def start(command: list[str] | None = None) -> subprocess.Popen[bytes]:
    """A process with three pipes that waits for its order; `order` makes that. Raises EngineError."""
    command = command or [interpreter(), *(["-B"] if sys.dont_write_bytecode else []), "-I", "-c", BOOT]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=ENVIRONMENT | os.environ,       # what the user has set stays
                                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
    except OSError as error:
        raise EngineError(f"{command[0]}: cannot be started ({error.strerror or error}); reinstall Blender or the "
                          "add-on") from error


def order(**task: object) -> bytes:
    """The line that tells a new process where its packages are, and what to do."""
    path = [entry for entry in sys.path if entry and Path(entry).is_absolute()]
    return json.dumps({"path": path, "core": str(CORE), **task}).encode() + b"\n"
