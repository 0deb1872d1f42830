# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to another .blend file: what is written into it is lost or breaks it, its names may be those of this
file's own, and its paths are relative to where it lies. The panel asks too, so nothing of the core is needed here."""

from __future__ import annotations

import os
from typing import Any

import bpy


def is_linked(data: bpy.types.ID | None) -> bool:
    """Whether it is of another file, with or without a library override."""
    return data is not None and (data.library is not None or data.override_library is not None)


def why_linked(thing: bpy.types.Object) -> str:
    """Why no take can be baked into an object, as a sentence; "" where all that a bake changes is this file's own."""
    animation = thing.animation_data
    parts = ((thing, thing.name), (thing.data, f"The mesh of {thing.name}"),
             (animation.action if animation else None, f"The animation of {thing.name}"))
    linked = next((words for part, words in parts if is_linked(part)), "")
    return linked and (f"{linked} is linked from another file; make it local (Object > Relations > Make Local > "
                       "Selected Objects and Data) to bake it")


def check_own(thing: bpy.types.Object) -> None:
    """Raises InputError for an object that no take can be baked into."""
    from inference_core.errors import InputError

    if why := why_linked(thing):
        raise InputError(why)


def own(collection: Any, name: str) -> Any:
    """This file's own of that name in a collection of bpy.data, or None: a linked one may have the same name."""
    return collection.get((name, None))


def home(scene: bpy.types.Scene, wanted: bpy.types.Collection | None) -> bpy.types.Collection:
    """Where a new object goes: into the collection that is wanted, or the scene's own where that is another file's.
    Raises InputError where the scene is."""
    from inference_core.errors import InputError

    if is_linked(scene):
        raise InputError(f"The scene {scene.name} is linked from another file, so no object can be added; choose a "
                         "scene of this file")
    assert scene.collection is not None
    return scene.collection if wanted is None or is_linked(wanted) else wanted


def absolute(thing: bpy.types.Object, path: str) -> str:
    """A path that an object keeps, which is relative to the file that the object is of."""
    override = thing.override_library
    library = override.reference.library if override and override.reference else thing.library
    return os.path.abspath(bpy.path.abspath(path, library=library))
