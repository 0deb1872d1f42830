"""The command `lprnet`: one module per command, each with `add_command(commands)`."""

from __future__ import annotations

import argparse
import codecs
import os
import sys
from collections.abc import Sequence

from inference_core.cli import export, image, import_weights, info, video
from inference_core.errors import InputError, LPRNetError

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
ANY_NAME = "lprnet_any_name"            # a way for codecs to treat what they cannot encode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 2 for input that cannot be used, 1 for anything else that fails.
    Whatever a user can cause is one sentence on standard error."""
    print_any_name()
    parser = argparse.ArgumentParser(prog="lprnet", description="Faces of photos and videos as textured 3D meshes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    image.add_command(commands)
    video.add_command(commands)
    export.add_command(commands)
    info.add_command(commands)
    import_weights.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
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
        _print_nothing_more()               # whoever read has had enough
        return FAILED
    except OSError as error:
        if not _printing_fails():
            raise
        _print_nothing_more()
        say(f"what is printed cannot be written ({error.strerror or error}); send it elsewhere")
        return FAILED
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED


def _printing_fails() -> bool:
    """Whether standard output is what could not be written."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _print_nothing_more() -> None:
    """What is still in the buffer must not be told to a closed pipe or a full disk when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


PACKAGE_OF_MODULE = {"cv2": "opencv-python-headless", "dlib": "dlib-bin", "numpy": "numpy"}


def print_any_name() -> None:
    """Names of files hold letters that the terminal, or the file that is written to, may have no place for: from now on
    they are printed as well as can be, and never end the work. Raw bytes in a name stay what they are where bytes are
    names, so that a printed path can be used."""
    codecs.register_error(ANY_NAME, _as_well_as_can_be)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ANY_NAME if _takes_raw_bytes(stream.encoding) else "backslashreplace")


def _takes_raw_bytes(encoding: str | None) -> bool:
    return os.name == "posix" and codecs.lookup(encoding or "utf-8").name == "utf-8"


def _as_well_as_can_be(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:                # half of a pair, as the header of a take from elsewhere may hold
        return codecs.backslashreplace_errors(error)


def report(error: LPRNetError) -> int:
    """Say what went wrong; returns the exit code for it."""
    say(str(error))
    return BAD_INPUT if isinstance(error, InputError) else FAILED


def say(sentence: str) -> None:
    """One sentence on standard error."""
    print(f"lprnet: {sentence}", file=sys.stderr)
