# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `python -m lprnet_blender` and of `blender -b -P lprnet_blender/__main__.py --`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .missing import explain_missing

PICTURES = (".png", ".jpg", ".webp", ".tif", ".bmp")
PICTURE_SIZES, MOST_VIEWS = (16, 4096), 36


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code: 0, 2 for input that cannot be used, 1 for anything else that fails.
    Whatever a user can cause is one sentence on standard error."""
    try:
        from inference_core.cli import report
        from inference_core.errors import LPRNetError
        options = _parser().parse_args(arguments)
        try:
            options.run(options)
        except LPRNetError as error:
            return report(error)
    except ModuleNotFoundError as error:
        print(f"lprnet: {explain_missing(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lprnet: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from inference_core.cli.image import add_capture_options

    parser = argparse.ArgumentParser(prog="lprnet_blender", description="Photos as faces in .blend files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    image = commands.add_parser("image", help="capture the face of a photo into a new .blend file")
    image.add_argument("photo", type=Path, metavar="PHOTO")
    image.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    add_capture_options(image)
    image.set_defaults(run=_image, parser=image)

    render = commands.add_parser("render", help="picture of the captured faces in a .blend file, side by side")
    render.add_argument("blend", type=Path, metavar="FILE.blend")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")
    render.add_argument("--views", type=_azimuths, metavar="DEGREES,...",
                        help="0 is the front, 90 the subject's left side (default: front, 45 degrees, side)")
    render.add_argument("--size", type=_picture_size, default=512, metavar="PIXELS", help="of each view")
    render.add_argument("--clay", action="store_true", help="the bare shape, without texture")
    render.set_defaults(run=_render)
    return parser


def _image(options: argparse.Namespace) -> None:
    from inference_core.cli.image import capture_options

    from .capture import capture_photo
    from .scene.blend_file import check_output, save_blend
    from .scene.photo import add_photo
    from .scene.stage import clear_file, set_stage

    check_output(options.output)
    captured = capture_photo(options.photo, capture_options(options), options.texture_size)
    scene = clear_file()
    things = add_photo(captured, scene, scene.collection)
    set_stage(scene, things)
    save_blend(options.output)
    print(f"{options.output}: {len(things)} face{'s' if len(things) > 1 else ''}")


def _render(options: argparse.Namespace) -> None:
    import bpy

    from inference_core.errors import InputError, OutputError
    from inference_core.files import check_writable
    from inference_core.images import write_image

    from .scene.blend_file import open_blend
    from .scene.face import captured_faces
    from .scene.render import default_views, render_views

    if options.output.suffix.lower() not in PICTURES:
        raise OutputError(f"{options.output}: pictures of this ending cannot be written; use one of "
                          f"{' '.join(PICTURES)}")
    check_writable(options.output)
    open_blend(options.blend)
    things = captured_faces()
    scene = bpy.context.scene
    if scene is None or not things:
        raise InputError(f"{options.blend}: holds no captured face; make one with the command image")
    views = options.views or default_views(things[0])
    write_image(options.output, render_views(scene, things, views, size=options.size, clay=options.clay))
    print(options.output)


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
