# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object says about its bake, in custom properties: which take, how, and where the object stood."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from inference_core.errors import InputError

from .bake_options import BakeOptions
from .face import is_captured
from .linked import absolute

TAKE, OPTIONS, PLACE, NAME, CACHE = "lprnet_take", "lprnet_bake", "lprnet_place", "lprnet_baked_as", "lprnet_cache"
FACTS = ("frames", "frames_seen", "gaps", "confidence", "topology")
PREFIX = "lprnet_"


def is_baked(thing: bpy.types.Object | None) -> bool:
    """Whether a take was baked into this object."""
    return thing is not None and thing.type == "MESH" and isinstance(thing.get(TAKE), str) and OPTIONS in thing.keys()


def all_faces() -> list[bpy.types.Object]:
    """Every face of the open file, captured or baked, but for those that a library override stands for. One of a linked
    collection may be shown by an instance alone and be in no scene."""
    overrides = [thing.override_library for thing in bpy.data.objects if thing.override_library]
    behind = {override.reference for override in overrides}
    return [thing for thing in bpy.data.objects if thing not in behind and (is_baked(thing) or is_captured(thing))]


def take_of(thing: bpy.types.Object) -> Path:
    """Where its take is: where it was, or beside the .blend file. Raises InputError where there is none."""
    if not is_baked(thing):
        raise InputError(f"{thing.name}: no take was baked into this object; choose one that Bake Video has made")
    was = Path(absolute(thing, thing[TAKE]))
    beside = Path(bpy.data.filepath).parent / was.name if bpy.data.filepath else was
    # an object that was linked and made local keeps a path that is relative to the other file
    others = (bpy.path.abspath(thing[TAKE], library=library) for library in bpy.data.libraries)
    for path in (was, beside, *map(Path, others)):
        if path.is_dir():
            return Path(os.path.abspath(path))
    raise InputError(f"{was}: the take of {thing.name} is not there any more; put it back or beside the .blend file")


def options_of(thing: bpy.types.Object) -> BakeOptions:
    """How it was baked. Raises InputError where its properties were altered."""
    group: Any = thing.get(OPTIONS)
    if not hasattr(group, "to_dict"):
        raise InputError(f"{thing.name}: no take was baked into this object; choose one that Bake Video has made")
    return BakeOptions.from_properties(group.to_dict())


def place_of(thing: bpy.types.Object) -> Matrix:
    """Where the artist has put it, without the motion of the head."""
    stored: Any = thing.get(PLACE)
    if is_baked(thing) and options_of(thing).head == "OBJECT" and stored is not None and len(stored) == 16:
        return Matrix([list(stored)[row:row + 4] for row in range(0, 16, 4)])
    return thing.matrix_basis.copy()


def label_of(thing: bpy.types.Object) -> str:
    """What the strip and the markers of its bake are called after."""
    return str(thing.get(NAME, thing.name))


def remember(thing: bpy.types.Object, take: Path, options: BakeOptions, place: Matrix, label: str, cache: Path | None,
             facts: dict[str, Any]) -> None:
    """Write down what was baked. facts: one for each of FACTS."""
    thing[TAKE] = portable(take)
    thing[OPTIONS] = options.to_properties()
    thing[PLACE] = [place[row][column] for row in range(4) for column in range(4)]
    thing[NAME] = label
    thing[CACHE] = portable(cache) if cache is not None else ""
    for key in FACTS:
        thing[PREFIX + key] = facts[key]


def portable(path: Path) -> str:
    """Relative to the .blend file where it lies in or below its folder, so that both can be moved; else absolute."""
    path = path.absolute()
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    if folder is not None and folder in path.parents:
        return "//" + path.relative_to(folder).as_posix()
    return str(path)
