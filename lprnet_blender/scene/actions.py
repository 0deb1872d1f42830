# SPDX-License-Identifier: GPL-3.0-or-later
"""F-curves from whole arrays."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

LINEAR, CONSTANT = (
    bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value  # type: ignore[attr-defined]
    for name in ("LINEAR", "CONSTANT"))


def write_curve(curves: Any, path: str, index: int, frames: npt.NDArray[np.float64], values: npt.NDArray[np.float64],
                holds: npt.NDArray[np.bool_]) -> None:
    """A curve of `compat.editable_curves` with keys at frames (m,), rising; it takes the place of an earlier one.
    Straight from key to key; where `holds` says so, the value stands still until the next."""
    drop_curves(curves, path, index)
    curve = curves.new(path, index=index)
    keys = curve.keyframe_points
    keys.add(len(frames))
    keys.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    keys.foreach_set("interpolation", np.where(holds, CONSTANT, LINEAR).astype(np.int32))
    curve.update()


def drop_curves(curves: Any, path: str, index: int | None = None) -> None:
    """Take out the curves of a property, or of one part of it."""
    for curve in [curve for curve in curves if curve.data_path == path and index in (None, curve.array_index)]:
        curves.remove(curve)


def forget_action(action: bpy.types.Action | None) -> None:
    """Remove an action that nothing uses any more."""
    if action is not None and action.users == 0:
        bpy.data.actions.remove(action)
