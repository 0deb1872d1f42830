"""`make demo`: the public-domain portrait that scikit-image ships becomes a .blend, mesh files and pictures.

    python -m benchmarks.demo --out out

Prints the engine, how long each step took, and where the results are. It calls what `lprnet image` calls, and starts
`python -m lprnet_blender` for the .blend and its render: it shows nothing that the commands cannot do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from inference_core.cli import report, say
from inference_core.engine import load_network
from inference_core.errors import LPRNetError
from inference_core.files import make_folder
from inference_core.formats import write_mesh
from inference_core.images import write_image
from inference_core.photo import capture_photo
from inference_core.pictures import draw_close_up, draw_overlay
from inference_core.regression import CaptureOptions
from inference_core.texture import sample_texture
from inference_core.weights import find_card

NAME = "astronaut"
STEPS = {"detect": "find the face", "network": "run the network", "looks": "look six times"}


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code; whatever a user can cause is one sentence on standard error."""
    parser = argparse.ArgumentParser(description="A portrait becomes a textured face: .blend, .obj, .glb, pictures.")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER",
                        help="for the results (default: out)")
    parser.add_argument("--engine", choices=("litert", "tensorflow"), default="litert")
    parser.add_argument("--texture-size", type=int, default=1024, metavar="PIXELS")
    parser.add_argument("--size", type=int, default=640, metavar="PIXELS", help="of each view in render.png")
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except LPRNetError as error:
        return report(error)


def run(options: argparse.Namespace) -> int:
    """The steps in the order of the work; what is there at the end of each is complete."""
    out, chosen = options.out, CaptureOptions(engine=options.engine)
    photo = _portrait(out)
    print(f"{photo} by the network {find_card(chosen.weights).name}; engine: {chosen.engine}, {chosen.threads} thread")
    with _timed("load the network"):
        load_network(chosen.weights, chosen.engine, chosen.threads)
    image, (face,) = capture_photo(photo, chosen, on_step=_tell_step)
    with _timed("sample the texture"):
        texture = sample_texture(image, face, options.texture_size)
    for ending in ("obj", "glb"):
        with _timed(f"write the .{ending}"):
            write_mesh(out / f"{NAME}.{ending}", face, texture)
    with _timed("draw the overlay"):
        # the face is small in this photo, so it stands beside it once more
        write_image(out / "overlay.png",
                    np.hstack([draw_overlay(image, [face]), draw_close_up(image, face, len(image))]))
    blend, render = out / f"{NAME}.blend", out / "render.png"
    code = _blender("make the .blend", "image", photo, "-o", blend, "--engine", options.engine,
                    "--texture-size", options.texture_size) or \
        _blender("render it", "render", blend, "-o", render, "--size", options.size)
    if code == 0:
        print(blend, out / f"{NAME}.obj", out / f"{NAME}.glb", out / "overlay.png", render, sep="\n")
    return code


def _portrait(out: Path) -> Path:
    """Eileen Collins, NASA, public domain; a file of scikit-image's wheel, so nothing is fetched."""
    try:
        from skimage.data import astronaut
    except ModuleNotFoundError as error:
        say("the package scikit-image, which brings the portrait, is not installed; run: "
            f"{sys.executable} -m pip install scikit-image")
        raise SystemExit(1) from error
    make_folder(out)
    photo = out / f"{NAME}.png"
    write_image(photo, astronaut())
    return photo


def _blender(what: str, *words: object) -> int:
    """A command in a process of its own, as a user starts it; its exit code. It says itself what is wrong."""
    with _timed(f"{what}, with Blender's start"):
        return subprocess.run([sys.executable, "-m", "lprnet_blender", *map(str, words)], stdout=subprocess.DEVNULL,
                              check=False).returncode


@contextmanager
def _timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    _tell(what, 1000 * (time.perf_counter() - start))


def _tell_step(name: str, milliseconds: float) -> None:
    if name in STEPS:
        _tell(STEPS[name], milliseconds)


def _tell(what: str, milliseconds: float) -> None:
    print(f"  {what:<36}{milliseconds:10.1f} ms", flush=True)


if __name__ == "__main__":
    sys.exit(main())
