# SPDX-License-Identifier: GPL-3.0-or-later
"""`video`: a clip becomes a take, and the take an animated face in a new .blend file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bake_options import add_bake_options

if TYPE_CHECKING:
    from inference_core.video import Progress


def add_command(commands: Any) -> None:
    """The parser and what it runs."""
    parser = commands.add_parser(
        "video", help="capture the face of a clip and bake it into a new .blend file",
        description="Capture the face of a video or image sequence into a take and bake it. What was stopped goes on "
                    "where it was: give the same command again.")
    parser.add_argument("clip", metavar="CLIP", help="a video file, or a folder or pattern (shot.####.png) of pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    parser.add_argument("--take", type=Path, help="the folder that keeps the capture (default: OUT.lprtake)")
    capture = parser.add_argument_group("capture")
    capture.add_argument("--start", dest="start_s", type=float, default=0.0, metavar="S", help="from this second on")
    capture.add_argument("--end", dest="end_s", type=float, metavar="S", help="up to this second")
    capture.add_argument("--every", type=int, default=1, metavar="N", help="every N-th frame only")
    capture.add_argument("--fps", type=float, help="of image sequences, which have no time stamps (default: 24)")
    capture.add_argument("--face", type=int, default=1, metavar="N",
                         help="which of several, 1 the largest (default: 1)")
    capture.add_argument("--careful", action="store_true",
                         help="look at each face six times and take the mean: truer, a third as many frames a second")
    capture.add_argument("--engine", choices=("litert", "tensorflow"), default="litert")
    capture.add_argument("--weights", default="default", metavar="NAME")
    capture.add_argument("--threads", type=int, default=1, metavar="N")
    add_bake_options(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Returns 0, or 130 where it was stopped; raises LPRNetError."""
    from inference_core.cli import INTERRUPTED, say
    from inference_core.errors import InputError
    from inference_core.take_source import is_live, safe_name

    from ..scene.blend_file import check_output
    from ..take_names import TAKE
    from .bake_options import bake_file, bake_options

    check_output(options.output)
    take = options.take or options.output.with_suffix(TAKE)
    if take.suffix.lower() != TAKE:
        options.parser.error(f"--take {take}: a take is a folder whose name ends in {TAKE}")
    chosen = bake_options(options)
    done = _capture(options, take)
    if done is None:
        goes_on = "lprnet bake makes a .blend of it" if is_live(options.clip) else "the same command goes on with it"
        say(f"stopped; {take} keeps what was captured, {goes_on}")
        return INTERRUPTED
    print(take, flush=True)
    if done.lost == done.done:
        raise InputError(f"{safe_name(options.clip)}: no face was seen in any of its {done.done} frames; give a clip "
                         "that shows a face of at least a tenth of the picture, or another --face")
    bake_file(take, options.output, chosen, options.scene_fps)
    return 0


def _capture(options: argparse.Namespace, take: Path) -> Progress | None:
    """Progress and speed on standard error; None where it was stopped."""
    from inference_core.cli import say
    from inference_core.cli.progress import ProgressLine
    from inference_core.frames import FrameOptions
    from inference_core.tracking import TrackOptions
    from inference_core.video import VideoOptions, capture_video

    wanted = VideoOptions(FrameOptions(options.start_s, options.end_s, options.every, options.fps),
                          TrackOptions(engine=options.engine, weights=options.weights, threads=options.threads,
                                       face=options.face, careful=options.careful), resume=True)
    line: ProgressLine | None = None
    start = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal line
        line = line or ProgressLine(progress.before)
        line.tell(progress.done, progress.expected, f"{progress.lost} lost")

    try:
        done = capture_video(options.clip, take, wanted, tell)
    except KeyboardInterrupt:
        if line is None:
            raise                                       # nothing is there yet
        return None
    finally:
        if line:
            line.close()
    fresh = done.done - done.before
    speed = f"{fresh / (time.monotonic() - start):.0f} fps" if fresh else "captured before"
    say(f"{done.done} frames, {done.lost} lost ({100 * done.lost / max(done.done, 1):.1f} %), {speed}")
    return done
