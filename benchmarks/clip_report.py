"""Clips of one person each: in how many frames the face is found, where it is lost, what the detector costs.

    python -m benchmarks.clip_report ../shared/eval_videos --sheets out/sheets --json out/clips.json

"With a face" are frames in which tracking gave a face; that it is the face, and sits on it, is for an eye to say:
--sheets draws evenly spaced frames of each clip, and the first and last frame of each loss, with what was captured over
them, and a red border where nothing was. The detector's share of the time is that of its frames beyond what a frame
takes without it. A clip keeps the target where it loses at most 1 % of its frames; --hard names clips that are reported
apart, since their faces are mostly seen from the side.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from inference_core.engine import load_network
from inference_core.errors import InputError, LPRNetError, OutputError
from inference_core.files import write_bytes
from inference_core.frames import Frame, open_frames
from inference_core.images import write_image
from inference_core.network_search import all_stages
from inference_core.pictures import contact_sheet, draw_overlay
from inference_core.track_state import TrackState
from inference_core.tracking import TrackOptions, track

VIDEOS = (".mp4", ".mov", ".mkv", ".avi", ".webm")
HARD = "profile"
MOST_LOST = 0.01
SHOWN, TILE, COLUMNS, BORDER = 24, 300, 6, (235, 64, 52)


@dataclass(frozen=True)
class ClipReport:
    """losses: (first, last) frames without a face; detector_frames: shares of frames in which the detector ran, and of
    the time."""

    name: str
    frames: int
    with_face: int
    losses: list[tuple[int, int]]
    detector_frames: float
    detector_time: float
    ms_a_frame: float

    @property
    def lost(self) -> float:
        return 1 - self.with_face / self.frames


def report(path: Path, options: TrackOptions = TrackOptions(), tiles: list | None = None) -> ClipReport:
    """Follows the face of a clip. tiles: gets (index, picture) of every frame that a sheet may show."""
    network, state = load_network(options.weights, options.engine, options.threads), TrackState()
    seen, looked, seconds = [], [], []
    with open_frames(path) as source:
        step = max((source.info.frames or SHOWN) // SHOWN, 1)
        for frame in source:
            start = time.process_time()
            faces, detected, state = track(frame.image, frame.time_s, state, network, options)
            seconds.append(time.process_time() - start)
            face = faces.get(options.face)
            if tiles is not None and (frame.index % step == 0 or (seen and seen[-1] != (face is not None))):
                tiles.append((frame.index, _tile(frame, face)))
            seen.append(face is not None)
            looked.append(detected)
    edges = np.flatnonzero(np.diff(np.r_[True, seen, True]))
    losses = [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]
    cost, with_detector = np.array(seconds), np.array(looked)
    usual = float(np.median(cost[~with_detector])) if not with_detector.all() else 0.0
    extra = np.maximum(cost[with_detector] - usual, 0).sum()
    return ClipReport(path.stem, len(seen), int(sum(seen)), losses, float(with_detector.mean()),
                      float(extra / cost.sum()), 1000 * float(cost.mean()))


def _tile(frame: Frame, face) -> np.ndarray:
    if face is not None:
        picture = draw_overlay(frame.image, [face])
        left, top, right, bottom = face.box
        reach = max(right - left, bottom - top)
        x, y = (left + right) / 2, (top + bottom) / 2
        rows, columns = (slice(max(int(v - reach), 0), max(int(v + reach), 1)) for v in (y, x))
        return picture[rows, columns]
    picture, width = frame.image.copy(), max(frame.image.shape[1] // 80, 2)
    picture[:width], picture[-width:], picture[:, :width], picture[:, -width:] = (BORDER,) * 4
    return picture


def line_of(one: ClipReport) -> str:
    losses = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in one.losses) or "none"
    return (f"{one.name:28}{one.frames:7}{one.with_face:11}{one.lost:8.1%}{one.detector_frames:11.1%}"
            f"{one.detector_time:11.1%}{one.ms_a_frame:10.1f}   {losses}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips, or one clip")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="contact sheets of what was captured, as PNG")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--hard", default=HARD,
                        help=f"part of the names of clips that are reported apart (default: {HARD})")
    parser.add_argument("--weights", default="default")
    options = parser.parse_args(arguments)
    try:
        reports = list(_reports(options))
        if options.json:
            write_bytes(options.json, (json.dumps([asdict(one) for one in reports], indent=1) + "\n").encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    counted = [one for one in reports if options.hard not in one.name]
    lost = [one.name for one in counted if one.lost > MOST_LOST]
    print(f"{len(counted)} clips, {sum(one.frames for one in counted)} frames, "
          f"{sum(one.with_face for one in counted)} with a face; more than {MOST_LOST:.0%} lost: "
          f"{', '.join(lost) or 'in none'}")
    return 0


def _reports(options: argparse.Namespace):
    clips = [options.clips] if options.clips.is_file() else sorted(
        path for path in options.clips.glob("*") if path.suffix.lower() in VIDEOS)
    if not clips:
        raise InputError(f"{options.clips}: holds no clip; give a folder with {', '.join(VIDEOS)}")
    if options.sheets:
        try:
            options.sheets.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{options.sheets}: cannot be made ({error.strerror}); choose another folder") from error
    network = load_network(options.weights)
    list(all_stages(np.zeros((64, 64, 3), np.uint8), network))          # loaded now, not in the first clip's time
    print(f"{'clip':28}{'frames':>7}{'with face':>11}{'lost':>8}{'detector':>11}{'its time':>11}"
          f"{'ms/frame':>10}   losses")
    for path in clips:
        tiles: list = []
        one = report(path, TrackOptions(weights=options.weights), tiles if options.sheets else None)
        print(line_of(one), flush=True)
        if tiles:
            write_image(options.sheets / f"{one.name}.png", contact_sheet(
                [picture for _, picture in tiles], [str(index) for index, _ in tiles], columns=COLUMNS, size=TILE))
        yield one


if __name__ == "__main__":
    sys.exit(main())
