"""Frames a second of decoding alone, as `lprnet video` reads them: python -m benchmarks.decoding CLIP ..."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from inference_core.errors import LPRNetError
from inference_core.frames import open_frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    for path in parser.parse_args().clips:
        try:
            with open_frames(path) as frames:
                start_s, start_cpu_s = time.perf_counter(), time.process_time()
                count = sum(1 for _ in frames)
                wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
        except LPRNetError as error:
            parser.error(str(error))
        width, height = frames.info.size
        print(f"{path.name}: {width} x {height}, {count} frames, {count / wall_s:.0f} a second, "
              f"{1000 * cpu_s / count:.2f} ms of processor time each")


if __name__ == "__main__":
    main()
