"""Measures which square about the detector's box matches the crop of the landmarks on which the networks are trained.

    python -m benchmarks.detector_box build/pool/portraits-train-1

The pictures are training samples (portraits and what was drawn from them), each at a random size, place and roll,
because the detector's boxes come in steps. Prints SQUARES of inference_core/detection.py, and what is left over.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.given import pools
from inference_core.crop import crop_from_landmarks
from inference_core.detection import SQUARES, Detection, search
from training.progress import Progress

CANVAS = 480
ROLL_SPREAD_DEG = 20
STAGES = 4                      # the short-range detector on the whole, on halves and quarters, then dlib's
MIRRORED = {"looks right": "looks left", "tilted right": "tilted left"}
YAW_BANDS = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 90))


def place(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A sample's picture and its landmarks (68, 2) at a random size, place and roll of a larger picture."""
    scale, angle = np.exp(rng.uniform(np.log(0.9), np.log(2.0))), np.deg2rad(rng.normal(0, ROLL_SPREAD_DEG))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    free = max(CANVAS - scale * image.shape[0], 0) / 2
    shift = CANVAS / 2 + rng.uniform(-free, free, 2) - turn @ (np.array(image.shape[:2]) / 2)
    placed = cv2.warpAffine(image, np.c_[turn, shift], (CANVAS, CANVAS), borderMode=cv2.BORDER_REPLICATE)
    return placed, landmarks @ turn.T + shift


def detections(image: np.ndarray) -> list[Detection]:
    """Of the stages that do not turn the picture, so that each detector gets its chance."""
    return [found for stage in islice(search(image), STAGES) for found in stage]


def measure(image: np.ndarray, landmarks: np.ndarray) -> list[tuple[str, float, np.ndarray, float]]:
    """Of every detection of the face: view; side / larger side of the box; the crop's centre from the box's (2,) in
    larger sides, x right, y down, as seen by the turned head; clockwise roll in degrees that the detection left over."""
    truth = crop_from_landmarks(landmarks, upright=True)
    side, centre = 1 / truth.scale, truth.to_image(np.array([0.5, 0.5]))
    measured = []
    for found in detections(image):
        away = centre - [(found.box[0] + found.box[2]) / 2, (found.box[1] + found.box[3]) / 2]
        if np.abs(away).max() < 0.5 * side and 0.5 < found.size / side < 1.5:
            turn = np.deg2rad(found.angle_deg)
            back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            left = (-np.rad2deg(truth.angle_rad) - found.angle_deg + 180) % 360 - 180
            measured.append((found.view, side / found.size, back @ away / found.size, left))
    return measured


def squares_of(measured: list) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Medians of side, up, right, turn of each view, and of how many pictures; left and right made alike."""
    rows: dict[str, list] = {view: [] for view in SQUARES}
    for view, side, (right, down), roll in measured:
        same = MIRRORED.get(view, view)
        sign = 1 if same == view else -1
        rows[same].append((side, sign * right, down, sign * roll))
    squares, counts = {}, {}
    for view in SQUARES:
        same = MIRRORED.get(view, view)
        if not rows[same]:
            continue
        side, right, down, roll = np.array(rows[same]).T
        turn = float(np.median(roll)) if same.startswith("tilted") else 0.0
        cos, sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        sign = 1 if same == view else -1
        aside = 0.0 if view in ("front", "short range") else sign * np.median(cos * right + sin * down)
        up = float(np.median(sin * right - cos * down))
        squares[view] = [float(np.median(side)), up, float(aside) + 0.0, sign * turn + 0.0]
        counts[view] = len(rows[same])
    return squares, counts


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path, help="folder of training.pool, of portraits")
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    (pool,), rng = pools(parser, [options.pool]), np.random.default_rng(options.seed)
    rows = np.sort(rng.choice(len(pool), min(options.count, len(pool)), replace=False))
    progress = Progress("pictures", len(rows))
    found, left_over, yaws = [], [], []
    for done, row in enumerate(rows, 1):
        image, landmarks = place(pool.images[row], pool.landmarks[row], rng)
        found += measure(image, landmarks)
        left_over.append(_left_over(image, landmarks))
        yaws.append(abs(pool.head_pose(int(row)).yaw_pitch_roll_deg[0]))
        progress.advance(done)
    progress.close()
    squares, counts = squares_of(found)
    for view, (side, up, right, turn) in squares.items():
        print(f'    "{view}": Square({side:.2f}, {up:.2f}, {right:.2f}, {turn:.1f}),    # {counts[view]} pictures')
    print("with the squares now in use: largest corner's distance from where it should be, in crop sides")
    for low, high in YAW_BANDS:
        band = [v for v, yaw in zip(left_over, yaws) if low <= yaw < high]
        hits = [v for v in band if v is not None]
        if hits:
            print(f"  yaw {low}-{high}: {len(band)} pictures, {len(hits) / len(band):.0%} found, "
                  f"median {np.median(hits):.3f}, 90 % {np.quantile(hits, 0.9):.3f}")


def _left_over(image: np.ndarray, landmarks: np.ndarray) -> float | None:
    truth = crop_from_landmarks(landmarks, upright=True)
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    apart = [found.crop.to_image(corners) - truth.to_image(corners) for found in detections(image)[:1]]
    distances = [float(np.linalg.norm(corner, axis=1).max() * truth.scale) for corner in apart]
    return min((d for d in distances if d < 1), default=None)


if __name__ == "__main__":
    main()
