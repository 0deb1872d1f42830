"""The command `lprnet`: one module per command, each with `add_command(commands)`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from inference_core.cli import export, image, import_weights, info, video
from inference_core.errors import InputError, LPRNetError

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for input that cannot be used, 1 for anything else that fails.
    Whatever a user can cause is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="lprnet", description="Faces of photos and videos as textured 3D meshes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    image.add_command(commands)
    video.add_command(commands)
    export.add_command(commands)
    info.add_command(commands)
    import_weights.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except LPRNetError as error:
        return report(error)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        package = PACKAGE_OF_MODULE.get(module)
        if package is None:
            raise
        say(f"the package {package} is not installed; run: {sys.executable} -m pip install {package}")
        return FAILED
    except BrokenPipeError:
        # whoever read has had enough; what is still in the buffer must not be told to the closed pipe at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED


PACKAGE_OF_MODULE = {"cv2": "opencv-python-headless", "dlib": "dlib-bin", "numpy": "numpy"}


def report(error: LPRNetError) -> int:
    """Say what went wrong; returns the exit code for it."""
    say(str(error))
    return BAD_INPUT if isinstance(error, InputError) else FAILED


def say(sentence: str) -> None:
    """One sentence on standard error."""
    print(f"lprnet: {sentence}", file=sys.stderr)
