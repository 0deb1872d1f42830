"""Measures a network of the weights folder on annotated photos, which it must never have learned from.

    python -m training.evaluate PHOTOS_DIR                          # crop cut from the annotation
    python -m training.evaluate PHOTOS_DIR --crop detector          # the whole capture
    python -m training.evaluate PHOTOS_DIR --careful                # the mean of several looks, as a user's photo gets it
    python -m training.evaluate PHOTOS_DIR --weights lprnet --json scores.json --plot out/evaluate

PHOTOS_DIR holds one folder per source, or is one source; the format is in training/annotated_photos.py. LPRNET_WEIGHTS
names another weights folder.

NME: mean distance of the landmarks in per cent of sqrt(w h) of the annotated box, over the faces found; `found` stands
beside it, and a face that was not found counts among those above 10 %. With --crop detector a face is found when the
box of one of the captured faces overlaps the annotated one; with --crop truth when the network answers at all: 100.
NME3D: of the same landmarks in three dimensions, the mean z of each face taken off, where depths are annotated, as the
paper of PRNet has it (training/paper_scores.py); the mean of the three bands of yaw counts each alike.
Openings: correlation and slope of predicted over annotated, both over sqrt(w h) of the annotated box.

Pictures without points are measured with --crop detector alone (else null): of `nonface` the number of pictures with a
false alarm; of others, such as close crops of faces, the share in which a face lies over the middle, once a border is
added. What --plot draws shows the photos: to be looked at, not to be passed on where their terms forbid it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.engine import ENGINES, Network, load_network
from inference_core.errors import LPRNetError, OutputError
from inference_core.files import make_folder, write_bytes
from inference_core.regression import CaptureOptions, capture_crop, capture_faces
from training.annotated_photos import Outcome, Photo, PhotoSource, read_sources
from training.paper_scores import BANDS, alignment_errors, in_band
from training.progress import Progress
from training.scores import JAW_LINE, landmark_errors, opening_scores

FAR_OFF = 10.0                  # % NME: more is a failure
SAME_FACE = 0.3                 # of the union; boxes of one size, half a side apart along one axis, share a third
BORDER = 0.5                    # of the larger side, added round close crops
# title, key, width and digits of the printed columns
COLUMNS = (
    ("n", "n", 5, 0), ("found %", "found", 9, 1),
    ("NME68", "nme68", 8, 2), ("median", "median68", 8, 2), ("> 10 %", "over10_68", 8, 1),
    ("NME51", "nme51", 9, 2), ("median", "median51", 8, 2), ("> 10 %", "over10_51", 8, 1), ("NME3D", "nme68_3d", 9, 2),
    ("lip r", "lip_corr", 8, 3), ("slope", "lip_slope", 7, 2),
    ("eye r", "eye_corr", 8, 3), ("slope", "eye_slope", 7, 2),
    ("width r", "width_corr", 9, 3), ("slope", "width_slope", 7, 2))


def measure(source: PhotoSource, crop: str, network: Network, careful: bool = False) -> list[Outcome]:
    """One outcome for every photo of a source, in their order."""
    progress = Progress(source.name, len(source.photos))
    outcomes = []
    try:
        for photo in source.photos:
            points = _answer(photo, source, crop, network, careful)
            outcomes.append(Outcome(photo, *((None, None) if points is None else (points[:, :2], points[:, 2]))))
            progress.advance(len(outcomes))
    finally:
        progress.close()        # so that an error gets a line of its own
    return outcomes


def _answer(photo: Photo, source: PhotoSource, crop: str, network: Network, careful: bool) -> np.ndarray | None:
    """(68, 3)."""
    image = photo.read()
    if crop == "truth":
        if photo.points is None:
            return None
        where = crop_from_landmarks(photo.points, upright=False)
        # where a face is known to be
        face = capture_crop(image, where, network, least_presence=-1.0, careful=careful)
        return None if face is None else face.landmarks_image.astype(np.float64)
    border = 0 if source.has_points or not source.shows_faces else round(BORDER * max(photo.size))
    image = cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_REPLICATE)
    options = CaptureOptions(all_faces=True, engine=network.engine, weights=network.card.name, careful=careful)
    found = [face.landmarks_image.astype(np.float64) - [border, border, 0] for face in capture_faces(image, options)]
    if photo.points is not None:
        shares = [overlap(points[:, :2], photo.points) for points in found]
        return found[int(np.argmax(shares))] if max(shares, default=0) > SAME_FACE else None
    if source.shows_faces:
        middle = np.array(photo.size) / 2
        found = [points for points in found
                 if (points.min(0)[:2] < middle).all() and (middle < points.max(0)[:2]).all()]
    return found[0] if found else None


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Of the boxes of two sets of landmarks: intersection over union."""
    shared = np.prod(np.clip(np.minimum(one.max(0), other.max(0)) - np.maximum(one.min(0), other.min(0)), 0, None))
    return float(shared / (np.prod(np.ptp(one, axis=0)) + np.prod(np.ptp(other, axis=0)) - shared))


def statistics(outcomes: list[Outcome]) -> dict:
    """Of annotated photos: n; found, NME and shares in %; openings. None where there is nothing to take a mean of."""
    hits = [outcome for outcome in outcomes if outcome.landmarks is not None]
    row: dict = {"n": len(outcomes), "found": 100 * len(hits) / len(outcomes) if outcomes else None}
    predicted = np.array([hit.landmarks for hit in hits]).reshape(-1, 68, 2)
    true = np.array([hit.photo.points for hit in hits]).reshape(-1, 68, 2)
    errors = landmark_errors(predicted, true)
    for name, away in (("68", errors.mean(1)), ("51", errors[:, JAW_LINE:].mean(1))):
        over = int((away > FAR_OFF).sum()) + len(outcomes) - len(hits)
        row[f"nme{name}"] = float(away.mean()) if hits else None
        row[f"median{name}"] = float(np.median(away)) if hits else None
        row[f"over10_{name}"] = 100 * over / len(outcomes) if outcomes else None
    return row | {"nme68_3d": _depth_error(hits)} | opening_scores(predicted, true)


def _depth_error(hits: list[Outcome]) -> float | None:
    """NME in % of the landmarks in 3D, over the faces whose photos have depths."""
    known = [hit for hit in hits if hit.photo.z is not None and hit.z is not None]
    if not known:
        return None
    predicted = np.stack([np.c_[hit.landmarks, hit.z] for hit in known])
    true = np.stack([np.c_[hit.photo.points, hit.photo.z] for hit in known])
    return float(alignment_errors(predicted, true).mean())


def rows_of(source: PhotoSource, outcomes: list[Outcome]) -> dict[str, dict]:
    """{"all", each band of yaw, "no yaw", "2nd points": statistics}, where there are any."""
    groups = {"all": outcomes}
    if any(photo.yaw_deg is not None for photo in source.photos):
        for band in BANDS:
            groups[band] = [o for o in outcomes if o.photo.yaw_deg is not None and in_band(o.photo.yaw_deg, band)]
        groups["no yaw"] = [o for o in outcomes if o.photo.yaw_deg is None]
    groups["2nd points"] = [Outcome(_with_second_points(o.photo), o.landmarks) for o in outcomes
                            if o.photo.second_points is not None]
    return {name: statistics(group) for name, group in groups.items() if group}


def _with_second_points(photo: Photo) -> Photo:
    return Photo(photo.path, photo.size, photo.second_points, photo.yaw_deg, None)


def report_of(source: PhotoSource, outcomes: list[Outcome], crop: str) -> dict:
    """What --json writes of a source."""
    n, found = len(outcomes), sum(outcome.landmarks is not None for outcome in outcomes)
    measured = crop == "detector"
    if not source.shows_faces:
        return {"n": n, "false_alarms": found if measured else None}
    if not source.has_points:
        return {"n": n, "found": 100 * found / n if measured else None}
    rows = rows_of(source, outcomes)
    means = {f"{key}_band_mean": _band_mean(rows, key) for key in ("nme68", "nme68_3d")}
    row = rows["all"]
    opened = {key: value for key, value in row.items() if key.endswith(("_corr", "_slope"))}
    return {"n": n, "nme68": row["nme68"], "nme51": row["nme51"], "over10": row["over10_68"], "found": row["found"],
            **opened, "nme68_3d": row["nme68_3d"], **means}


def _band_mean(rows: dict[str, dict], key: str) -> float | None:
    """Each band counts alike; None unless all have faces."""
    means = [rows.get(band, {}).get(key) for band in BANDS]
    return None if None in means else float(np.mean(means))


def table(source: PhotoSource, outcomes: list[Outcome], crop: str) -> str:
    """What is printed of a source: a line for all, for each band of yaw, and against the second annotation."""
    report = report_of(source, outcomes, crop)
    if not source.has_points:
        if crop == "truth":
            return f"{source.name}: {report['n']} pictures without points, measured with --crop detector alone"
        if source.shows_faces:
            return f"{source.name}: {report['n']} pictures, a face found in {report['found']:.1f} %"
        return f"{source.name}: {report['n']} pictures, a false alarm in {report['false_alarms']}"
    lines = [source.name.ljust(14) + "".join(title.rjust(width) for title, _, width, _ in COLUMNS)]
    for name, row in rows_of(source, outcomes).items():
        cells = (("-" if row[key] is None else f"{row[key]:.{digits}f}").rjust(width)
                 for _, key, width, digits in COLUMNS)
        lines.append(f"  {name}".ljust(14) + "".join(cells))
    if report["nme68_band_mean"] is not None:
        deep = report["nme68_3d_band_mean"]
        lines.append(f"  mean NME68 of the three bands: {report['nme68_band_mean']:.2f}"
                     + ("" if deep is None else f", in 3D {deep:.2f}"))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("--crop", choices=("truth", "detector"), default="truth")
    parser.add_argument("--careful", action="store_true", help="the mean of six looks instead of one (mean_look)")
    parser.add_argument("--engine", choices=tuple(ENGINES), default="litert")
    parser.add_argument("--weights", default="default", metavar="NAME", help="a network that `lprnet info` lists")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write {source: scores}")
    parser.add_argument("--plot", type=Path, metavar="DIR",
                        help="write the cumulative error curve and a sheet of the worst twelve photos of each source")
    options = parser.parse_args(arguments)
    try:
        _evaluate(options)
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _evaluate(options: argparse.Namespace) -> None:
    if options.json and not options.json.resolve().parent.is_dir():
        raise OutputError(f"{options.json}: its folder does not exist; make it or give another file")
    sources = read_sources(options.photos)
    network = load_network(options.weights, options.engine)
    if options.plot:
        make_folder(options.plot)
    print(f"{network.card.name}, {network.engine}, {network.input_size} px, crop from the "
          f"{'annotation' if options.crop == 'truth' else 'detector'}{', six looks' if options.careful else ''}", flush=True)
    reports = {}
    for source in sources:
        outcomes = measure(source, options.crop, network, options.careful)
        reports[source.name] = report_of(source, outcomes, options.crop)
        print(table(source, outcomes, options.crop), flush=True)
        if options.plot and (source.has_points or options.crop == "detector"):
            from training.error_plots import write_plots
            write_plots(options.plot, source, outcomes)
    if options.json:
        write_bytes(options.json, (json.dumps(reports, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
