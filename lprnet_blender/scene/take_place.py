# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the take of a bake lies, as far as the object can say: for bakes, the panel and for what is kept when a file is
saved. The core is asked only where an object may have come from another file."""

from __future__ import annotations

import os
from functools import lru_cache

import bpy

from .linked import absolute, is_linked

TAKE, FRAMES, TOPOLOGY = "lprnet_take", "lprnet_frames", "lprnet_topology"


def take_place(thing: bpy.types.Object) -> str:
    """Absolute path: where it was, or beside the .blend file, or beside a linked file that the object was of before it
    was made local, whose take has what this one had; where there is none of them, where it was."""
    kept = str(thing[TAKE])
    was = absolute(thing, kept)
    places = [was]
    if bpy.data.filepath:
        places.append(os.path.join(os.path.dirname(bpy.data.filepath), os.path.basename(was)))
    if found := next(filter(os.path.isdir, places), ""):
        return os.path.abspath(found)
    if kept.startswith("//") and not is_linked(thing):
        for library in bpy.data.libraries:
            place = os.path.abspath(bpy.path.abspath(kept, library=library))
            has = _facts(place, os.stat(place).st_mtime_ns) if os.path.isdir(place) else None
            if has == (thing.get(FRAMES), thing.get(TOPOLOGY)):
                return place
    return was


@lru_cache(maxsize=32)              # the panel asks at each redraw
def _facts(place: str, changed_ns: int) -> tuple[int, str] | None:
    """Frames and topology of a take; None where that cannot be told."""
    try:
        from inference_core.errors import LPRNetError
        from inference_core.take import open_take
        try:
            take = open_take(place)
        except LPRNetError:
            return None
        return len(take), str(take.header.topology.get("name"))
    except ModuleNotFoundError:
        return None
