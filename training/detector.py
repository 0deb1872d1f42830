"""Puts MediaPipe's short-range face detector into a weights folder, as it is: the file of the mediapipe wheel.

    make training-environment
    python -m training.detector

It was chosen over dlib's, and over one of our own, because it sees turned, tilted and small faces in a tenth of the
time (docs/design-decisions.md), and its licence allows what ours does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from inference_core.paths import weights_dir
from training.convert import file_entry

MODEL = Path("modules", "face_detection", "face_detection_short_range.tflite")
NAME = "face_detector.tflite"
LICENCE = "Apache-2.0"
ATTRIBUTION = ["MediaPipe's short-range face detector (BlazeFace), The MediaPipe Authors, Apache-2.0, unchanged"]


def wheel_file() -> Path:
    """Raises ValueError when the wheel is not installed, or holds no such file."""
    found = find_spec("mediapipe")
    path = Path(found.origin).parent / MODEL if found and found.origin else None
    if path is None or not path.is_file():
        raise ValueError("the mediapipe wheel with its face detector is not installed; run: make training-environment")
    return path


def add_detector(data: bytes, folder: Path) -> None:
    """Write the file and its entry in weights.json beside the networks."""
    path, cards = folder / NAME, folder / "weights.json"
    path.with_suffix(".partial").write_bytes(data)
    os.replace(path.with_suffix(".partial"), path)
    known = json.loads(cards.read_text())
    entry = dict(file_entry(path), license=LICENCE, attribution=ATTRIBUTION)
    networks = known.pop("networks")
    cards.with_suffix(".partial").write_text(json.dumps(dict(known, detector=entry, networks=networks), indent=1) + "\n")
    os.replace(cards.with_suffix(".partial"), cards)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=weights_dir(), help="weights folder")
    options = parser.parse_args(arguments)
    try:
        add_detector(wheel_file().read_bytes(), options.output)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
