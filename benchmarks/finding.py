"""Measures the whole search for faces, and what it takes to believe a find: faces found, false alarms, milliseconds.

    python -m benchmarks.finding build/pool/portraits-heldout-3 build/pool/renders-heldout-3 --without DIR

The faces are samples of the pools, 40 to 420 pixels large, rolled, in pictures of 1280 x 720 before a drawn backdrop.
DIR holds pictures (.jpg, .png) without a face: cats and dogs, above all; drawn backdrops are added to them. Every find of
every stage is followed by the network and tested for certainty, so that the table shows what other thresholds than those
of `detection` and `network_search` would do.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.given import pictures, pools
from inference_core.detection import LEAST_SCORE, SURE_SCORE, SURE_SHORT_RANGE, Detection
from inference_core.engine import Network, load_network
from inference_core.images import read_image
from inference_core.network_search import LEAST_CERTAINTY, all_stages, certain_enough, certainty
from inference_core.regression import capture_crop, capture_faces
from training.backdrops import draw_backdrop
from training.pool import Pool
from training.progress import Progress

WIDTH, HEIGHT = 1280, 720
SIZES, ROLL_SPREAD_DEG = (40, 420), 20
SIZE_BANDS, YAW_BANDS = ((40, 80), (80, 160), (160, 420)), ((0, 30), (30, 60), (60, 90))
NEAR, ALIKE = 0.25, (0.6, 1.6)          # of the face's size: centre off, and size over size, for a find of the face
SCORES, CERTAINTIES = (0.8, 0.83, 0.85, 0.87, 0.9), (20, 21, 22, 23, 24)


@dataclass(frozen=True)
class Find:
    """One find of one stage: what the detector said, how certain the network is, how far the face is turned, whether it is
    the face that is there."""

    stage: int
    detection: Detection
    certainty: float
    yaw_deg: float
    right: bool

    def believed(self, score: float, least_certainty: float) -> bool:
        """With other thresholds than the ones in use."""
        least = {"short range": score, "network": np.inf}.get(self.detection.view, SURE_SCORE)
        return self.detection.score >= least or certain_enough(self.certainty, self.yaw_deg, least_certainty)


def place(pool: Pool, row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """A sample in a large picture: (720, 1280, 3) uint8, landmarks (68, 2), the face's size in pixels."""
    image, landmarks = np.array(pool.images[row]), np.array(pool.landmarks[row], np.float64)
    size = float(np.exp(rng.uniform(*np.log(SIZES))))
    scale, angle = size / np.ptp(landmarks, axis=0).max(), np.deg2rad(rng.normal(0, ROLL_SPREAD_DEG))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    centre = np.array([rng.uniform(0.2, 0.8) * WIDTH, rng.uniform(0.35, 0.65) * HEIGHT])
    shift = centre - turn @ (np.array(small.shape[1::-1]) / 2)
    there = np.c_[turn, shift]
    mask = cv2.warpAffine(np.ones(small.shape[:2], np.float32), there, (WIDTH, HEIGHT))[..., None]
    behind = cv2.resize(backdrop(rng), (WIDTH, HEIGHT))
    picture = cv2.warpAffine(small, there, (WIDTH, HEIGHT)) * mask + behind * (1 - mask)
    return picture.astype(np.uint8), scale * landmarks @ turn.T + shift, size


def backdrop(rng: np.random.Generator, side: int = 400) -> np.ndarray:
    """(side, side, 3) uint8."""
    return (255 * np.clip(draw_backdrop(rng, side), 0, 1) ** (1 / 2.2)).astype(np.uint8)


def finds(image: np.ndarray, network: Network, landmarks: np.ndarray | None = None) -> list[Find]:
    """Everything that any stage finds and the network makes a face of."""
    known = []
    for number, stage in enumerate(all_stages(image, network), 1):
        for one in stage:
            face = capture_crop(image, one.crop, network)
            if face is not None:
                known.append(Find(number, one, certainty(image, face.crop, network),
                                  face.pose.yaw_pitch_roll_deg[0],
                                  landmarks is not None and _is(face.landmarks_image[:, :2], landmarks)))
    return known


def _is(found: np.ndarray, landmarks: np.ndarray) -> bool:
    size, middle = np.ptp(landmarks, axis=0).max(), (landmarks.min(0) + landmarks.max(0)) / 2
    away = np.abs((found.min(0) + found.max(0)) / 2 - middle).max() / size
    return bool(away < NEAR and ALIKE[0] < np.ptp(found, axis=0).max() / size < ALIKE[1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+", help="folders of training.pool, held-out ones")
    parser.add_argument("--without", type=Path, metavar="DIR", help="pictures without a face")
    parser.add_argument("--count", type=int, default=60, help="samples of each pool, and backdrops")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, network = np.random.default_rng(options.seed), load_network()
    if not network.tells_presence:
        parser.error("the default network has no presence output")
    files, opened = pictures(parser, options.without), pools(parser, options.pools)
    faces, times, detector_times = [], [], []
    for folder, pool in zip(options.pools, opened):
        rows = rng.choice(len(pool), min(options.count, len(pool)), replace=False)
        progress = Progress(folder.name, len(rows))
        for done, row in enumerate(rows, 1):
            image, landmarks, size = place(pool, int(row), rng)
            steps: list[tuple[str, float]] = []
            capture_faces(image, on_step=lambda name, ms: steps.append((name, ms)))
            times.append(sum(ms for _, ms in steps))
            detector_times.append(sum(ms for name, ms in steps if name == "detect"))
            yaw = abs(pool.head_pose(int(row)).yaw_pitch_roll_deg[0])
            faces.append((size, yaw, finds(image, network, landmarks)))
            progress.advance(done)
        progress.close()
    shown = [lambda: backdrop(rng)] * options.count + [lambda file=file: read_image(file) for file in files]
    progress, none = Progress("without a face", len(shown)), []
    for done, picture in enumerate(shown, 1):
        none.append(finds(picture(), network))
        progress.advance(done)
    progress.close()
    _print(faces, none, times, detector_times)


def _print(faces: list, none: list, times: list[float], detector_times: list[float]) -> None:
    def share(score: float, least: float, chosen: list) -> float:
        return float(np.mean([any(f.right and f.believed(score, least) for f in found) for *_, found in chosen]))

    def alarms(score: float, least: float) -> int:
        return sum(any(f.believed(score, least) for f in found) for found in none)

    print(f"{len(faces)} faces, {np.median(times):.0f} ms from picture to face in the median, "
          f"{np.median(detector_times):.1f} of it for the detectors; {len(none)} pictures without")
    print(f"with the thresholds in use (sure {SURE_SHORT_RANGE}, certainty {LEAST_CERTAINTY:g}, least {LEAST_SCORE}): "
          f"{share(SURE_SHORT_RANGE, LEAST_CERTAINTY, faces):.1%} found, "
          f"{alarms(SURE_SHORT_RANGE, LEAST_CERTAINTY)} false alarms")
    for name, column, bands in (("pixels", 0, SIZE_BANDS), ("degrees of yaw", 1, YAW_BANDS)):
        for low, high in bands:
            chosen = [face for face in faces if low <= face[column] < high]
            if chosen:
                print(f"  {low} to {high} {name}: {share(SURE_SHORT_RANGE, LEAST_CERTAINTY, chosen):.1%} of {len(chosen)}")
    print("found, and false alarms, where a score is sure or a certainty reached")
    print("score   " + "".join(f"certainty {least}".rjust(16) for least in CERTAINTIES))
    for score in SCORES:
        cells = [f"{share(score, least, faces):.1%} {alarms(score, least):3}" for least in CERTAINTIES]
        print(f"{score:<8}" + "".join(cell.rjust(16) for cell in cells))


if __name__ == "__main__":
    main()
