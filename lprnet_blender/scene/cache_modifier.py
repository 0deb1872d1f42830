# SPDX-License-Identifier: GPL-3.0-or-later
"""The Mesh Cache modifier that plays a point cache: one sample for each key, its number animated, so that samples may
come at any time."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

from ..compat import curves_of, editable_curves
from .actions import drop_curves, write_curve

MODIFIER = "L-PRNet"
SAMPLE = f'modifiers["{MODIFIER}"].eval_frame'


def use_cache(thing: bpy.types.Object, path: str, frames: npt.NDArray[np.float64],
              holds: npt.NDArray[np.bool_]) -> None:
    """Let `thing` play the .pc2 file at `path` (as Blender writes paths), with a sample at each of frames (m,)."""
    modifier: Any = thing.modifiers.get(MODIFIER)
    if modifier is None or modifier.type != "MESH_CACHE":
        modifier = thing.modifiers.new(MODIFIER, "MESH_CACHE")
        modifier.name = MODIFIER
        thing.modifiers.move(len(thing.modifiers) - 1, 0)       # what an artist has put on the mesh comes after
    modifier.cache_format, modifier.filepath = "PC2", path
    modifier.forward_axis, modifier.up_axis = "POS_Y", "POS_Z"
    modifier.play_mode, modifier.time_mode, modifier.interpolation = "CUSTOM", "FRAME", "LINEAR"
    curves = editable_curves(thing, f"{thing.name} motion")
    write_curve(curves, SAMPLE, 0, frames, np.arange(len(frames), dtype=np.float64), holds)


def drop_cache(thing: bpy.types.Object) -> None:
    """Take the modifier out again; the file stays, as another .blend may play it."""
    modifier = thing.modifiers.get(MODIFIER)
    if modifier is not None and modifier.type == "MESH_CACHE":
        thing.modifiers.remove(modifier)
    if any(curve.data_path == SAMPLE for curve in curves_of(thing)):
        drop_curves(editable_curves(thing, thing.name), SAMPLE)
