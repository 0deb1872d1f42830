"""Measures the presence output: how surely it tells faces from crops beside them, parts of them and what is no face.

    python -m benchmarks.presence build/pool/portraits-heldout-3 build/pool/renders-heldout-3 --without DIR

The faces are held-out samples, damaged as in training. "As tracked" are crops with the errors that training gives them;
"moved by" are crops as far beside the right one, in its sides; "part" crops show a piece of a face, "tiles" a face in
pieces. DIR holds pictures (.jpg, .png) without a face: every square of the search's grid is shown, and the best of each
picture is followed. Beside it stands what tracking asks for where it is in doubt: how certain the network is of
answers that are right and of answers that are wrong (their landmarks off by WRONG of the face's larger side).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.detector_box import place
from benchmarks.given import pictures, pools
from inference_core.crop import Crop, crop_around, crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.images import read_image
from inference_core.network_search import TURNED_DEG, certainty, squares
from inference_core.regression import capture_crop
from inference_core.tracking import AGAIN_PRESENCE, KEEP_PRESENCE
from training.augment import damage, draw_nonface, draw_placement
from training.pool import Pool
from training.progress import Progress

LEAST = (KEEP_PRESENCE, AGAIN_PRESENCE, 0.995)
SHIFTS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)         # sides of the crop
WRONG = 0.12                                    # of the larger side of the landmarks' box
CERTAINTIES = (6, 8, 10, 11, 12, 13, 14, 15, 16, 18, 21)
AS_TRACKED, NONE = "as tracked", "part of a face, tiles"
WITHOUT, BEST = "without a face, squares", "without a face, best"


@dataclass
class Answers:
    """presence {kind of crop: [presence of each]}; doubts: (presence, certainty, off, yaw in degrees) of faces that were
    followed, `off` in larger sides of the face, inf where there is none."""

    presence: dict[str, list[float]] = field(default_factory=dict)
    doubts: list[tuple[float, float, float, float]] = field(default_factory=list)

    def add(self, kind: str, value: float) -> None:
        self.presence.setdefault(kind, []).append(value)


def look(image: np.ndarray, crop: Crop, network: Network) -> float:
    return network.presence(network.view(crop).cut(image, network.input_size))


def add_face(answers: Answers, pool: Pool, row: int, rng: np.random.Generator, network: Network) -> None:
    """One sample of a pool, seen in every way but from pictures without a face."""
    sample, landmarks = np.array(pool.images[row]), pool.landmarks[row]
    texture, side = np.array(pool.images[int(rng.integers(len(pool)))])[:80, :80], network.card.crop_scale
    tracked = draw_placement(rng, landmarks, sample.shape[1], crop_side=side)
    answers.add(AS_TRACKED, network.presence(damage(rng, tracked.cut(sample, network.input_size), texture)))
    nothing = draw_nonface(rng, sample, landmarks, network.input_size, side)
    answers.add(NONE, network.presence(damage(rng, nothing, texture)))
    image, landmarks = place(damage(rng, sample, texture), landmarks, rng)
    truth = crop_from_landmarks(landmarks, upright=True)
    for shift in SHIFTS:
        moved = _moved(truth, shift, rng)
        answers.add(f"moved by {shift:g}", look(image, moved, network))
    face = capture_crop(image, _moved(truth, rng.choice(SHIFTS), rng), network, 3, 0.0)
    if face is not None:
        off = np.linalg.norm(face.landmarks_image[:, :2] - landmarks, axis=1).mean() / np.ptp(landmarks, axis=0).max()
        crop = crop_from_landmarks(face.landmarks_image, upright=True)
        yaw = face.pose.yaw_pitch_roll_deg[0]
        answers.doubts.append((face.confidence, certainty(image, crop, network), float(off), yaw))


def add_without(answers: Answers, image: np.ndarray, network: Network) -> None:
    """A picture without a face: the squares of the search's grid; the best of them followed by three passes."""
    crops = squares(*image.shape[1::-1])
    values = [look(image, crop, network) for crop in crops]
    for value in values:
        answers.add(WITHOUT, value)
    face = capture_crop(image, crops[int(np.argmax(values))], network, 3, 0.0)
    answers.add(BEST, 0.0 if face is None else face.confidence)
    if face is not None:
        crop = crop_from_landmarks(face.landmarks_image, upright=True)
        yaw = face.pose.yaw_pitch_roll_deg[0]
        answers.doubts.append((face.confidence, certainty(image, crop, network), np.inf, yaw))


def _moved(crop: Crop, shift: float, rng: np.random.Generator) -> Crop:
    angle, side = rng.uniform(0, 2 * np.pi), 1 / crop.scale
    middle = crop.to_image(np.array([0.5, 0.5])) + shift * side * np.array([np.cos(angle), np.sin(angle)])
    return crop_around(middle, side, crop.angle_rad)


def separation(faces: list[float], others: list[float]) -> float:
    """How often a face has the higher presence of the two, of all pairs (the area under the ROC curve)."""
    low, high = (np.searchsorted(np.sort(others), faces, side=side) for side in ("left", "right"))
    return float((low + high).sum() / (2 * len(faces) * len(others)))


def table(answers: Answers) -> str:
    """Presence of each kind of crop, and how certain right and wrong answers are."""
    faces = answers.presence[AS_TRACKED]
    heads = "".join(f"{f'>= {least:g}':>10}" for least in LEAST)
    lines = [f"{'presence':26}{'n':>7}{'1 %':>8}{'median':>8}{'99 %':>8}{heads}{'separation':>12}"]
    for kind, values in answers.presence.items():
        low, middle, high = np.quantile(values, (0.01, 0.5, 0.99))
        shares = "".join(f"{np.mean(np.array(values) >= least):10.1%}" for least in LEAST)
        apart = "" if kind == AS_TRACKED else f"{separation(faces, values):12.4f}"
        lines.append(f"{kind:26}{len(values):7}{low:8.3f}{middle:8.3f}{high:8.3f}{shares}{apart}")
    doubts = np.array(answers.doubts).reshape(-1, 4)
    present = doubts[doubts[:, 0] >= KEEP_PRESENCE]
    for name, kept in (("", present), (f", in doubt (below {AGAIN_PRESENCE:g})", present[present[:, 0] < AGAIN_PRESENCE]),
                       (f", turned beyond {TURNED_DEG:g} degrees", present[np.abs(present[:, 3]) > TURNED_DEG])):
        off = kept[:, 2]
        right, wrong, none = (kept[part, 1] for part in (off < WRONG, (off >= WRONG) & np.isfinite(off), np.isinf(off)))
        lines.append(f"\ncertainty of answers with a presence from {KEEP_PRESENCE:g} on{name}")
        lines.append(f"{'at least':>10}{f'{len(right)} right':>12}{f'{len(wrong)} wrong':>12}"
                     f"{f'{len(none)} no face':>13}")
        for least in CERTAINTIES:
            lines.append(f"{least:10}" + "".join(f"{np.mean(part >= least) if len(part) else np.nan:{width}.1%}"
                                                 for part, width in ((right, 12), (wrong, 12), (none, 13))))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+", help="folders of training.pool, held-out ones")
    parser.add_argument("--without", type=Path, metavar="DIR", help="pictures without a face")
    parser.add_argument("--count", type=int, default=600, help="samples of each pool")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, network, answers = np.random.default_rng(options.seed), load_network(options.weights), Answers()
    if not network.tells_presence:
        parser.error(f"the network {network.card.name} has no presence output")
    files = pictures(parser, options.without)
    for folder, pool in zip(options.pools, pools(parser, options.pools)):
        rows = rng.choice(len(pool), min(options.count, len(pool)), replace=False)
        progress = Progress(folder.name, len(rows))
        for done, row in enumerate(rows, 1):
            add_face(answers, pool, int(row), rng, network)
            progress.advance(done)
        progress.close()
    for file in files:
        add_without(answers, read_image(file), network)
    print(f"{network.card.name}: {', '.join(folder.name for folder in options.pools)}; "
          f"{len(files)} pictures without a face")
    print(table(answers))


if __name__ == "__main__":
    main()
