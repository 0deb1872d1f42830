"""How still a still face is, how far live results lag, and what smoothing leaves of a blink, beside MediaPipe FaceMesh.

    python -m benchmarks.steadiness --face-model MODEL --textures DIR --json out/steadiness.json

On clips of rendered people that were never trained on (benchmarks/clips.py): each picture passes through a camera's
noise and a video codec. Four ways of seeing the same frames: raw, live (LiveSmoother), smoothed (offline, as exports
read a take), and FaceMesh's network, raw, its crops from its own points.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clips import FPS, REST_FRAMES, Clip, ClipSource
from benchmarks.facemesh import FaceMesh, facemesh_file
from benchmarks.seen import Seen, of_facemesh, of_faces, of_take
from inference_core.errors import InputError, LPRNetError, OutputError
from inference_core.files import write_bytes
from inference_core.live_smoothing import LiveSmoother
from inference_core.smoothing import smooth
from inference_core.take import TakeHeader, TakeWriter, open_take, take_frame
from inference_core.topology import load_topology
from inference_core.tracking import capture

PEOPLE = (1, 200)
SETTLED = 30                    # frames that live smoothing is given to settle before trembling is measured
REACHED = 0.9                   # of a step: then it has arrived
WAYS = ("raw", "live", "smoothed", "FaceMesh")
# column: heading, digits, what of the people's figures is told
COLUMNS = {"jitter": ("jitter %", 3), "jitter_picture": ("in picture %", 3), "lag_turn": ("lag turn", 1),
           "lag_mouth": ("lag mouth", 1), "blink_seen": ("blink seen %", 0), "blink_kept": ("blink kept %", 0),
           "size": ("size in blink %", 2)}
TARGETS = {"jitter smoothed": ("smoothed", "jitter", "<=", 0.15), "lag live": ("live", "lag_turn", "<=", 2.0),
           "lag live, mouth": ("live", "lag_mouth", "<=", 2.0), "blink kept": ("smoothed", "blink_kept", ">=", 90.0),
           "blink kept live": ("live", "blink_kept", ">=", 90.0), "size in blink": ("smoothed", "size", "<", 0.3),
           "size in blink live": ("live", "size", "<", 0.3)}
RAW_SHARE = 1 / 5               # of the raw jitter, at most


def see(clip: Clip, facemesh: FaceMesh) -> dict[str, Seen]:
    """{way: the clip as it is seen}. Raises InputError where a face is lost: then nothing can be compared."""
    results = list(capture(clip.frames))
    if any(result.face is None for result in results):
        raise InputError(f"the face of the clip {clip.name!r} was lost; give another --seed")
    smoother = LiveSmoother()
    live = [smoother(result).face for result in results]
    with tempfile.TemporaryDirectory() as folder:
        take = take_of(results, Path(folder) / "clip.lprtake")
        seen = {"raw": of_take(take), "live": of_faces(live), "smoothed": of_take(smooth(take))}
    points = facemesh.follow([frame.image for frame in clip.frames], results[0].face.box)
    return seen | {"FaceMesh": of_facemesh(points)}


def take_of(results, path: Path):
    topology = load_topology()
    header = TakeHeader({}, {"name": topology.name, "sha256": topology.sha256}, {"name": "", "sha256": ""}, {}, FPS)
    with TakeWriter.create(path, header) as writer:
        for result in results:
            writer.add(take_frame(result))
    return open_take(path)


def jitter(values: np.ndarray) -> float:
    """(n, P, k) -> root mean square distance from their mean over time."""
    return float(np.sqrt(np.mean(np.square(values - values.mean(0)).sum(-1))))


def lag(seen: np.ndarray, raw: np.ndarray, onset: int) -> float:
    """Frames after `onset` until (n, ...) values have made the way that the raw ones make from rest to their last
    third."""
    rest, moved = raw[:onset].mean(0), raw[-len(raw) // 3:].mean(0)
    way = (moved - rest).ravel()
    share = ((seen - seen[onset // 2:onset].mean(0)).reshape(len(seen), -1) @ way) / (way @ way)
    arrived = np.flatnonzero(share[onset:] >= REACHED)
    return float(arrived[0]) if len(arrived) else float(len(seen) - onset)


def depth_of_blink(lids: np.ndarray) -> float:
    """(n,) openings at rest, blinking, at rest -> how far they close."""
    return float(np.median(np.r_[lids[:REST_FRAMES], lids[-REST_FRAMES:]]) - lids.min())


def change_of_size(size: np.ndarray) -> float:
    """(n,) of a head at rest, blinking, at rest -> the largest share by which it differs from rest in the blink."""
    rest = np.r_[size[SETTLED // 2:REST_FRAMES], size[-REST_FRAMES // 2:]]
    return float(np.abs(size[REST_FRAMES:-REST_FRAMES] / rest.mean() - 1).max())


def measure(source: ClipSource, seed: int, facemesh: FaceMesh) -> dict[str, dict[str, float]]:
    """{way: {column: figure}} of one person; lags in frames, the rest in per cent."""
    clips = {clip.name: clip for clip in source.clips(seed)}
    seen = {name: see(clip, facemesh) for name, clip in clips.items()}
    true_cm = depth_of_blink(clips["blink"].lids_cm)
    out = {}
    for way in WAYS:
        still, blink, turn, mouth = (seen[name][way] for name in ("still", "blink", "turn", "mouth"))
        raw_turn, raw_mouth, raw_blink = (seen[name]["raw" if way != "FaceMesh" else way]
                                          for name in ("turn", "mouth", "blink"))
        out[way] = {
            "jitter": 100 * jitter(still.shapes[SETTLED:]),
            "jitter_picture": 100 * jitter(still.points[SETTLED:, :, :2]) / still.span_pixels,
            "lag_turn": lag(turn.points[..., :2], raw_turn.points[..., :2], clips["turn"].onset),
            "lag_mouth": lag(mouth.lips, raw_mouth.lips, clips["mouth"].onset),
            "blink_seen": 100 * depth_of_blink(blink.lids) * blink.span_cm / true_cm,
            "blink_kept": 100 * depth_of_blink(blink.lids) / depth_of_blink(raw_blink.lids),
            "size": 100 * change_of_size(blink.size)}
    return out


def report_of(people: list[dict[str, dict[str, float]]]) -> dict:
    """Means and the worst of all people, and whether the means keep the targets."""
    def over(way, column, function):
        return float(function([person[way][column] for person in people]))

    rows = {way: {column: over(way, column, np.mean) for column in COLUMNS} for way in WAYS}
    worst = {way: {column: over(way, column, np.min if column.startswith("blink") else np.max) for column in COLUMNS}
             for way in WAYS}
    kept = {name: bool(rows[way][column] >= value if sign == ">=" else
                       rows[way][column] <= value if sign == "<=" else rows[way][column] < value)
            for name, (way, column, sign, value) in TARGETS.items()}
    kept["jitter smoothed of raw"] = rows["smoothed"]["jitter"] <= RAW_SHARE * rows["raw"]["jitter"]
    return {"people": len(people), "fps": FPS, "mean": rows, "worst": worst, "within_target": kept}


def table(report: dict) -> str:
    lines = [f"{report['people']} rendered people, mean (worst); jitter in % of the inter-ocular distance, lag in "
             f"frames of {1000 / report['fps']:.0f} ms",
             f"{'':12}" + "".join(f"{name:>18}" for name, _ in COLUMNS.values())]
    for way in WAYS:
        cells = [f"{report['mean'][way][c]:.{digits}f} ({report['worst'][way][c]:.{digits}f})"
                 for c, (_, digits) in COLUMNS.items()]
        lines.append(f"{way:12}" + "".join(f"{cell:>18}" for cell in cells))
    lines += [f"  {'reached' if kept else 'MISSED '}  {name}" for name, kept in report["within_target"].items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the first person")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not PEOPLE[0] <= options.people <= PEOPLE[1] or options.seed < 0:
        parser.error(f"--people must be {PEOPLE[0]} to {PEOPLE[1]}, and --seed not negative")
    try:
        if options.json and not options.json.resolve().parent.is_dir():
            raise OutputError(f"{options.json}: its folder does not exist; make it or give another file")
        facemesh, source = FaceMesh(facemesh_file()), _source(options)
        people = [measure(source, options.seed + number, facemesh) for number in range(options.people)]
        report = report_of(people)
        if options.json:
            write_bytes(options.json, (json.dumps(report | {"each": people}, indent=1) + "\n").encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(report))
    return 0


def _source(options: argparse.Namespace) -> ClipSource:
    from training.face_model import load_face_model
    try:
        return ClipSource(load_face_model(options.face_model), options.textures)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
