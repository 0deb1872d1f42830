# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel's buttons are filled with, and why one of them cannot be pressed: an empty reason where it can."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import bpy

from ..scene.face import is_captured
from ..scene.linked import why_linked
from ..scene.take_place import TAKE, take_place
from .bake_properties import OTHERS, SMOOTHING
from .operators.running import busy

if TYPE_CHECKING:
    from .properties import LPRNetSettings

Values = dict[str, Any]
SHAPES = ("GLTF", "FBX")                # formats that carry shapes, not vertices


def image(settings: LPRNetSettings) -> Values:
    """For lprnet.capture_image."""
    place = ({"filepath": settings.photo} if settings.photo_from == "FILE" else
             {"image_name": settings.image.name if settings.image else ""})
    return place | {"all_faces": settings.all_faces, "camera_match": settings.camera_match,
                    "texture_size": settings.texture_size}


def video(settings: LPRNetSettings) -> Values:
    """For lprnet.bake_video."""
    part = {"start_s": settings.start_s, "end_s": settings.end_s} if settings.use_range else {}
    whole = {"filepath": settings.clip, "take": settings.take, "fps": settings.fps, "face": settings.face,
             "careful": settings.careful}
    return whole | part | bake_options(settings)


def camera(settings: LPRNetSettings) -> Values:
    """For lprnet.live_webcam."""
    source = f"camera:{settings.camera_index}" if settings.camera_from == "DEVICE" else settings.camera_address
    strengths = {name: getattr(settings, name) for name in SMOOTHING.values() if name != "max_gap_s"}
    return {"camera": source, "record": settings.record, "take": settings.take if settings.record else "",
            "mirror": settings.mirror, "head_motion": settings.head} | strengths


def bake_options(settings: LPRNetSettings) -> Values:
    """What every bake is told: for lprnet.rebake all of it."""
    return {name: getattr(settings, name) for name in (*OTHERS, *SMOOTHING.values(), "texture")}


def bake(settings: LPRNetSettings, context: bpy.types.Context) -> Values:
    """For lprnet.bake_video with a take that is there: no clip, no network."""
    return {"take": take(context)} | bake_options(settings)


def export(settings: LPRNetSettings) -> Values:
    """For lprnet.export."""
    return {"format": settings.export_format, "scene_range": settings.scene_range,
            "every_shape": settings.every_shape and settings.export_format in SHAPES}


def baked_object(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object where a take was baked into it."""
    thing = context.active_object
    return thing if thing is not None and thing.type == "MESH" and isinstance(thing.get(TAKE), str) else None


def take(context: bpy.types.Context) -> str:
    """Absolute path of the take that the panel shows: the one that was chosen, or that of the active object."""
    chosen = context.scene.lprnet.take  # type: ignore[union-attr]
    return _absolute(chosen) or take_of_active(context)


def take_of_active(context: bpy.types.Context) -> str:
    """Absolute path of the take that was baked into the active object, "" where there is none."""
    thing = baked_object(context)
    return take_place(thing) if thing and thing[TAKE] else ""


def _absolute(path: str) -> str:
    return os.path.abspath(bpy.path.abspath(path)) if path else ""


def why_no_image(settings: LPRNetSettings, context: bpy.types.Context) -> str:
    if settings.photo_from == "BLENDER" and settings.image is None:
        return "Choose an image above"
    return _why_no_object(context)


def why_no_video(settings: LPRNetSettings, context: bpy.types.Context) -> str:
    if not settings.clip:
        return "Choose a clip above"
    if settings.use_range and 0 < settings.end_s <= settings.start_s:
        return "The part ends before it starts"
    return _why_no_object(context)


def why_no_camera(settings: LPRNetSettings, context: bpy.types.Context) -> str:
    if settings.camera_from == "ADDRESS" and not settings.camera_address.lower().startswith(("http://", "https://")):
        return "Give the camera's address, it begins with http://"
    return _why_no_object(context)


def why_no_bake(context: bpy.types.Context) -> str:
    if not take(context):
        return "Capture a take first, or choose one above"
    return _why_no_object(context)


def why_not_again(context: bpy.types.Context) -> str:
    thing = baked_object(context)
    return why_no_bake(context) or (why_linked(thing) if thing else "")


def why_no_export(context: bpy.types.Context) -> str:
    thing = context.active_object
    if baked_object(context) is None and (thing is None or not is_captured(thing)):
        return "Select a face that was captured or baked"
    return _why_no_object(context)


def _why_no_object(context: bpy.types.Context) -> str:
    if reason := busy():
        return reason
    return "" if context.mode == "OBJECT" else "Works in Object Mode"
