# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the canonical frame becomes Blender's. Pure NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

METRES_PER_CM = 0.01
AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])       # canonical -> Blender, without the unit


def to_blender(points_canonical: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Canonical points (N, 3) in cm (x to the subject's left, y up, z forward) as Blender's, in metres.

    Blender has z up and a face looks along -y, so that the front view (numpad 1) sees it; a rotation by 90
    degrees about x, so the winding of the faces stays as it is.
    """
    x, y, z = np.moveaxis(np.asarray(points_canonical, dtype=np.float32), -1, 0)
    return np.ascontiguousarray(np.stack([x, -z, y], axis=-1) * np.float32(METRES_PER_CM))
