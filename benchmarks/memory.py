"""Memory of a long capture beside that of a short one: it must not grow with the clip.

    python -m benchmarks.memory CLIP

The clip is played over and over into files of 300 and of 3,000 frames, and `lprnet video` captures each in a process of
its own. Prints the peak of the memory that each held (resident set size), and fails where the long one takes MORE more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import InputError, LPRNetError
from inference_core.frames import open_frames
from inference_core.take import open_take

SHORT, LONG, MORE = 300, 3000, 0.10
UNIT = 1 if sys.platform == "darwin" else 1024          # bytes in which the system counts


def looped(clip: Path, path: Path, count: int) -> None:
    """The clip's frames over and over, `count` of them."""
    writer, written = None, 0
    while written < count:
        with open_frames(clip) as source:
            if writer is None:
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), source.info.fps or 25.0,
                                         source.info.size)
            for frame in source:
                writer.write(np.ascontiguousarray(frame.image[..., ::-1]))
                written += 1
                if written == count:
                    break
    writer.release()


def peak_bytes(clip: Path, take: Path) -> int:
    """Of `lprnet video CLIP -o TAKE`."""
    command = [sys.executable, "-m", "inference_core", "video", str(clip), "-o", str(take)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise InputError(error.decode(errors="replace").strip().splitlines()[-1])
    return usage.ru_maxrss * UNIT


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--short", type=int, default=SHORT)
    parser.add_argument("--long", type=int, default=LONG)
    options = parser.parse_args(arguments)
    if not 0 < options.short < options.long:
        parser.error("give --short and --long so that the first is less")
    peaks = []
    try:
        for count in (options.short, options.long):
            with tempfile.TemporaryDirectory() as folder:
                looped(options.clip, Path(folder) / "looped.mp4", count)
                peaks.append(peak_bytes(Path(folder) / "looped.mp4", Path(folder) / "looped.lprtake"))
                take = open_take(Path(folder) / "looped.lprtake")
                print(f"{len(take)} frames, {int(take.valid.sum())} with a face: "
                      f"peak {peaks[-1] / 1e6:.1f} MB", flush=True)
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    more = peaks[1] / peaks[0] - 1
    print(f"{more:+.1%}, {'within' if more <= MORE else 'MISSES'} {MORE:.0%}")
    return 0 if more <= MORE else 1


if __name__ == "__main__":
    sys.exit(main())
