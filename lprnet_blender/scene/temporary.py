# SPDX-License-Identifier: GPL-3.0-or-later
"""Data of a file that is there for a while only: the double of an export, the studio of a render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy


@contextmanager
def leaving_nothing(kinds: Sequence[str]) -> Iterator[None]:
    """Whatever data of these kinds (collections of bpy.data) was made inside is removed, also after a failure."""
    before = {kind: {item.as_pointer() for item in getattr(bpy.data, kind)} for kind in kinds}
    try:
        yield
    finally:
        for kind in kinds:
            for item in [item for item in getattr(bpy.data, kind) if item.as_pointer() not in before[kind]]:
                getattr(bpy.data, kind).remove(item)
