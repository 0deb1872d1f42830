# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object says about its bake, in custom properties: which take, how, and where the object stood."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from inference_core.errors import InputError

from .bake_options import BakeOptions
from .face import is_captured
from .take_place import TAKE, take_place

OPTIONS, PLACE, NAME, CACHE = "lprnet_bake", "lprnet_place", "lprnet_baked_as", "lprnet_cache"
OWNER = "lprnet_baked_name"             # what the object was called that NAME was given to
FACTS = ("frames", "frames_seen", "gaps", "confidence", "topology")
PREFIX = "lprnet_"
ONE = 1e-4                              # of a scale
FACE_M = 0.2                            # how large a face is


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
    """Where its take is, see `take_place`. Raises InputError where there is none."""
    if not is_baked(thing):
        raise InputError(f"{thing.name}: no take was baked into this object; choose one that Bake Video has made")
    place = Path(take_place(thing))
    if not place.is_dir():
        raise InputError(f"{place}: the take of {thing.name} is not there any more; put it back or beside the "
                         ".blend file")
    return place


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
    return _with_scale(thing)


def _with_scale(thing: bpy.types.Object) -> Matrix:
    """Apply Scale makes vertices of an object's scale; a bake writes them anew in metres, so the scale is needed again.
    Not where the artist has taken it back to 1: then the vertices are as they were."""
    stored: Any = thing.get(PLACE)
    if not is_baked(thing) or stored is None or len(stored) != 16 or not isinstance(thing.data, bpy.types.Mesh):
        return thing.matrix_basis.copy()
    where, turn, now = thing.matrix_basis.decompose()
    was = Matrix([list(stored)[row:row + 4] for row in range(0, 16, 4)]).to_scale()
    points = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", points)
    size = float(np.ptp(points.reshape(-1, 3), axis=0).max()) if len(points) else 0.0
    largest = max(abs(each) for each in was[:])
    applied = max(abs(each - 1) for each in now[:]) < ONE and size > 0 and largest > 0
    if applied and abs(math.log(size / largest / FACE_M)) < abs(math.log(size / FACE_M)):
        return Matrix.LocRotScale(where, turn, was)
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
    thing[NAME], thing[OWNER] = label, thing.name
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
