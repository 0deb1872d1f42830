"""What a command of this package does about its user's mistakes: one sentence instead of a traceback."""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from inference_core.errors import LPRNetError

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
