"""What a careful capture (the mean of six looks, `inference_core.mean_look`) gives over one look, and what it costs.

    python -m benchmarks.careful build/pool/portraits-heldout-6 build/pool/renders-heldout-6

The faces are held-out samples to 45 degrees, each in its own crop. The mean is also the truest teacher at hand that a
network could be distilled from: what it is better by bounds what that could bring.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.given import pools
from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.regression import capture_crop
from training.pool import Pool
from training.progress import Progress
from training.scores import FEWEST, JAW_LINE, landmark_errors, opening_scores

FRONTAL_DEG = 45.0


def measure(network: Network, pool: Pool, count: int) -> dict[str, dict]:
    """{"one look", "careful": NME of 68 and of the inner 51 points, openings, ms in the median}."""
    rows = [row for row in np.linspace(0, len(pool) - 1, min(len(pool), count)).astype(int)
            if abs(pool.head_pose(int(row)).yaw_pitch_roll_deg[0]) < FRONTAL_DEG]
    if len(rows) < FEWEST:
        raise ValueError(f"{pool.name}: fewer than {FEWEST} of its faces look forward; give a larger --count or pool")
    found: dict[str, list[np.ndarray]] = {"one look": [], "careful": []}
    spent: dict[str, list[float]] = {name: [] for name in found}
    progress = Progress(f"{pool.name}: faces", len(rows))
    for done, row in enumerate(rows, 1):
        image, crop = np.array(pool.images[row]), crop_from_landmarks(pool.landmarks[row], upright=False)
        for name in found:
            start = time.perf_counter()
            face = capture_crop(image, crop, network, 1, -1.0, careful=name == "careful")
            spent[name].append(1000 * (time.perf_counter() - start))
            found[name].append(face.landmarks_image[:, :2])
        progress.advance(done)
    progress.close()
    true, report = np.float64(pool.landmarks[rows]), {}
    for name, answers in found.items():
        predicted = np.float64(np.stack(answers))
        away = landmark_errors(predicted, true)
        report[name] = dict(nme68=float(away.mean()), nme51=float(away[:, JAW_LINE:].mean()),
                            **opening_scores(predicted, true), ms=float(np.median(spent[name])))
    return report


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+", help="folders of training.pool, held-out ones")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--count", type=int, default=500, help="faces of each pool")
    options = parser.parse_args(arguments)
    network = load_network(options.weights)
    for pool in pools(parser, options.pools):
        try:
            report = measure(network, pool, options.count)
        except ValueError as error:
            parser.error(str(error))
        for name, row in report.items():
            print(f"{pool.name}, {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
