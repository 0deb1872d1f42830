"""Does a network follow lids and lips, or does it answer the average face? By bands of yaw.

The mean distance between landmarks (NME) hardly sees whether an eye is shut. The slope of the predicted opening over
the true one does: 1 follows it, 0 answers the same opening always.

    python -m training.render_check --weights lprnet2 --face-model FILE --textures DIR --json report.json

measures a network of the weights folder on rendered faces whose skins were never trained on. Of eyes that are shut it says
what the answer leaves of their opening, in % of that at rest, and of those whose partner is open: winks, of which a thousand
faces have 111 within 45 degrees. Beyond 30 degrees the nose begins to hide the far eye: the band that ends at 45
is told in two parts as well. With --glasses everyone wears them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from inference_core.errors import LPRNetError, OutputError
from inference_core.files import write_bytes
from training.scores import FEWEST, JAW_LINE, landmark_errors, opening_scores, shut_eyes

BANDS = {"0-45": (0.0, 45.0), "45-90": (45.0, np.inf)}          # degrees of yaw to either side
FINER_BANDS = {"0-45": BANDS["0-45"], "0-30": (0.0, 30.0), "30-45": (30.0, 45.0), "45-90": BANDS["45-90"]}


def openings_report(pred_landmarks: np.ndarray, true_landmarks: np.ndarray, yaw_deg: np.ndarray,
                    bands: dict[str, tuple[float, float]] = BANDS) -> dict:
    """Landmarks (n, 68, 2 or 3) of one frame, x and y used; yaw (n,) degrees -> numbers for JSON, by the bands of yaw.

    n; nme68 and nme51: mean distance in % of sqrt(w h) of the true landmarks' box; lip, eye and width _corr and
    _slope: predicted against true opening over that size. None where fewer than three samples, or no spread.
    """
    predicted, true = (np.asarray(points, np.float64)[..., :2] for points in (pred_landmarks, true_landmarks))
    if predicted.shape != true.shape or true.ndim != 3 or true.shape[1] != 68 or len(yaw_deg) != len(true):
        raise ValueError(f"landmarks {predicted.shape} and {true.shape} and {len(yaw_deg)} yaws do not belong together")
    turned = np.abs(np.asarray(yaw_deg, np.float64))
    return {name: _band(predicted[rows], true[rows]) for name, (low, high) in bands.items()
            for rows in [(turned >= low) & (turned < high)]}


def _band(predicted: np.ndarray, true: np.ndarray) -> dict:
    report: dict = {"n": len(true), "nme68": None, "nme51": None}
    if len(true) >= FEWEST:
        away = landmark_errors(predicted, true)
        report["nme68"], report["nme51"] = float(away.mean()), float(away[:, JAW_LINE:].mean())
    return report | opening_scores(predicted, true)


def measure(weights: str, face_model: Path, textures: Path, count: int, seed: int, glasses: bool = False) -> dict:
    """The report of one network of the weights folder on `count` held-out renders; glasses: on every face."""
    from inference_core.crop import crop_from_landmarks
    from inference_core.engine import load_network
    from inference_core.pose import compose
    from inference_core.topology import load_topology
    from training.face_model import load_face_model
    from training.labels import label_mesh
    from training.progress import Progress
    from training.rendering import RenderSource

    network, topology, mesh = load_network(weights), load_topology(), label_mesh()
    source = RenderSource(load_face_model(face_model), textures, split="heldout", all_in_glasses=glasses)
    predicted, true, yaw = [], [], []
    progress = Progress(f"{weights}: renders", count)
    for sample in source.samples(count, seed):
        landmarks = compose(topology.landmarks(mesh(sample.canonical)), sample.pose)
        crop = network.view(crop_from_landmarks(landmarks, upright=False))
        found = network.predict(crop.cut(sample.image, network.input_size)).position_map_crop
        predicted.append(topology.landmarks(topology.vertices(found)))
        true.append(crop.to_crop(landmarks))
        yaw.append(sample.pose.yaw_pitch_roll_deg[0])
        progress.advance(len(yaw))
    progress.close()
    answers, truth, turned = np.stack(predicted), np.stack(true), np.abs(yaw)
    neutral = topology.landmarks(topology.mean_canonical)
    report = openings_report(answers, truth, turned, FINER_BANDS)
    for name, (low, high) in FINER_BANDS.items():
        rows = (turned >= low) & (turned < high)
        report[name] |= shut_eyes(answers[rows], truth[rows], neutral)
    return report


def _table(report: dict) -> str:
    show = lambda value: "-" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)  # noqa: E731
    names = list(next(iter(report.values())))
    lines = ["yaw".ljust(7) + "".join(name.rjust(12) for name in names)]
    return "\n".join(lines + [band.ljust(7) + "".join(show(row[name]).rjust(12) for name in names)
                              for band, row in report.items()])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="default", help="name in the weights folder")
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--glasses", action="store_true", help="on every face, where else every fifth has them")
    parser.add_argument("--json", type=Path, help="file to write the report to")
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error("--count must be 1 or more")
    try:
        if options.json and not options.json.resolve().parent.is_dir():
            raise OutputError(f"{options.json}: its folder does not exist; make it or give another file")
        report = measure(options.weights, options.face_model, options.textures, options.count, options.seed, options.glasses)
        if options.json:
            write_bytes(options.json, (json.dumps(report, indent=1) + "\n").encode())
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
