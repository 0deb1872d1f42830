# SPDX-License-Identifier: GPL-3.0-or-later
"""A shape key for each frame: absolute ones that one curve runs through, or relative ones with a curve each.

All of it is written to a mesh that the scene does not show yet, so that Blender evaluates nothing in between.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
import numpy.typing as npt

from ..compat import editable_curves
from .actions import write_curve

Frames = npt.NDArray[np.float64]
Holds = npt.NDArray[np.bool_]

CURVES_A_STEP = 40
BASIS = "Basis"


def add_basis(thing: bpy.types.Object) -> None:
    """The first key, of the mesh as it is."""
    thing.shape_key_add(name=BASIS, from_mix=False)


def add_key(thing: bpy.types.Object, name: str, points: npt.NDArray[np.float32]) -> None:
    """points (N, 3) float32 metres as the next key."""
    key = thing.shape_key_add(name=name, from_mix=False)
    key.value = 0.0                             # Blender 5 makes them with 1
    key.points.foreach_set("co", points.ravel())


def animate_absolute(key: bpy.types.Key, name: str, frames: Frames, holds: Holds) -> None:
    """One curve of the evaluation time, from key to key; the keys (m + 1 with the basis) are in the order of frames
    (m,)."""
    key.use_relative = False
    blocks = key.key_blocks
    blocks.foreach_set("interpolation", np.full(len(blocks), _linear(), np.int32))
    times = np.empty(len(blocks), np.float32)
    blocks.foreach_get("frame", times)      # as Blender has summed them up, not 10, 20, 30
    write_curve(editable_curves(key, name), "eval_time", 0, frames, times[1:].astype(np.float64), holds)
    key.eval_time = times[1]


def animate_relative(key: bpy.types.Key, name: str, frames: Frames, holds: Holds) -> Iterator[int]:
    """A curve for each key's value: 1 at its frame, 0 at its neighbours', so that two of them always make one face.
    Yields how many are done."""
    key.use_relative = True
    curves = editable_curves(key, name)
    last = len(frames) - 1
    for number in range(len(frames)):
        near = np.arange(max(number - 1, 0), min(number + 1, last) + 1)
        path = f'key_blocks["{key.key_blocks[number + 1].name}"].value'
        write_curve(curves, path, 0, frames[near], (near == number).astype(np.float64), holds[near])
        if number % CURVES_A_STEP == CURVES_A_STEP - 1:
            yield number + 1


def _linear() -> int:
    items = bpy.types.ShapeKey.bl_rna.properties["interpolation"].enum_items  # type: ignore[attr-defined]
    return int(items["KEY_LINEAR"].value)
