# SPDX-License-Identifier: GPL-3.0-or-later
"""`render`: a picture of the captured faces in a .blend file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

PICTURES = (".png", ".jpg", ".webp", ".tif", ".bmp")
PICTURE_SIZES, MOST_VIEWS = (16, 4096), 36


def add_command(commands: Any) -> None:
    """The parser and what it runs."""
    parser = commands.add_parser("render", help="picture of the faces in a .blend file, evenly lit")
    parser.add_argument("blend", type=Path, metavar="FILE.blend")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")
    parser.add_argument("--views", type=_azimuths, metavar="DEGREES,...",
                        help="0 is the front, 90 the subject's left side (default: front, 45 degrees, side)")
    parser.add_argument("--size", type=_picture_size, default=512, metavar="PIXELS", help="of each view")
    parser.add_argument("--clay", action="store_true", help="the bare shape, without texture")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Returns 0; raises LPRNetError."""
    import bpy

    from inference_core.errors import InputError, OutputError
    from inference_core.files import check_writable
    from inference_core.images import write_image

    from ..scene.baked import all_faces
    from ..scene.blend_file import open_blend
    from ..scene.render import default_views, render_views, shown_faces

    if options.output.suffix.lower() not in PICTURES:
        raise OutputError(f"{options.output}: pictures of this ending cannot be written; use one of "
                          f"{' '.join(PICTURES)}")
    check_writable(options.output)
    open_blend(options.blend)
    faces, scene = all_faces(), bpy.context.scene
    if scene is None or not faces:
        raise InputError(f"{options.blend}: holds no captured face; make one with the command image or video")
    scene, things = shown_faces(faces, scene)
    if not things:
        raise InputError(f"{options.blend}: all its faces are hidden from renders, or in no scene; show one and save "
                         "it")
    views = options.views or default_views(things[0])
    write_image(options.output, render_views(scene, things, views, size=options.size, clay=options.clay))
    print(options.output)
    return 0


def _azimuths(text: str) -> list[float]:
    try:
        azimuths = [float(part) for part in text.split(",")]
    except ValueError:
        azimuths = []
    if not azimuths or len(azimuths) > MOST_VIEWS or not all(abs(azimuth) <= 360 for azimuth in azimuths):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of up to {MOST_VIEWS} angles such as 0,45,90")
    return azimuths


def _picture_size(text: str) -> int:
    low, high = PICTURE_SIZES
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)
