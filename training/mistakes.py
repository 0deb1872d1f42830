"""What a command of this package does about its user's mistakes: one sentence instead of a traceback."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from inference_core.errors import LPRNetError

RUN = "a folder that python -m training.train has written to its end"


def told(work: Callable[[], None]) -> int:
    """Exit code: 0, or 1 after one line on stderr for what this package raises where a user is at fault: ValueError
    among them, which a fault of ours may raise, too."""
    try:
        work()
    except (LPRNetError, OSError, ValueError, zipfile.BadZipFile) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def existing(path: Path, what: str) -> Path:
    """The path, if it is there. ValueError that says what is missing and how to get it."""
    if not path.exists():
        raise ValueError(f"{path}: not there; give {what}")
    return path
