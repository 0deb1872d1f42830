"""Keeping libraries written in C from writing to the screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """What is written straight to standard error inside is thrown away; exceptions are not touched."""
    try:
        screen = os.dup(2)
    except OSError:                     # a program without a standard error, as on a Windows desktop
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)
