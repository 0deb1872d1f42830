# SPDX-License-Identifier: GPL-3.0-or-later
"""`bake`: a take becomes an animated face in a new .blend file, without the network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .bake_options import add_bake_options


def add_command(commands: Any) -> None:
    """The parser and what it runs."""
    parser = commands.add_parser(
        "bake", help="bake a take into a new .blend file",
        description="Bake a take that was captured before: with other smoothing, or in another mode. No network runs.")
    parser.add_argument("take", type=Path, metavar="TAKE", help="a folder NAME.lprtake")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.blend")
    add_bake_options(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Returns 0; raises LPRNetError."""
    from inference_core.take import open_take

    from ..scene.blend_file import check_output
    from .bake_options import bake_file, bake_options

    check_output(options.output)
    chosen = bake_options(options)
    open_take(options.take)                             # said before a file is begun
    bake_file(options.take, options.output, chosen, options.scene_fps)
    return 0
