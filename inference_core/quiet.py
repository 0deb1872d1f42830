"""Keeping libraries written in C from writing to the screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OUTPUT, ERRORS = 1, 2


@contextmanager
def quiet(stream: int = ERRORS) -> Iterator[None]:
    """What is written straight to standard error (or OUTPUT) inside is thrown away; exceptions are not touched."""
    try:
        screen = os.dup(stream)
    except OSError:                     # a program without a standard error, as on a Windows desktop
        yield
        return
    if stream == OUTPUT and sys.stdout is not None:
        sys.stdout.flush()              # what was said before is kept
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    try:
        yield
    finally:
        os.dup2(screen, stream)
        os.close(screen)
        os.close(nowhere)
