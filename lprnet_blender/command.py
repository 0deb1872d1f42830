# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `python -m lprnet_blender` and of `blender -b -P lprnet_blender/__main__.py --`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .missing import explain_missing


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. A user's mistake is one sentence on stderr and code 1."""
    options = _parser().parse_args(arguments)
    try:
        from inference_core.errors import LPRNetError
        try:
            options.run(options)
        except LPRNetError as error:
            print(f"lprnet: {error}", file=sys.stderr)
            return 1
    except ModuleNotFoundError as error:
        print(f"lprnet: {explain_missing(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lprnet_blender", description="Photos as faces in .blend files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    image = commands.add_parser("image", help="capture the face of a photo into a new .blend file")
    image.add_argument("photo", type=Path)
    image.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    image.add_argument("--all-faces", action="store_true", help="all faces of the photo, not the largest alone")
    image.add_argument("--box", type=_box, metavar="L,T,R,B", help="where the face is, in pixels; no detector then")
    image.add_argument("--texture-size", type=int, default=1024, metavar="PIXELS")
    image.add_argument("--engine", choices=("litert", "tensorflow"), default="litert")
    image.add_argument("--weights", default="default", metavar="NAME")
    image.set_defaults(run=_image)

    render = commands.add_parser("render", help="picture of the captured faces in a .blend file, side by side")
    render.add_argument("blend", type=Path)
    render.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")
    render.add_argument("--views", type=_numbers, metavar="DEGREES,...",
                        help="0 is the front, 90 the subject's left side (default: front, 45 degrees, side)")
    render.add_argument("--size", type=int, default=512, metavar="PIXELS", help="of each view")
    render.add_argument("--clay", action="store_true", help="the bare shape, without texture")
    render.set_defaults(run=_render)
    return parser


def _image(options: argparse.Namespace) -> None:
    from inference_core.regression import CaptureOptions

    from .capture import capture_photo
    from .scene.blend_file import check_writable, save_blend
    from .scene.face import add_face
    from .scene.stage import clear_file, set_stage

    check_writable(options.output)
    chosen = CaptureOptions(all_faces=options.all_faces, box=options.box, engine=options.engine,
                            weights=options.weights)
    captured = capture_photo(options.photo, chosen, options.texture_size)
    scene = clear_file()
    things = [add_face(item.name, item.face, item.texture, scene.collection, place=place)
              for place, item in enumerate(captured)]
    set_stage(scene, things)
    save_blend(options.output)
    print(f"{options.output}: {len(things)} face{'s' if len(things) > 1 else ''}")


def _render(options: argparse.Namespace) -> None:
    import bpy

    from inference_core.errors import InputError
    from inference_core.images import write_image

    from .scene.blend_file import open_blend
    from .scene.face import captured_faces
    from .scene.render import default_views, render_views

    open_blend(options.blend)
    things = captured_faces()
    scene = bpy.context.scene
    if scene is None or not things:
        raise InputError(f"{options.blend} holds no captured face; make one with the command image.")
    views = options.views or default_views(things[0])
    write_image(options.output, render_views(scene, things, views, size=options.size, clay=options.clay))
    print(options.output)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0,45,90") from error


def _box(text: str) -> tuple[float, float, float, float]:
    numbers = _numbers(text)
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers: left,top,right,bottom")
    left, top, right, bottom = numbers
    return left, top, right, bottom
