# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that differs between the versions of Blender (4.2 to 5.2), as named questions. No other file asks for a
version."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import bpy

HAS_LAYERED_ACTIONS = "layers" in bpy.types.Action.bl_rna.properties            # 4.4 and later
HAS_STRIPS = "strips" in bpy.types.SequenceEditor.bl_rna.properties             # 4.4 and later; 5.0 knows nothing else

# 4.5 and later: what marks a property whose path may be relative to the .blend file; before, each may be
MAY_BE_RELATIVE: set[Any] = ({"PATH_SUPPORTS_BLEND_RELATIVE"}
                   if "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties else set())


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
    """Lay a sound strip so that its second 0 is at the frame `starts`, a fraction, at `rate` frames a second, and let
    it be heard from frame `first` to before `end`. 4.2 cannot lay sound between two frames: half a frame off at most
    there."""
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


def pixar_usd() -> Any:
    """Pixar's module Sdf as this Blender brings it, for files that its exporter has written; None where it does not."""
    before = list(sys.path)
    try:
        if hasattr(bpy.utils, "expose_bundled_modules"):        # 4.5 and later
            bpy.utils.expose_bundled_modules()
        from pxr import Sdf  # type: ignore[import-not-found]
    except ImportError:
        return None
    finally:
        sys.path[:] = before
    return Sdf


def usd_textures() -> dict[str, Any]:
    """Options of the USD exporter that leave pictures where they are, and refer to them."""
    known = _options(bpy.ops.wm.usd_export)
    return {"export_textures_mode": "KEEP"} if "export_textures_mode" in known else {"export_textures": False}


def gltf_options() -> dict[str, Any]:
    """Options of the glTF exporter: shape keys and transforms with the keys that they have, nothing sampled at whole
    frames, nothing left out or compressed. Those that this version does not know are left out."""
    wanted = {
        "export_yup": True, "export_apply": False, "export_texcoords": True, "export_normals": True,
        "export_materials": "EXPORT", "export_image_format": "AUTO", "export_morph": True, "export_morph_normal": True,
        "export_morph_tangent": False, "export_morph_animation": True, "export_try_sparse_sk": False,
        "export_animation_mode": "ACTIVE_ACTIONS", "export_force_sampling": False, "export_frame_range": False,
        "export_anim_slide_to_zero": False, "export_optimize_animation_size": False, "export_attributes": False,
        "export_extras": False, "export_cameras": False, "export_lights": False, "export_skins": False,
        "export_draco_mesh_compression_enable": False, "export_current_frame": False}
    known = _options(bpy.ops.export_scene.gltf)
    return {name: value for name, value in wanted.items() if name in known}


def _options(operator: Any) -> set[str]:
    return set(operator.get_rna_type().properties.keys())
