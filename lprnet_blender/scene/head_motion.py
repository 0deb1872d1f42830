# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of the head in an object's transform."""

from __future__ import annotations

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

from inference_core.errors import InputError

from ..compat import curves_of, editable_curves
from .actions import drop_curves, write_curve

LOCATION, ROTATION = "location", "rotation_quaternion"
SLANT = 1e-4                    # how far a place may be from turn, way and one scale


def check_place(name: str, place: Matrix) -> None:
    """Raises InputError for a place that the head's motion cannot be put on top of: its scale differs between axes."""
    scale = np.abs(np.array(place.to_scale()))
    if scale.max() == 0 or scale.max() - scale.min() > SLANT * scale.max():
        raise InputError(f"{name}: its scale is not the same along each axis, so the head's motion cannot be in its "
                         "transform; give it one scale, or bake the head's motion into the vertices")


def animate_head(thing: bpy.types.Object, place: Matrix, frames: npt.NDArray[np.float64],
                 places: npt.NDArray[np.float64], turns: npt.NDArray[np.float64], holds: npt.NDArray[np.bool_]) -> None:
    """The object stands at `place` @ head in every key: frames (m,), places (m, 3) metres, turns (m, 4) quaternions
    w, x, y, z. `place` as `check_place` wants it."""
    location, turn, scale = place.decompose()
    moved = places @ np.array(place.to_3x3()).T + np.array(location)
    turned = _product(np.array(turn), turns)
    thing.rotation_mode = "QUATERNION"
    thing.scale = scale
    curves = editable_curves(thing, f"{thing.name} head")
    for path, values in ((LOCATION, moved), (ROTATION, turned)):
        for index in range(values.shape[1]):
            write_curve(curves, path, index, frames, values[:, index], holds)
    thing.location, thing.rotation_quaternion = moved[0], turned[0]


def still_head(thing: bpy.types.Object, place: Matrix) -> None:
    """The object stands still at `place`."""
    if any(curve.data_path in (LOCATION, ROTATION) for curve in curves_of(thing)):
        curves = editable_curves(thing, thing.name)
        for path in (LOCATION, ROTATION):
            drop_curves(curves, path)
        thing.rotation_mode = "XYZ"
    thing.matrix_basis = place


def _product(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Hamilton's product of quaternions w, x, y, z: (4,) and (m, 4) -> (m, 4), the turn `b` and then `a`."""
    w, v = a[0], a[1:]
    scalar = w * b[:, 0] - b[:, 1:] @ v
    vector = w * b[:, 1:] + b[:, :1] * v + np.cross(v, b[:, 1:])
    return np.concatenate([scalar[:, None], vector], axis=1)
