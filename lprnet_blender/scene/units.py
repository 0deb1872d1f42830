# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Blender's unit is in a scene. Meshes of faces are in metres everywhere, their objects' scale makes them
fit."""

from __future__ import annotations

import bpy
from mathutils import Matrix, Vector


def unit_metres(scene: bpy.types.Scene) -> float:
    """Metres for each unit of the scene. Without a unit system Blender takes no notice of the scale that is set."""
    settings = scene.unit_settings
    return 1.0 if settings.system == "NONE" else float(settings.scale_length)


def metres_at(scene: bpy.types.Scene, location: Vector) -> Matrix:
    """The place of something in metres that is to stand at `location`, which is in the scene's units."""
    return Matrix.Translation(location) @ Matrix.Scale(1 / unit_metres(scene), 4)
