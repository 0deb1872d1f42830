# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that all commands understand which bake, and the bake itself into a new file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..scene.bake_options import BakeOptions

MODES = {"absolute": "ABSOLUTE", "relative": "RELATIVE", "point-cache": "POINT_CACHE"}
HEADS = {"object": "OBJECT", "vertices": "VERTICES", "none": "NONE"}
TIMINGS = {"clip": "SET_SCENE_FPS", "scene": "MATCH_SCENE", "frames": "RETIME"}
SMOOTHINGS = ("pose", "expression", "openings", "identity")


def add_bake_options(parser: argparse.ArgumentParser) -> None:
    """See `bake_options`."""
    bake = parser.add_argument_group("bake")
    bake.add_argument("--mode", choices=MODES, default="absolute",
                      help="shape keys passed through in time (absolute), with a value each (relative: what glTF "
                           "carries), or a file beside the .blend (default: absolute)")
    bake.add_argument("--head", choices=HEADS, default="object", help="what carries its motion (default: object)")
    bake.add_argument("--timing", choices=TIMINGS, default="clip",
                      help="the scene gets the clip's rate (clip); the clip's seconds at the scene's rate (scene, see "
                           "--scene-fps); a frame of the clip on each frame (frames) (default: clip)")
    bake.add_argument("--scene-fps", type=float, metavar="FPS", help="of the new scene (default: 24)")
    bake.add_argument("--start-frame", type=int, default=1, metavar="N", help="where the take begins (default: 1)")
    bake.add_argument("--texture-size", type=int, choices=(0, 512, 1024, 2048), default=1024,
                      help="0 = no skin (default: 1024)")
    bake.add_argument("--no-sound", action="store_true")
    bake.add_argument("--no-markers", action="store_true")
    smooth = parser.add_argument_group("smoothing", "1 = as measured to be good, 0 = as captured")
    smooth.add_argument("--smooth", type=float, default=1.0, metavar="STRENGTH", help="of all (default: 1)")
    for name in SMOOTHINGS:
        smooth.add_argument(f"--smooth-{name}", type=float, metavar="STRENGTH")
    smooth.add_argument("--fill-gaps", type=float, metavar="S",
                        help="gaps without a face of up to so many seconds are filled in (default: 0.25)")


def bake_options(options: argparse.Namespace) -> BakeOptions:
    """Raises InputError for what cannot be."""
    from inference_core.smoothing import SmoothingOptions

    from ..scene.bake_options import BakeOptions

    given = {name: getattr(options, f"smooth_{name}") for name in SMOOTHINGS}
    strengths = {name: options.smooth if value is None else value for name, value in given.items()}
    gap = SmoothingOptions().max_gap_s if options.fill_gaps is None else options.fill_gaps
    chosen: dict[str, Any] = {"mode": MODES[options.mode], "head": HEADS[options.head],
                              "timing": TIMINGS[options.timing]}
    return BakeOptions(**chosen, start_frame=options.start_frame,
                       smoothing=SmoothingOptions(**strengths, max_gap_s=gap),
                       texture=options.texture_size, sound=not options.no_sound, markers=not options.no_markers)


def bake_file(take: Path, output: Path, options: BakeOptions, scene_fps: float | None) -> None:
    """A new file with the take; progress on standard error. The file is there when all is done, or not at all."""
    from ..scene.bake import bake_take
    from ..scene.blend_file import new_blend
    from ..scene.stage import clear_file, set_stage
    from ..scene.timing import scene_rate
    from ..told import ProgressLines

    scene = clear_file()
    if scene_fps is not None:
        rate = scene_rate(scene_fps)
        scene.render.fps, scene.render.fps_base = rate.fps, rate.base
    with new_blend(output):
        with ProgressLines() as lines:
            thing = bake_take(take, options, scene, cache=output.stem, on_progress=lines.tell)
        scene.frame_set(options.start_frame)
        set_stage(scene, [thing])
    print(f"{output}: frames {scene.frame_start} to {scene.frame_end} at "
          f"{scene.render.fps / scene.render.fps_base:.4g} fps", flush=True)
