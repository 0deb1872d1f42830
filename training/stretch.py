"""Give openings back what a trained network shrinks: unsure, it answers nearer to the mean than the truth is.

    python -m training.stretch build/runs/main --pool build/pool/portraits-heldout-1 --pool build/pool/renders-train-2 \
        --basis build/basis.npz --face-model FILE

measures by how much less its answers spread than the truth, on samples that were not trained on (faces within 45 degrees,
pools in equal shares), and folds the opposite stretch of lids, lips and mouth width into the last layer: the network costs
what it did. Writes stretched.keras beside averaged.keras; `training.convert` takes it. Prints what the rule does, and what
one over the slope would do, on faces that the factors were not measured on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                                                # noqa: E402

from inference_core.topology import load_topology           # noqa: E402
from training.augment import draw_placement                 # noqa: E402
from training.contacts import ROWS, contacts                # noqa: E402
from training.face_model import load_face_model             # noqa: E402
from training.labels import TrainingPoints, label_mesh, training_points     # noqa: E402
from training.mistakes import RUN, existing, told            # noqa: E402
from training.networks import ShapeBasis                    # noqa: E402
from training.openings import OPENINGS, openings          # noqa: E402
from training.pool import MICRO, Pool, open_pool            # noqa: E402
from training.shape_basis import load_basis                 # noqa: E402

TOGETHER = {"right lid": "lids", "left lid": "lids"}        # a face has no better side
# of a stretch, where what is shrunk is rather who somebody is than what they do: in clips of one person (benchmarks.acting)
# the width is followed as it is, and by the whole stretch smiles grow 15 % too broad
KEPT = {"mouth width": 0.5}
LARGEST_YAW_DEG, MOST = 45.0, 1.3
SAMPLES, BATCH = 600, 50


def factors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, 4) each -> (4,): how much further the truth spreads than the answers, at least 1 and at most MOST, or what is KEPT
    of it. One over the
    slope of predicted over true would be more, and make the noise of unsure answers larger than movements are."""
    groups = [TOGETHER.get(name, name) for name in OPENINGS]
    spread = true.std(0) / predicted.std(0)
    shared = np.array([spread[[g == group for g in groups]].mean() for group in groups])
    return 1 + (np.clip(shared, 1, MOST) - 1) * [KEPT.get(name, 1) for name in OPENINGS]


def judged(true: np.ndarray, predicted: np.ndarray, floor: np.ndarray) -> list[str]:
    """Lines about three rules, their factors from every other face and judged on the rest: slope and mean error in mm.
    floor (4,): what answers do not fall below."""
    first, rest = slice(0, None, 2), slice(1, None, 2)
    middle = predicted[first].mean(0)
    spread = factors(true[first], predicted[first])
    slope = np.clip([1 / np.polyfit(t, p, 1)[0] for t, p in zip(true[first].T, predicted[first].T)], 1, None)
    lines = []
    for name, by in (("as trained", np.ones(len(OPENINGS))), ("by spread", spread), ("by slope", slope)):
        answers = np.maximum(middle + (predicted[rest] - middle) * by, floor)
        said = [f"{opening} {np.polyfit(t, p, 1)[0]:.2f}, {10 * np.abs(p - t).mean():.2f} mm"
                for opening, t, p in zip(OPENINGS, true[rest].T, answers.T)]
        lines.append(f"  {name}: {'; '.join(said)}")
    return lines


def stretch(kernel: np.ndarray, bias: np.ndarray, matrix: np.ndarray, middle: np.ndarray, by: np.ndarray):
    """The last layer (H, C), (C,) with openings `code @ matrix` (C, 4) stretched about `middle` (4,) by the factors (4,);
    the code moves as little as it can."""
    back = np.diag(by - 1) @ np.linalg.pinv(matrix)
    return kernel + kernel @ matrix @ back, bias + (bias @ matrix - middle) @ back


def measure(model: keras.Model, pools: list[Pool], points: TrainingPoints, basis: ShapeBasis, crop_side: float):
    """True and predicted openings (n, 4) about the mean face's, of the exact crops of samples; openings = code @ matrix
    (C, 4); floor (4,) below which the shipped network lets none of them fall (training.contacts)."""
    size = model.inputs[0].shape[1]
    of_mean, of_basis = points.landmarks @ basis.mean[points.vertices], points.landmarks @ basis.basis[:, points.vertices]
    matrix, mean, touching = openings(of_basis), openings(of_mean), contacts(of_mean, of_basis)
    true, predicted = [], []
    for pool in pools:
        rows = [int(row) for row in np.linspace(0, len(pool) - 1, min(len(pool), SAMPLES))
                if abs(pool.head_pose(int(row)).yaw_pitch_roll_deg[0]) < LARGEST_YAW_DEG]
        for part in (rows[i:i + BATCH] for i in range(0, len(rows), BATCH)):
            crops = [draw_placement(np.random.default_rng(0), pool.landmarks[row], pool.images.shape[2], steady=True,
                                    crop_side=crop_side).cut(pool.images[row], size) for row in part]
            code = np.array(model(np.stack(crops).astype(np.float32) / 255, training=False)["code"])
            labels = pool.canonical[part][:, points.vertices].astype(np.float32) / MICRO
            true.append(openings(points.landmarks @ labels) - mean)
            predicted.append(touching.settled(code) @ matrix)
    floor = np.full(len(OPENINGS), -np.inf)
    floor[ROWS] = touching.floor - touching.middle
    return np.concatenate(true), np.concatenate(predicted), matrix, floor


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of training.train, network lprnet2")
    parser.add_argument("--pool", type=Path, action="append", required=True)
    parser.add_argument("--basis", type=Path, required=True)
    parser.add_argument("--face-model", type=Path, required=True)
    options = parser.parse_args(arguments)
    return told(lambda: _stretch(options))


def _stretch(options) -> None:
    topology, mesh, basis = load_topology(), label_mesh(), load_basis(options.basis)
    points = training_points(topology, mesh, load_face_model(options.face_model).mirror)
    model = keras.models.load_model(existing(options.run / "averaged.keras", RUN), compile=False)
    pools = [open_pool(path) for path in options.pool]
    run = json.loads((options.run / "options.json").read_text())
    true, predicted, matrix, floor = measure(model, pools, points, basis, run["crop_side"])
    by = factors(true, predicted)
    layer = model.get_layer("code")
    layer.set_weights(stretch(*layer.get_weights(), matrix, predicted.mean(0), by))
    beside = options.run / "stretched.partial.keras"
    model.save(beside)
    os.replace(beside, options.run / "stretched.keras")
    said = ", ".join(f"{name} x {factor:.3f}" for name, factor in zip(OPENINGS, by))
    print(f"{options.run / 'stretched.keras'}: from {len(true)} faces: {said}", *judged(true, predicted, floor), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
