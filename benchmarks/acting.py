"""Does the mesh do what a face does? Rendered people who blink, shut their eyes, wink, speak and smile, with known truth.

    python -m benchmarks.acting --face-model MODEL --textures DIR [--glasses] --json out/acting.json

Clips as those of benchmarks.steadiness (held-out skins, a camera's noise, a video codec), whose head turns by 15 degrees to
either side meanwhile. Of each clip r and slope of what is answered over the truth, frame by frame, of the opening of each lid
and of the lips and of the mouth's width; what the answer and the truth leave of an eye that is shut, and of one that winks,
in % of its opening at rest; and how much of its true width a smile gains. Raw, and smoothed as exports read a take.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clips import BLINK, Act, Clip, ClipSource
from benchmarks.steadiness import take_of
from inference_core.engine import load_network
from inference_core.errors import InputError, LPRNetError
from inference_core.files import check_writable, write_bytes
from inference_core.smoothing import smooth
from inference_core.take import TakeRows
from inference_core.tracking import capture
from training.face_model import load_face_model
from training.openings import OPENINGS, openings
from training.scores import OPEN, SHUT, eye_openings, follow

PEOPLE = (1, 200)
REST, TURN_DEG = 12, 15.0           # frames before anything happens; how far the head turns meanwhile
HELD = 8                            # frames that eyes stay shut, or a wink
SPEECH = (0.0, 0.25, 0.5, 0.3, 0.1, 0.35, 0.6, 0.75, 0.5, 0.2, 0.4, 0.15, 0.0)                # jaw, frame by frame
SMILE = (0.1, 0.3, 0.55, 0.8, 0.95, 1.0, 1.0, 1.0, 1.0, 0.95, 0.8, 0.55, 0.3, 0.1)
BROAD = 0.9                         # of the smile, from where it counts as broad
OUTER_CORNERS = (36, 45)
# name: digits, whether the lowest is the worst (None: what is farthest from 100), target
COLUMNS = {**{f"r {name}": (3, True, (">=", 0.95)) for name in OPENINGS},
           **{f"slope {name}": (2, True, None) for name in OPENINGS},
           "shut eyes, % left": (1, False, ("<=", 10.0)), "shut eyes, % left in truth": (1, False, None),
           "winks, % left": (1, False, ("<=", 10.0)), "winks, % left in truth": (1, False, None),
           "smiles, % of the true widening": (0, None, ("within", (90.0, 110.0)))}


def script() -> list[Act]:
    """One blink, both eyes shut for a while, a wink of each, speech, a broad smile; rest between them."""
    rest, shut = [Act()] * 6, 0.03
    down, up = (0.7, 0.3), (0.3, 0.7)
    hold = (*down, *[shut] * HELD, *up)
    acts = [Act()] * REST + [Act(share, share) for share in BLINK] + rest + [Act(share, share) for share in hold] + rest
    acts += [Act(left=share) for share in hold] + rest + [Act(right=share) for share in hold] + rest
    acts += [Act(jaw=jaw) for jaw in SPEECH] + rest + [Act(smile=smile) for smile in SMILE] + rest
    swing = TURN_DEG * np.sin(2 * np.pi * np.arange(len(acts)) / len(acts))
    return [Act(act.left, act.right, act.jaw, act.smile, act.moved, float(turn)) for act, turn in zip(acts, swing)]


def figures(answered: np.ndarray, true: np.ndarray, acts: list[Act]) -> dict[str, float]:
    """Canonical landmarks (n, 68, 3) of a clip, any unit each -> {column: figure}."""
    out = {}
    seen, truth = (openings(marks) / _span(marks) for marks in (answered, true))
    for column, name in enumerate(OPENINGS):
        r, slope = follow(truth[:, column], seen[:, column])
        out[f"r {name}"], out[f"slope {name}"] = (0.0 if value is None else value for value in (r, slope))
    left, truly = ((eyes / eyes[:REST].mean(0)) for eyes in (eye_openings(answered), eye_openings(true)))
    shut = truly < SHUT
    winks = shut & (truly[:, ::-1] > OPEN)
    for name, rows in (("shut eyes, % left", shut & ~winks), ("winks, % left", winks)):
        out[name], out[f"{name} in truth"] = 100 * float(left[rows].mean()), 100 * float(truly[rows].mean())
    broad = np.array([act.smile >= BROAD for act in acts])
    gain = [width[broad].mean() - width[:REST].mean() for width in (seen[:, -1], truth[:, -1])]
    return out | {"smiles, % of the true widening": 100 * float(gain[0] / gain[1])}


def _span(landmarks: np.ndarray) -> float:
    right, left = OUTER_CORNERS
    return float(np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=1).mean())


def measure(clip: Clip, acts: list[Act]) -> dict[str, dict[str, float]]:
    """{"raw", "smoothed": figures}. Raises InputError where the face is lost."""
    results = list(capture(clip.frames))
    if any(result.face is None for result in results):
        raise InputError(f"the face of the clip {clip.name!r} was lost; give another --seed")
    with tempfile.TemporaryDirectory() as folder:
        take = take_of(results, Path(folder) / "clip.lprtake")
        return {name: figures(_landmarks(rows), clip.landmarks, acts) for name, rows in (("raw", take),
                                                                                        ("smoothed", smooth(take)))}


def _landmarks(take: TakeRows) -> np.ndarray:
    return np.stack([take.topology.landmarks(take.canonical(row)) for row in range(len(take))]).astype(np.float64)


def report_of(people: list[dict[str, dict[str, float]]], network: str) -> dict:
    """Of all people the mean and the worst, and whether the mean keeps the targets."""
    over = lambda way, name, how: float(how([person[way][name] for person in people]))  # noqa: E731
    mean = {way: {name: over(way, name, np.mean) for name in COLUMNS} for way in people[0]}
    farthest = lambda values: max(values, key=lambda value: abs(value - 100))  # noqa: E731
    worst = {way: {name: over(way, name, farthest if low is None else np.min if low else np.max)
                   for name, (_, low, _) in COLUMNS.items()} for way in people[0]}
    keeps = {">=": lambda value, least: value >= least, "<=": lambda value, most: value <= most,
             "within": lambda value, both: both[0] <= value <= both[1]}
    kept = {f"{name}, {way}": bool(keeps[target[0]](value, target[1]))
            for way, row in mean.items() for name, value in row.items() if (target := COLUMNS[name][2])}
    return {"network": network, "people": len(people), "mean": mean, "worst": worst, "within_target": kept}


def table(report: dict) -> str:
    ways = list(report["mean"])
    lines = [f"{report['people']} rendered people, mean (worst)", " " * 32 + "".join(way.rjust(18) for way in ways)]
    for name, (digits, _, _) in COLUMNS.items():
        cells = [f"{report['mean'][way][name]:.{digits}f} ({report['worst'][way][name]:.{digits}f})" for way in ways]
        lines.append(name.ljust(32) + "".join(cell.rjust(18) for cell in cells))
    return "\n".join(lines + [f"  MISSED   {name}" for name, kept in report["within_target"].items() if not kept])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="of the first person")
    parser.add_argument("--glasses", action="store_true", help="on every face, where else every fifth has them")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not PEOPLE[0] <= options.people <= PEOPLE[1] or options.seed < 0:
        parser.error(f"--people must be {PEOPLE[0]} to {PEOPLE[1]}, and --seed not negative")
    try:
        if options.json:
            check_writable(options.json)
        source, acts = ClipSource(load_face_model(options.face_model), options.textures, options.glasses), script()
        people = [measure(source.clip("acting", acts, REST, options.seed + number), acts)
                  for number in range(options.people)]
        report = report_of(people, load_network("default").card.name)
        if options.json:
            write_bytes(options.json, (json.dumps(report | {"each": people}, indent=1) + "\n").encode())
    except (LPRNetError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
