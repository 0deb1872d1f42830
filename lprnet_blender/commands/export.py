# SPDX-License-Identifier: GPL-3.0-or-later
"""`export`: the face of a .blend file, still or animated, as a file of other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import bpy

MOST_NAMED = 8


def add_command(commands: Any) -> None:
    """The parser and what it runs."""
    parser = commands.add_parser(
        "export", help="write the face of a .blend file for other programs",
        description="Write a face that was captured or baked, as it moves in the scene: .abc .usd .usdc .usda .glb "
                    ".fbx .obj .mdd .pc2.")
    parser.add_argument("blend", type=Path, metavar="FILE.blend")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the ending says the format")
    parser.add_argument("--object", metavar="NAME", help="which face, where the file holds several")
    parser.add_argument("--scene-range", action="store_true", help="the scene's frames alone, not the whole animation")
    parser.add_argument("--every-shape", action="store_true",
                        help=".glb and .fbx: a shape for each key, not few that are mixed; exact, and large")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Returns 0; raises LPRNetError."""
    from inference_core.cli import say

    from ..scene.blend_file import open_blend
    from ..scene.export import ExportOptions, export, target
    from ..told import ProgressLines

    path, _ = target(options.output.absolute(), None, options.blend.stem)      # found out now, not after the work
    open_blend(options.blend)
    with ProgressLines() as lines:
        done = export(_face(options), path, ExportOptions(None, options.scene_range, options.every_shape),
                      on_progress=lines.tell)
    for note in done.notes:
        say(note)
    for file in done.files:
        print(file, flush=True)
    return 0


def _face(options: argparse.Namespace) -> bpy.types.Object:
    """The one that is named, or the only one; where this file has a face of the same name, one of another file is told
    apart by that file's path behind its name. Raises InputError."""
    from inference_core.errors import InputError

    from ..scene.baked import all_faces

    faces: dict[str, bpy.types.Object] = {}
    every = all_faces()
    placed = [thing for thing in every if thing.users_scene]        # others are refused with a sentence of their own
    for thing in sorted(placed or every, key=lambda thing: thing.library is not None):
        named = thing.name
        if named in faces and thing.library is not None:
            named = f"{named} ({thing.library.filepath})"
        faces[named] = thing
    if not faces:
        raise InputError(f"{options.blend}: holds no captured face; make one with the command image or video")
    names = ", ".join(list(faces)[:MOST_NAMED])
    if options.object is not None and options.object not in faces:
        raise InputError(f"{options.blend}: holds no captured face called {options.object!r}; there is {names}")
    if options.object is None and len(faces) > 1:
        raise InputError(f"{options.blend}: holds {len(faces)} faces; name one with --object: {names}")
    return faces[options.object or names]
