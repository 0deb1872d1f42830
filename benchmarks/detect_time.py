"""How long the detectors take to find the face of a photo in a picture of 720 lines, as a capture calls them.

    python -m benchmarks.detect_time ../shared/eval_photos

By source: the median and the mean of the milliseconds for all stages up to the one whose face is believed. The photos are
scaled to 720 lines and their borders mirrored to 1280 columns. For hard cases (small, rolled, before a drawn backdrop)
see benchmarks.finding. OMP_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import LPRNetError
from inference_core.regression import capture_faces
from training.annotated_photos import read_sources

WIDTH, HEIGHT = 1280, 720


def at_720_lines(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (720, at least 1280 where mirroring reaches so far, 3)."""
    scaled = cv2.resize(image, (max(1, round(image.shape[1] * HEIGHT / image.shape[0])), HEIGHT))
    border = min(max(0, (WIDTH - scaled.shape[1]) // 2), scaled.shape[1] - 1)
    return cv2.copyMakeBorder(scaled, 0, 0, border, border, cv2.BORDER_REFLECT_101)


def detect_ms(image: np.ndarray) -> float:
    steps: list[tuple[str, float]] = []
    capture_faces(image, on_step=lambda name, ms: steps.append((name, ms)))
    return sum(ms for name, ms in steps if name == "detect")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder as training.evaluate takes it")
    options = parser.parse_args(arguments)
    try:
        sources = [source for source in read_sources(options.photos) if source.has_points]
        detect_ms(at_720_lines(sources[0].photos[0].read()))                # loads what is loaded once
        found: list[float] = []
        for source in sources:
            times = [detect_ms(at_720_lines(photo.read())) for photo in source.photos]
            found += times
            print(f"{source.name:12} {len(times):4} photos, median {np.median(times):6.1f} ms, mean {np.mean(times):6.1f}")
        print(f"{'all':12} {len(found):4} photos, median {np.median(found):6.1f} ms, mean {np.mean(found):6.1f}")
    except LPRNetError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
