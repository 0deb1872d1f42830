"""`lprnet video`: a clip becomes a take."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import replace
from pathlib import Path

TAKE = ".lprtake"
# what can be said of each
FRAMES, TRACK = ("start_s", "end_s", "every", "fps"), ("face", "engine", "weights", "careful")


def add_command(commands) -> None:
    parser = commands.add_parser(
        "video", help="capture the face of a video", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Capture the face of a video, an image sequence, a camera or a stream into a take: a folder that\n"
                    "is written as it goes. Whatever stops it, what was captured stays and --resume goes on.",
        epilog="lprnet video clip.mp4 -o clip.lprtake\nlprnet video clip.mp4 -o clip.lprtake --overlay seen.mp4\n"
               "lprnet video shot.%04d.png -o shot.lprtake --fps 25\nlprnet video camera:0 -o live.lprtake --end 10")
    parser.add_argument("clip", metavar="CLIP",
                        help="a video file, a folder or pattern of pictures, camera:0, or an http address")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TAKE", help=f"the folder, NAME{TAKE}")
    parser.add_argument("--overlay", type=Path, metavar="OUT.mp4", help="also the clip with the face drawn over it")
    parser.add_argument("--start", dest="start_s", type=float, metavar="S", help="from this second on")
    parser.add_argument("--end", dest="end_s", type=float, metavar="S", help="up to this second")
    parser.add_argument("--every", type=int, metavar="N", help="every N-th frame only")
    parser.add_argument("--fps", type=float, help="of image sequences, which have no time stamps (default: 24)")
    parser.add_argument("--face", type=int, metavar="N", help="which of several, 1 the largest (default: 1)")
    parser.add_argument("--careful", action="store_const", const=True,
                        help="look at each face six times and take the mean: truer, a third as many frames a second")
    parser.add_argument("--resume", action="store_true", help="go on with a take that was stopped, with its options")
    parser.add_argument("--engine", choices=("litert", "tensorflow"), help="(default: litert)")
    parser.add_argument("--weights", metavar="NAME", help="a network that `lprnet info` lists")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    from inference_core.cli import INTERRUPTED, say
    from inference_core.cli.progress import ProgressLine
    from inference_core.errors import InputError
    from inference_core.files import refuse_overwriting
    from inference_core.take_source import is_live, safe_name
    from inference_core.video import Progress, capture_video

    if options.output.suffix.lower() != TAKE:
        options.parser.error(f"a take is a folder whose name ends in {TAKE}; give "
                             f"-o {options.output.stem or 'NAME'}{TAKE}")
    name = safe_name(options.clip)
    if "://" in options.clip and not is_live(options.clip):
        raise InputError(f"{name}: addresses of this kind cannot be read; give an http address that sends MJPEG, or a "
                         "file")
    if options.overlay:
        if options.overlay.suffix.lower() != ".mp4":
            options.parser.error(f"--overlay {options.overlay}: is written as .mp4; give a name that ends so")
        from inference_core.overlay_video import check_overlay
        refuse_overwriting([options.overlay], [Path(options.clip)], "the clip")
        check_overlay(options.clip, options.overlay)        # found out now, not after the work
    wanted, start = video_options(options), time.monotonic()
    line: ProgressLine | None = None
    last = Progress(0, 0, 0, None)

    def tell(progress: Progress) -> None:
        nonlocal line, last
        line, last = line or ProgressLine(progress.before), progress
        line.tell(progress.done, progress.expected, f"{progress.lost} lost")

    try:
        done = capture_video(options.clip, options.output, wanted, tell)
    except KeyboardInterrupt:
        if line:
            line.close()
        if not last.done:
            raise
        again = shlex.join(["lprnet", "video", options.clip, "-o", str(options.output), "--resume"])
        say(f"stopped; {options.output} keeps its {last.done} frames"
            + ("" if is_live(options.clip) else f"; to go on: {again}"))
        return INTERRUPTED
    finally:
        if line:
            line.close()
    seconds = time.monotonic() - start
    speed = "complete before" if done.done == done.before else f"{(done.done - done.before) / seconds:.0f} fps"
    say(f"{done.done} frames, {done.lost} lost ({100 * done.lost / max(done.done, 1):.1f} %), {speed}")
    if options.overlay:
        _draw(options, done.done)
    print(options.output, flush=True)
    if options.overlay:
        print(options.overlay, flush=True)
    if done.lost == done.done:
        raise InputError(f"{name}: {_nobody(wanted)} in any of its {done.done} frames; give a clip that shows a "
                         "face of at least a tenth of the picture, or another --face")
    return 0


def video_options(options: argparse.Namespace):
    """-> VideoOptions; with --resume, what the take was begun with unless something else is said."""
    from inference_core.take_writer import begun
    from inference_core.video import VideoOptions, options_of

    before = options_of(options.output) if options.resume and begun(options.output) else VideoOptions()
    frames, track = ({key: value for key in keys if (value := getattr(options, key)) is not None}
                     for keys in (FRAMES, TRACK))
    return VideoOptions(replace(before.frames, **frames), replace(before.track, **track), options.resume)


def _draw(options: argparse.Namespace, frames: int) -> None:
    from inference_core.cli.progress import ProgressLine
    from inference_core.overlay_video import write_overlay
    from inference_core.take import open_take

    line = ProgressLine()
    try:
        write_overlay(options.clip, open_take(options.output), options.overlay,
                      lambda done: line.tell(done, frames, "drawn"))
    finally:
        line.close()


def _nobody(wanted) -> str:
    return "no face was seen" if wanted.track.face == 1 else f"there is no face {wanted.track.face}"
