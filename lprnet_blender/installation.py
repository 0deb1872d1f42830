# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether everything that the add-on needs is there and works, as a block for a bug report. Knows no Blender.

Folders are told by what they are for, never by their names: a block is pasted where everybody reads it.
"""

from __future__ import annotations

import platform
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

MODULES = (("numpy", "numpy"), ("cv2", "opencv-python-headless"), ("dlib", "dlib-bin"))
ENGINE_MODULES = {"litert": ("ai_edge_litert", "ai-edge-litert"), "tensorflow": ("keras", "tensorflow-cpu")}
MANIFEST = "blender_manifest.toml"
PICTURE_SIDE = 256
MOST_OFF, LEAST_SIDE = 0.15, 0.3        # shares of the picture's side
PATHS = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\\/:'\"\n]+[\\/])+[^\\/:'\"\n]+")


@dataclass(frozen=True)
class Installation:
    """block: lines of text; problems: a sentence for each of the checks that failed."""

    block: str
    problems: tuple[str, ...]
    checks: int


def check_installation(engine: str, threads: int, take_folder: str | None, *, blender: str) -> Installation:
    """Try imports, the hashes of the weights, one inference on a drawn face, and writing into the take folder (None:
    takes come beside their clips, nothing is tried)."""
    checks: list[tuple[str, Callable[[], str]]] = [
        (package, partial(_package, module, package)) for module, package in (*MODULES, ENGINE_MODULES[engine])]
    checks += [("topology", _topology), ("weights", _weights), ("inference", partial(_inference, engine, threads)),
               ("take folder", partial(_writable, take_folder))]
    manifest = tomllib.loads((Path(__file__).parent / MANIFEST).read_text(encoding="utf-8"))
    own = manifest.get("version") or _version("lprnet-blender")        # of the zip, or of a checkout
    lines = [f"L-PRNet for Blender {own}", f"Blender {blender}",
             f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {platform.machine()}",
             f"engine {engine}, {threads} thread{'s' if threads > 1 else ''}"]
    problems = []
    for name, check in checks:
        try:
            lines.append(f"ok      {name}: {check()}")
        except Exception as error:          # whatever it is: finding it is what the check is for
            problems.append(f"{name}: {_without_folders(str(error) or type(error).__name__)}")
            lines.append(f"FAILED  {problems[-1]}")
    return Installation("\n".join(lines) + "\n", tuple(problems), len(checks))


def _package(module: str, package: str) -> str:
    found = import_module(module)
    return str(_version(package) or getattr(found, "__version__", "version unknown"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _topology() -> str:
    from inference_core.topology import load_topology
    topology = load_topology()
    return f"{topology.name}, {len(topology.cells)} vertices, {topology.sha256[:12]}"


def _weights() -> str:
    from inference_core.weights import load_cards
    files = [(card, file) for card in load_cards().values() for file in card.files.values()]
    for _, file in files:
        file.read()                         # compares length and SHA-256
    return f"{len(files)} files of {', '.join(dict.fromkeys(card.name for card, _ in files))} are as they were made"


def _inference(engine: str, threads: int) -> str:
    """A drawing of the mean face, found by the detector and captured."""
    from inference_core.engine import load_network
    from inference_core.regression import CaptureOptions, capture_faces
    from inference_core.rendering import render_mesh
    from inference_core.topology import load_topology
    topology = load_topology()
    quads = topology.faces[topology.faces[:, 3] >= 0]
    picture = render_mesh(topology.mean_canonical, np.concatenate([topology.faces[:, :3], quads[:, [0, 2, 3]]]),
                          size=PICTURE_SIDE)
    began = time.perf_counter()
    load_network("default", engine, threads)
    loaded = time.perf_counter()
    faces = capture_faces(picture, CaptureOptions(engine=engine, threads=threads))
    done = time.perf_counter()
    if not faces:
        raise RuntimeError("no face is found in the built-in picture")
    left, top, right, bottom = faces[0].box
    off = np.hypot((left + right - PICTURE_SIDE) / 2, (top + bottom - PICTURE_SIDE) / 2)
    if off > MOST_OFF * PICTURE_SIDE or not LEAST_SIDE < (right - left) / PICTURE_SIDE < 1:
        raise RuntimeError(f"the face in the built-in picture is found in the wrong place, {off:.0f} pixels off")
    return (f"face found, confidence {faces[0].confidence:.2f}; network loaded in {1000 * (loaded - began):.0f} ms, "
            f"captured in {1000 * (done - loaded):.0f} ms")


def _without_folders(text: str) -> str:
    """Names of folders often hold the user's name."""
    short = PATHS.sub(lambda found: f"…/{Path(found.group().replace(chr(92), '/')).name}", text)
    return " ".join(short.split())


def _writable(folder: str | None) -> str:
    if folder is None:
        return "beside the clips"
    from inference_core.files import check_writable
    path = Path(folder)
    if not path.is_dir():
        raise RuntimeError("the folder of the preferences does not exist; choose another or make it")
    check_writable(path / "check.lprtake")
    return "can be written to"
