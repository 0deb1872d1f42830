"""How long Blender takes from a clip to a saved .blend, and how long each tick of the job keeps its window from answering.

    python -m benchmarks.bake --seconds 60 --mode ABSOLUTE

The clip is a portrait moved about, 1280 x 720 at 30 frames a second. Asked for: at most 20 s for a minute, and no tick over
50 ms. Blender runs in a process of its own, ticked as its timer does. Beside wall time stands the processor time of the
main thread, which other programs on the machine do not lengthen. What Blender does after a job (drawing, its undo step) is
not a tick of ours, and told apart.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from inference_core.cli import report, say
from inference_core.errors import LPRNetError, OutputError

SIZE, FPS = (1280, 720), 30
MOST_S, MOST_TICK_MS = 20.0, 50.0
BLENDER = r"""
import json, os, sys, time
from pathlib import Path
clip, folder, mode = sys.argv[1:4]
start = time.perf_counter()
import bpy
from inference_core.video import VideoOptions
from lprnet_blender import bake_video, jobs
from lprnet_blender.scene.bake import Target
from lprnet_blender.scene.bake_options import BakeOptions
from lprnet_blender.ui.operators.running import EVERY_S
bpy.ops.wm.read_factory_settings(use_empty=True)
begun = time.perf_counter()
options = BakeOptions(mode, timing="SET_SCENE_FPS")
job = bake_video.begin(clip, Path(folder, "clip.lprtake"), VideoOptions(), options, Target(bpy.context.scene.name))
ticks, parts, works = [], {}, {}
while job.ended is None:
    at, cpu, work = time.perf_counter(), time.thread_time(), time.process_time()
    job.tick()
    spent = time.perf_counter() - at
    ticks.append((job.progress.text, 1000 * spent, 1000 * (time.thread_time() - cpu)))
    time.sleep(max(EVERY_S - spent, 0))
    name = job.progress.text
    parts[name] = parts.get(name, 0) + time.perf_counter() - at
    works[name] = works.get(name, 0) + time.process_time() - work
if not isinstance(job.ended, jobs.Done):
    raise job.ended.error
baked = time.perf_counter()
blend = Path(folder, "clip.blend")
bpy.ops.wm.save_as_mainfile(filepath=str(blend))
saved = time.perf_counter()
bpy.ops.ed.undo_push(message="Bake Video")
pushed = time.perf_counter()
print("MEASURED " + json.dumps({"ticks": ticks, "parts": parts, "works": works, "begin": begun - start, "job": baked - begun,
      "save": saved - baked, "undo": pushed - saved, "process": sum(os.times()[:2]),
      "blend_mb": blend.stat().st_size / 1e6}))
sys.stdout.flush()
os._exit(0)
"""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of the clip (default: 60)")
    parser.add_argument("--mode", choices=("ABSOLUTE", "RELATIVE", "POINT_CACHE"), default="ABSOLUTE")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mp4"
            write_clip(clip, round(options.seconds * FPS))
            return tell(measure(clip, Path(folder), options.mode), options)
    except LPRNetError as error:
        return report(error)


def write_clip(path: Path, count: int) -> None:
    """Eileen Collins, NASA, public domain; a file of scikit-image's wheel, so nothing is fetched."""
    try:
        from skimage.data import astronaut
    except ModuleNotFoundError as error:
        say(f"scikit-image, which brings the portrait, is not installed; run: {sys.executable} -m pip install scikit-image")
        raise SystemExit(1) from error
    width, height = SIZE
    portrait = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, SIZE)
    if not writer.isOpened():
        raise OutputError(f"{path}: this OpenCV writes no MPEG-4")
    for number in range(count):
        phase = 2 * np.pi * number / (2 * FPS)
        matrix = cv2.getRotationMatrix2D((256, 256), 8 * np.sin(phase), 1.3 + 0.1 * np.sin(phase / 3))
        matrix[:, 2] += [width / 2 - 256 + 80 * np.sin(phase / 2), height / 2 - 256 + 30 * np.cos(phase)]
        writer.write(cv2.warpAffine(portrait, matrix, SIZE, borderMode=cv2.BORDER_REFLECT))
    writer.release()


def measure(clip: Path, folder: Path, mode: str) -> dict:
    """What the program in Blender has measured."""
    done = subprocess.run([sys.executable, "-c", BLENDER, str(clip), str(folder), mode], capture_output=True, text=True,
                          check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if not lines:
        raise OutputError(f"Blender has not baked the clip: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(lines[0].removeprefix("MEASURED "))


def tell(found: dict, options: argparse.Namespace) -> int:
    """A table; 1 where a limit is not kept."""
    total = found["begin"] + found["job"] + found["save"]
    print(f"{options.seconds:g} s of {SIZE[0]} x {SIZE[1]} at {FPS} fps, {options.mode}: {total:.1f} s from clip to .blend "
          f"({found['blend_mb']:.0f} MB); processor {found['process']:.1f} s")
    print(f"  start Blender {found['begin']:.1f} s, job {found['job']:.1f} s, save {found['save']:.1f} s; then Blender's "
          f"undo step {found['undo']:.1f} s")
    print(f"  {'ticks of':<28}{'count':>7}{'s':>8}{'processor':>11}{'median':>9}{'99 %':>8}{'worst':>8}{'main thread: 99 %':>19}{'worst':>8} ms")
    names = list(dict.fromkeys(name for name, *_ in found["ticks"]))
    for name in [*names, "all"]:
        wall, cpu = np.array([row[1:] for row in found["ticks"] if name in (row[0], "all")]).T
        seconds, work = (found[key].get(name, sum(found[key].values())) for key in ("parts", "works"))
        print(f"  {name:<28}{len(wall):>7}{seconds:>8.1f}{work:>11.1f}{np.median(wall):>9.1f}{np.quantile(wall, 0.99):>8.1f}"
              f"{wall.max():>8.1f}{np.quantile(cpu, 0.99):>19.1f}{cpu.max():>8.1f}")
    late = sum(row[1] > MOST_TICK_MS for row in found["ticks"])
    print(f"  over {MOST_TICK_MS:g} ms: {late} ticks (by processor time {sum(row[2] > MOST_TICK_MS for row in found['ticks'])})")
    return int(late > 0 or total > MOST_S * options.seconds / 60)


if __name__ == "__main__":
    sys.exit(main())
