"""Keeping libraries written in C from writing to the screen."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

OUTPUT, ERRORS = 1, 2

# A stream belongs to the whole program, so threads that overlap share one silence: the first one in begins it and the
# last one out ends it. Were each to put back what it found, one would put back the silence of another, for good.
_lock = threading.Lock()
_inside = {OUTPUT: 0, ERRORS: 0}        # how many are inside
_screens: dict[int, int] = {}           # where each silenced stream went before


@contextmanager
def quiet(stream: int = ERRORS) -> Iterator[None]:
    """What is written straight to standard error (or OUTPUT) inside, by any thread, is thrown away; exceptions are not
    touched."""
    with _lock:
        if not _inside[stream]:
            _silence(stream)
        _inside[stream] += 1
    try:
        yield
    finally:
        with _lock:
            _inside[stream] -= 1
            if not _inside[stream] and stream in _screens:
                screen = _screens.pop(stream)
                os.dup2(screen, stream)
                os.close(screen)


def _silence(stream: int) -> None:
    try:
        screen = os.dup(stream)
    except OSError:                     # a program without a standard error, as on a Windows desktop
        return
    try:
        if stream == OUTPUT and sys.stdout is not None:
            sys.stdout.flush()          # what was said before is kept
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except BaseException:
        os.close(screen)
        raise
    os.dup2(nowhere, stream)
    os.close(nowhere)
    _screens[stream] = screen
