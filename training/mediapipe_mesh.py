"""MediaPipe FaceMesh as its own package runs it, with attention, in an environment of its own (make
facemesh-environment): its dependencies do not go with ours, and plain LiteRT lacks the operations of that network. The
labels of the portraits come from it, and benchmarks compare with it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference_core.errors import InputError
from inference_core.images import write_image
from training.progress import Progress

SCRIPT = Path(__file__).with_name("mediapipe_points.py")
USUAL_PLACES = (".venv-facemesh/bin/python", ".venv-facemesh/Scripts/python.exe")
POINTS, MESH = 478, 468             # with and without the irises
# The FaceMesh points that are usually taken for iBUG's 68: the table that most programs share. Another one in use moves
# single columns by up to 0.4 points, to either side.
IBUG = np.array([
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296,
    334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61,
    39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87])


def find_python(given: Path | None) -> Path:
    """The Python that has MediaPipe. Raises InputError where there is none."""
    root = Path(__file__).resolve().parent.parent
    for python in [given] if given else [root / place for place in USUAL_PLACES]:
        if python.is_file():
            return python
    raise InputError(f"{given or root / USUAL_PLACES[0]}: no Python with MediaPipe; run make facemesh-environment")


def mediapipe_points(python: Path, title: str, pictures: Sequence[np.ndarray], quiet: bool = False) -> np.ndarray:
    """(H, W, 3) uint8 RGB pictures -> (n, 478, 3) float64 pixels of each, z towards the camera; NaN where MediaPipe
    finds no face. quiet: without a line of progress. Raises InputError when it does not run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, picture in enumerate(pictures):
            write_image(folder / f"{number}.png", picture)
        command = [str(python), str(SCRIPT), str(folder)]
        progress = None if quiet else Progress(f"FaceMesh: {title}", len(pictures))
        with open(folder / "said", "w+b") as said, \
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if progress and line.strip().isdecimal():
                    progress.advance(int(line))
            status = process.wait()
            said.seek(0)
            last = (said.read().decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1][:200]
        if progress:
            progress.close()
        if status or not (folder / "points.npy").is_file():
            raise InputError(f"{python}: MediaPipe does not run there ({last}); run make facemesh-environment again")
        points = np.load(folder / "points.npy", allow_pickle=False)
    if points.shape != (len(pictures), POINTS, 3):
        raise InputError(f"{python}: MediaPipe answered {points.shape}, not {POINTS} points a picture; run make "
                         "facemesh-environment again")
    return points.astype(np.float64)
