# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that differs between the versions of Blender (4.2 to 5.2), as named questions. No other file asks for a
version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

HAS_LAYERED_ACTIONS = "layers" in bpy.types.Action.bl_rna.properties            # 4.4 and later
HAS_STRIPS = "strips" in bpy.types.SequenceEditor.bl_rna.properties             # 4.4 and later; 5.0 knows nothing else


def editable_curves(owner: bpy.types.ID, name: str) -> Any:
    """The F-curves that animate `owner`: those of its action, or of a new one called `name` where it has none. The
    collection has `new(data_path, index=)`, `find(data_path, index=)` and `remove(curve)` in every version."""
    animation = owner.animation_data_create()
    assert animation is not None
    action = animation.action
    if action is None:
        action = animation.action = bpy.data.actions.new(name)
    if not HAS_LAYERED_ACTIONS:
        return action.fcurves  # type: ignore[attr-defined]
    if animation.action_slot is None:
        animation.action_slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True).fcurves  # type: ignore[attr-defined]


def curves_of(owner: bpy.types.ID | None) -> Sequence[bpy.types.FCurve]:
    """The F-curves that animate `owner` now; none where nothing does. Changes nothing."""
    animation = getattr(owner, "animation_data", None)
    if animation is None or animation.action is None:
        return ()
    if not HAS_LAYERED_ACTIONS:
        return tuple(animation.action.fcurves)
    slot = animation.action_slot
    bags = [strip.channelbag(slot) for layer in animation.action.layers for strip in layer.strips] if slot else []
    return tuple(curve for bag in bags if bag is not None for curve in bag.fcurves)


def strips_of(editor: bpy.types.SequenceEditor) -> Any:
    """The strips of a sequence editor, with `new_sound` and `remove`."""
    return editor.strips if HAS_STRIPS else editor.sequences  # type: ignore[attr-defined]


def fast_engine() -> str:
    """EEVEE's name as a render engine."""
    engines = bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items  # type: ignore[attr-defined]
    return "BLENDER_EEVEE_NEXT" if "BLENDER_EEVEE_NEXT" in engines else "BLENDER_EEVEE"


def place_sound(strip: Any, starts: float, rate: float, first: int, end: int) -> None:
    """Lay a sound strip so that its second 0 is at the frame `starts`, a fraction, at `rate` frames a second, and let it be
    heard from frame `first` to before `end`. 4.2 cannot lay sound between two frames: half a frame off at most there."""
    whole = round(starts)
    if "content_start" in strip.bl_rna.properties:                  # 5.2 and later
        strip.content_start = whole
        strip.left_handle = max(first, whole)
        strip.right_handle = min(end, strip.right_handle)
    else:
        strip.frame_start = whole
        strip.frame_final_start = max(first, whole)
        strip.frame_final_end = min(end, strip.frame_final_end)
    if "sound_offset" in strip.bl_rna.properties:
        strip.sound_offset = (starts - whole) / rate
