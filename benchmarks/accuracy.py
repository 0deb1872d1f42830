"""The shipped networks and MediaPipe FaceMesh (with attention) on the same annotated photos, in one table.

    make training-environment facemesh-environment
    python -m benchmarks.accuracy PHOTOS_DIR --json out/accuracy.json

PHOTOS_DIR as for training.evaluate, whose measures these are: 68 / inner 51 landmarks in % of sqrt(w h) of the
annotated box, over the faces found; by bands of yaw; openings as correlation and slope of answered over annotated. Our
networks see the crop cut from the annotation, then that of their own answer; MediaPipe, which looks for the face
itself, a square twice as wide as the annotated face. Nothing is fitted to anything; FaceMesh's 68 are the points
usually taken for them.

With --face-model and --facemesh a row more: FaceMesh's points of the same photo, averaged over ten looks and fitted with
the face model as the portraits are that the networks learn from, and read as our 68 landmarks. No training on such labels
gets below it, but by averaging their errors out.

Photos without points that say age, gender and race (`utkface_sample`): found by the whole capture, and how far our
points lie from FaceMesh's, a stand-in for the truth, in % of sqrt(w h) of FaceMesh's box, by group, beside the mean of
all. No group should be more than 25 % worse than it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np                          # noqa: E402

from benchmarks.accuracy_groups import group_report, group_table        # noqa: E402
from benchmarks.label_limit import LabelLimit                             # noqa: E402
from training.mediapipe_mesh import IBUG, find_python, mediapipe_points  # noqa: E402
from inference_core.crop import crop_around                             # noqa: E402
from inference_core.engine import Network, load_network                 # noqa: E402
from inference_core.errors import LPRNetError                           # noqa: E402
from inference_core.files import check_writable, write_bytes            # noqa: E402
from inference_core.weights import load_cards                           # noqa: E402
from training.annotated_photos import Outcome, PhotoSource, read_sources  # noqa: E402
from training.evaluate import measure, report_of, rows_of                # noqa: E402
from training.paper_scores import BANDS                                 # noqa: E402
from training.scores import OPENINGS                                    # noqa: E402

FACEMESH, LIMIT = "FaceMesh", "the labels' limit"
SQUARE, SIDE = 2.0, 512         # MediaPipe's picture: side over the annotated face's larger side, and in pixels


def facemesh_points(python: Path, source: PhotoSource) -> np.ndarray:
    """(n, 478, 3) pixels of each annotated photo of a source, z towards the camera; NaN where no face was found."""
    crops = []
    for photo in source.photos:
        low, high = photo.points.min(0), photo.points.max(0)
        crops.append(crop_around((low + high) / 2, SQUARE * float((high - low).max())))
    pictures = [crop.cut(photo.read(), SIDE) for crop, photo in zip(crops, source.photos)]
    points = mediapipe_points(python, source.name, pictures)
    return np.stack([crop.to_image((of + [0.5, 0.5, 0]) / SIDE) for crop, of in zip(crops, points)])


def facemesh_outcomes(source: PhotoSource, points: np.ndarray) -> list[Outcome]:
    """The points that are usually taken for the 68."""
    return [Outcome(photo, of[IBUG, :2], of[IBUG, 2]) if np.isfinite(of).all() else Outcome(photo, None)
            for photo, of in zip(source.photos, points)]


def scores_of(source: PhotoSource, outcomes: list[Outcome]) -> dict:
    """What one way of seeing scores on one source, for JSON: training.evaluate's report, and the bands of yaw."""
    rows = rows_of(source, outcomes)
    return report_of(source, outcomes, "truth") | {"bands": {band: rows[band] for band in BANDS if band in rows}}


def tables(scores: dict[str, dict[str, dict]]) -> str:
    """{name of a way: {source: scores}} -> the table that is printed."""
    sources = list(next(iter(scores.values())))
    number = lambda value, digits=2: "-" if value is None else f"{value:.{digits}f}"  # noqa: E731
    lines = [_line("68 / inner 51, %", [f"{name} ({next(iter(scores.values()))[name]['n']})" for name in sources])]
    for way, of in scores.items():
        cells = [f"{number(of[s]['nme68'])} / {number(of[s]['nme51'])}" for s in sources]
        lost = [f" {100 - of[s]['found']:.0f} % lost" if of[s]["found"] < 100 else "" for s in sources]
        lines.append(_line(way, [a + b for a, b in zip(cells, lost)]))
    for source in (s for s in sources if len(next(iter(scores.values()))[s]["bands"]) == len(BANDS)):
        lines += ["", _line(f"{source}, yaw", [*(f"{band} deg" for band in BANDS), "mean of bands", "in 3D"])]
        for way, of in scores.items():
            row = of[source]
            lines.append(_line(way, [*(number(row["bands"][band]["nme68"]) for band in BANDS),
                                     number(row["nme68_band_mean"]), number(row["nme68_3d_band_mean"])]))
    for opening in OPENINGS:
        lines += ["", _line(f"{opening}: r, slope", sources)]
        for way, of in scores.items():
            lines.append(_line(way, [f"{number(of[s][f'{opening}_corr'])}, {number(of[s][f'{opening}_slope'])}"
                                     for s in sources]))
    return "\n".join(lines)


def _line(title: str, cells: list[str]) -> str:
    return title.ljust(22) + "".join(cell.rjust(21) for cell in cells)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--weights", action="append", metavar="NAME",
                        help="of these networks (default: all of the folder)")
    parser.add_argument("--facemesh-python", type=Path, metavar="FILE", help="the Python that has MediaPipe "
                        "(default: .venv-facemesh, of make facemesh-environment)")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="with --facemesh: adds the row of the labels' limit")
    parser.add_argument("--facemesh", type=Path, metavar="FILE", help="the face model's FaceMesh correspondence")
    parser.add_argument("--without-facemesh", action="store_true", help="ours alone")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if bool(options.face_model) != bool(options.facemesh) or options.face_model and options.without_facemesh:
        parser.error("--face-model and --facemesh go together, and need FaceMesh")
    try:
        report = _run(options)
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n\n".join(_printed(report)))
    return 0


def _run(options: argparse.Namespace) -> dict:
    if options.json:
        check_writable(options.json)
    python = None if options.without_facemesh else find_python(options.facemesh_python)
    limit = LabelLimit(options.face_model, options.facemesh, python) if options.face_model and python else None
    sources = read_sources(options.photos)
    networks: list[Network] = [load_network(name) for name in options.weights or load_cards()]
    report: dict = {"points": {}, "groups": {}}
    for source in sources:
        if source.has_points:
            ways = {network.card.name: measure(source, "truth", network) for network in networks}
            if python:
                points = facemesh_points(python, source)
                ways[FACEMESH] = facemesh_outcomes(source, points)
                if limit:
                    answers = limit([photo.read() for photo in source.photos], points)
                    ways[LIMIT] = [Outcome(photo, answer) for photo, answer in zip(source.photos, answers)]
            for way, outcomes in ways.items():
                report["points"].setdefault(way, {})[source.name] = scores_of(source, outcomes)
        elif python and any(photo.groups for photo in source.photos):
            report["groups"][source.name] = group_report(python, source, networks)
    if options.json:
        write_bytes(options.json, (json.dumps(report, indent=1) + "\n").encode())
    return report


def _printed(report: dict) -> list[str]:
    parts = [tables(report["points"])] if report["points"] else []
    parts += [group_table(name, groups) for name, groups in report["groups"].items()]
    return parts or ["no photos with points, and none with age, gender and race to compare by group"]


if __name__ == "__main__":
    sys.exit(main())
