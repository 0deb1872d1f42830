# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip's sound as a strip in the video sequence editor, in time with the mesh."""

from __future__ import annotations

import math
from pathlib import Path

import bpy

from ..compat import place_sound, strips_of
from .timing import Timeline

PROPERTY = "lprnet_object"      # of the strip: the label of the bake that it belongs to


def set_sound(scene: bpy.types.Scene, label: str, clip: Path, when: Timeline, channel: int = 0) -> bool:
    """The sound of `clip` for the bake `label`, heard from the bake's first frame to its last; channel 0 is a new one
    above all strips. Returns whether the clip has any sound."""
    sound = bpy.data.sounds.load(str(clip), check_existing=True)
    if sound.channels == "INVALID":
        if not sound.users:
            bpy.data.sounds.remove(sound)
        return False
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = strips_of(editor)
    strip = strips.new_sound(f"{label} sound", str(clip), channel=channel or _free_channel(strips),
                             frame_start=when.start)
    strip[PROPERTY] = label
    starts = when.start - when.start_s * when.rate.value            # where second 0 of the clip would come
    place_sound(strip, starts, when.rate.value, when.start, math.floor(float(when.frames[-1])) + 1)
    return True


def drop_sound(scene: bpy.types.Scene, label: str) -> int:
    """Take out the strip of the bake `label`; returns its channel, 0 where there was none."""
    channel = 0
    if scene.sequence_editor is not None:
        strips = strips_of(scene.sequence_editor)
        for strip in [strip for strip in strips if strip.get(PROPERTY) == label]:
            channel = strip.channel
            strips.remove(strip)
    return channel


def _free_channel(strips: bpy.types.bpy_prop_collection) -> int:  # type: ignore[type-arg]
    return max((strip.channel for strip in strips), default=0) + 1
