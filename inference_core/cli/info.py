"""`lprnet info`: engines, weights and licences."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("lprnet-blender", "numpy", "opencv-python-headless", "dlib-bin")
ENGINE_PACKAGES = {"litert": ("ai-edge-litert",), "tensorflow": ("tensorflow-cpu", "tensorflow")}
LICENCES = ("inference_core, training, benchmarks: MIT", "lprnet_blender: GPL-3.0-or-later",
            "topology: MIT (derived from ICT-FaceKit)", "detector: dlib's, Boost Software License 1.0")


def add_command(commands) -> None:
    parser = commands.add_parser("info", help="engines, weights and licences",
                                 description="Print which engines and weights are installed, and their licences.")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from inference_core.engine import ENGINES, installed
    from inference_core.paths import weights_dir
    from inference_core.weights import load_cards

    print("packages")
    for package in PACKAGES:
        print(f"  {package}: {_version(package) or 'not installed as a package'}")
    print("engines")
    for name, (_, package) in ENGINES.items():
        found = next((v for p in ENGINE_PACKAGES[name] if (v := _version(p))), "version unknown")
        print(f"  {name}: {found if installed(name) else f'not installed; pip install {package}'}")
    print("licences")
    for line in LICENCES:
        print(f"  {line}")
    print(f"weights in {weights_dir()}")
    for number, card in enumerate(load_cards().values()):
        print(f"  {card.name}{' (default)' if number == 0 else ''}: {card.input_size} px, {card.license}")
        sizes = [f"{role} {file.bytes / 1e6:.1f} MB" for role, file in card.files.items()]
        print(f"    files: {', '.join(sizes)}")
        for credit in card.attribution:
            print(f"    {credit}")
        for line in score_lines(card.scores):
            print(f"    {line}")
    return 0


def score_lines(scores: dict, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The card's scores, however deep: one line for every group of numbers."""
    numbers = [f"{key} {value:g}" for key, value in scores.items() if isinstance(value, (int, float))]
    if numbers:
        yield f"{' '.join(path) or 'scores'}: {', '.join(numbers)}"
    for key, value in scores.items():
        if isinstance(value, dict) and len(path) < 4:
            yield from score_lines(value, (*path, str(key)))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
