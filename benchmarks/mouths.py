"""Every wide mouth in the openings of a clip, to be counted beside what an eye sees.

    python -m benchmarks.mouths ../shared/eval_videos --only expressions,talking,speech --sheets out/mouths

A mouth is wide where the gap between the lips, teeth included, is at least as high as the lower lip: for an eye in the
picture, for a take where the opening reaches WIDE_MM; two are told apart by a frame in which it has fallen below AGAIN
of that. --sheets draws the mouth of every third frame with its number alone, to be counted first and blindly, and the
widest frame of each mouth that the opening tells of, with the frames about it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clip_report import VIDEOS
from inference_core.crop import crop_around
from inference_core.errors import LPRNetError
from inference_core.frames import open_frames
from inference_core.images import write_image
from inference_core.pictures import contact_sheet
from inference_core.take import Take, open_take
from inference_core.take_measures import measure
from inference_core.video import capture_video

WIDE_MM, AGAIN = 8.0, 0.7
EVERY, ABOUT, TILE = 3, (-4, -2, 0, 2, 4), 120


def wide_in(mouth_mm: np.ndarray) -> list[tuple[int, int, int]]:
    """(n,) openings, NaN where no face was seen -> (first, widest, last) rows of each wide mouth."""
    found: list[tuple[int, int, int]] = []
    first = -1
    for row, opening in enumerate([*mouth_mm, np.nan]):
        if first < 0 and opening >= WIDE_MM:
            first = row
        elif first >= 0 and not opening >= AGAIN * WIDE_MM:
            wide = np.flatnonzero(mouth_mm[first:row] >= WIDE_MM) + first
            found.append((first, first + int(np.argmax(mouth_mm[first:row])), int(wide[-1])))
            first = -1
    return found


def draw(clip: Path, take: Take, wide: list[tuple[int, int, int]], mouth_mm: np.ndarray, path: Path) -> None:
    """Two sheets: PATH-every.png, PATH-wide.png."""
    about = [[min(max(widest + step, 0), len(take) - 1) for step in ABOUT] for _, widest, _ in wide]
    wanted = {row for rows in about for row in rows}
    pictures = {}
    with open_frames(clip) as source:
        for row, frame in enumerate(source):
            if take.valid[row] and (row % EVERY == 0 or row in wanted):
                points = take.landmarks_image(row)[:, :2]
                crop = crop_around(points[48:68].mean(0), 0.6 * float(np.ptp(points[:, 1])))
                pictures[row] = crop.cut(frame.image, TILE)
    rows = [row for row in pictures if row % EVERY == 0]
    write_image(path.with_name(f"{path.name}-every.png"),
                contact_sheet([pictures[row] for row in rows], [str(row) for row in rows], columns=16, size=TILE))
    tiles = [row for group in about for row in group if row in pictures]
    write_image(path.with_name(f"{path.name}-wide.png"),
                contact_sheet([pictures[row] for row in tiles], [f"{row} {mouth_mm[row]:.0f}" for row in tiles],
                              columns=15, size=TILE))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips")
    parser.add_argument("--only", default="", help="how the names of the clips begin, separated by commas")
    parser.add_argument("--sheets", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    clips = sorted(path for path in options.clips.glob("*") if path.suffix.lower() in VIDEOS
                   and path.name.startswith(tuple(options.only.split(","))))
    if not clips:
        parser.error(f"{options.clips}: holds no such clip")
    try:
        for clip in clips:
            with tempfile.TemporaryDirectory() as folder:
                capture_video(clip, Path(folder) / "clip.lprtake")
                take = open_take(Path(folder) / "clip.lprtake")
                mouth_mm = measure(take).mouth_mm
                wide = wide_in(mouth_mm)
                listed = ", ".join(f"{first}-{last} ({mouth_mm[widest]:.0f} mm)" for first, widest, last in wide)
                print(f"{clip.stem}: {len(wide)}: {listed}", flush=True)
                if options.sheets:
                    options.sheets.mkdir(parents=True, exist_ok=True)
                    draw(clip, take, wide, mouth_mm, options.sheets / clip.stem)
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
