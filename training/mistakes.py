"""What a command of this package does about its user's mistakes: one sentence instead of a traceback."""

from __future__ import annotations

import argparse
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from inference_core.errors import LPRNetError, OutputError

MISTAKES = (LPRNetError, OSError, ValueError, EOFError, zipfile.BadZipFile)
RUN = "a folder that python -m training.train has written to its end"


def told(work: Callable[[], None], kinds: tuple[type[Exception], ...] = MISTAKES,
         stopped: str = "stopped; give the same command again") -> int:
    """Exit code: 0, or 1 after one line on stderr for what this package raises where a user is at fault: ValueError
    among them, which a fault of ours may raise, too; or 130 after `stopped` for Ctrl-C."""
    try:
        work()
    except kinds as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    return 0


def seed_number(text: str) -> int:
    """For argparse: a number that NumPy and Keras take as a seed."""
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f'"{text}" is no seed; give a whole number from 0 to {(1 << 32) - 1}')
    return int(text)


def existing(path: Path, what: str) -> Path:
    """The path, if it is there. ValueError that says what is missing and how to get it."""
    if not path.exists():
        raise ValueError(f"{path}: not there; give {what}")
    return path


def check_room(folder: Path, needed: int) -> None:
    """Before files of so many bytes are made there and mapped: a map that finds the disk full ends the process with a
    signal. Raises OutputError."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(f"{folder}: needs {needed / 1e9:.1f} GB where {free / 1e9:.1f} GB are free; make room, or "
                          "give a folder on another disk")
