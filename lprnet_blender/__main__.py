# SPDX-License-Identifier: GPL-3.0-or-later
"""Start from a shell, with the bpy wheel or with Blender itself:

    python -m lprnet_blender image PHOTO -o OUT.blend
    blender -b --python-exit-code 1 -P lprnet_blender/__main__.py -- image PHOTO -o OUT.blend
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _arguments() -> list[str]:
    """What is ours: everything after `--` when Blender runs this file, else everything after the program."""
    return sys.argv[sys.argv.index("--") + 1:] if "--" in sys.argv else sys.argv[1:]


if __name__ == "__main__":
    if not __package__:                                 # a file run by Blender belongs to no package yet
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from lprnet_blender.command import main
    code = 1
    try:
        code = main(_arguments())
    except SystemExit as stop:                          # argparse: --help, or a wrong option
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    # Some versions of Blender hang while they shut down after all work is done, so the process ends itself.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
