# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `blender --command lprnet`, of `python -m lprnet_blender` and of
`blender -b -P lprnet_blender/__main__.py --`: one parser. One module per command in `commands/`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from .missing import explain_missing


def main(arguments: Sequence[str], program: str = "lprnet_blender") -> int:
    """Run one command; returns the exit code: 0, 2 for input that cannot be used, 130 when stopped, 1 for anything else
    that fails. Whatever a user can cause is one sentence on standard error."""
    with suppress(ValueError):                          # only the main thread may
        signal.signal(signal.SIGINT, signal.default_int_handler)       # Blender has one of its own, which stops nothing
        signal.signal(signal.SIGTERM, signal.default_int_handler)      # a farm's stop; half-written files go too
    try:
        from inference_core.cli import print_any_name, report
        from inference_core.errors import LPRNetError
        print_any_name()
        options = _parser(program).parse_args(arguments)
        try:
            code: int = options.run(options)
            return code
        except LPRNetError as error:
            return report(error)
    except ModuleNotFoundError as error:
        print(f"lprnet: {explain_missing(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lprnet: stopped", file=sys.stderr)
        return 130


def _parser(program: str) -> argparse.ArgumentParser:
    from .commands import bake, export, image, render, video

    parser = argparse.ArgumentParser(
        prog=program, description="Faces of photos and videos as .blend files, without a window.",
        epilog="Exit codes: 0; 2 input that cannot be used, or wrong options; 1 anything else; 130 stopped.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (image, video, bake, export, render):
        command.add_command(commands)
    return parser
