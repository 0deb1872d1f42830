# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured photo in the scene: its heads side by side, or before the camera as the photo shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from mathutils import Vector

from .camera_match import match_camera, photo_lens, place_before, placement
from .face import add_face
from .linked import home
from .pictures import photo_image
from .units import unit_metres

if TYPE_CHECKING:
    from ..capture import CapturedPhoto


def add_photo(photo: CapturedPhoto, scene: bpy.types.Scene, collection: bpy.types.Collection, *,
              at: Vector | None = None, place: int = 0, background: bpy.types.Image | None = None,
              camera_match: bool = False) -> list[bpy.types.Object]:
    """The heads of a photo as objects, from the place `at` (world, in the scene's units) to the right; place: how many
    stand there already. camera_match: before the scene's camera instead, which becomes the photo's, with the photo as
    background: `background` where it is open already."""
    collection = home(scene, collection)
    things = [add_face(item.name, item.face, item.texture, collection, place=place + number, scene=scene)
              for number, item in enumerate(photo.faces)]
    if not camera_match:
        for thing in things:
            thing.location += at or Vector()
        return things
    height, width = photo.picture.shape[:2]
    lens = photo_lens(photo.faces[0].face.pose, (width, height))
    if background is None:
        background = photo_image(photo.path, photo.picture, photo.faces[0].name)
    camera = match_camera(scene, lens, background)
    for thing, item in zip(things, photo.faces, strict=True):
        place_before(camera, thing, placement(item.face.pose, lens), unit_metres(scene))
    return things
