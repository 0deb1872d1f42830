# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bake's sound strip and markers are called after, so that no bake takes another's away.

The name of the object would not do: a duplicate has been baked as the object that it was made from, and a renamed
object leaves its name to others. A marker of Blender holds nothing but its name, of 63 bytes, so the label is in there.
"""

from __future__ import annotations

import itertools
import re

import bpy

from .baked import NAME, OWNER
from .linked import is_linked
from .markers import LABEL_BYTES, cut

COPY = re.compile(r"\.\d{3,}$")


def labels_of_others(scene: bpy.types.Scene, thing: bpy.types.Object) -> set[str]:
    """Labels of other objects in this scene, or in none for a while: their strips and markers are not `thing`'s."""
    others = (other for other in bpy.data.objects if other != thing and not is_linked(other) and NAME in other.keys()
              and (not other.users_scene or scene in other.users_scene) and not _is_copy(other, thing))
    return {str(other[NAME]) for other in others}


def _is_copy(other: bpy.types.Object, thing: bpy.types.Object) -> bool:
    """Whether `other` has its label from `thing`, as a duplicate that has not been baked itself: Blender copies the
    properties, and the name with a number."""
    if other[NAME] != thing.get(NAME):
        return False
    return thing.name == thing.get(OWNER) != other.name or COPY.sub("", other.name) == thing.name


def free_label(name: str, taken: set[str]) -> str:
    """The name of an object, shortened to what a marker has room for, with a number where another has that label."""
    endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    labels = (cut(name, LABEL_BYTES - len(ending)) + ending for ending in endings)
    return next(label for label in labels if label not in taken)
