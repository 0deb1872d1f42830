# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured face as an object in the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Vector

from .axes import to_blender
from .material import pack_image, skin_material
from .mesh import UV_LAYER, add_visibility, build_mesh
from .units import metres_at, unit_metres

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

SPACING_M = 0.25                # between the faces of one photo, side by side
PREFIX = "lprnet_"              # of the custom properties


def add_face(name: str, face: Face, texture: Texture, collection: bpy.types.Collection, *, place: int = 0,
             scene: bpy.types.Scene | None = None) -> bpy.types.Object:
    """The face as a mesh object: metres, upright, looking along -y, textured; the pose it had in the photo is in
    its custom properties. `place` counts the faces of one photo, which stand side by side. scene: whose unit the object
    is scaled to, by default that of the context."""
    topology = face.topology
    mesh = build_mesh(name, to_blender(face.vertices_canonical), topology.faces, topology.uvs)
    add_visibility(mesh, seen_vertices(texture.visible, topology.uvs))
    mesh.materials.append(skin_material(f"{name} skin", pack_image(f"{name} skin", texture.image), UV_LAYER))
    thing = bpy.data.objects.new(name, mesh)
    scene = scene or bpy.context.scene
    assert scene is not None
    thing.matrix_basis = metres_at(scene, Vector((SPACING_M * place / unit_metres(scene), 0.0, 0.0)))
    collection.objects.link(thing)
    add_region_groups(thing, topology.regions)
    for key, value in pose_properties(face).items():
        thing[PREFIX + key] = value
    return thing


def pose_properties(face: Face) -> dict[str, float | str | list[float]]:
    """How the head stood in the photo, as plain numbers; units and frames are docs/architecture.md's."""
    yaw, pitch, roll = face.pose.yaw_pitch_roll_deg
    return {
        "yaw_deg": float(yaw),
        "pitch_deg": float(pitch),
        "roll_deg": float(roll),
        "rotation": [float(value) for value in np.ravel(face.pose.rotation)],
        "scale_px_per_cm": float(face.pose.scale),
        "shift_px": [float(value) for value in face.pose.shift],
        "inverse_distance_per_cm": float(face.pose.inverse_distance),
        "confidence": float(face.confidence),
        "topology": face.topology.name,
    }


def is_captured(thing: bpy.types.Object) -> bool:
    """Whether `add_face` made this object."""
    return thing.get(PREFIX + "yaw_deg") is not None


def seen_vertices(visible: npt.NDArray[np.bool_], uvs: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """visible (H, W) of a texture -> (N,) of the vertices whose uvs (N, 2) lie there."""
    height, width = visible.shape
    columns = np.clip((uvs[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip((uvs[:, 1] * height).astype(int), 0, height - 1)
    seen: npt.NDArray[np.bool_] = visible[rows, columns]
    return seen


def add_region_groups(thing: bpy.types.Object, regions: dict[str, npt.NDArray[np.bool_]]) -> None:
    """A vertex group for every region (N,)."""
    for name, members in regions.items():
        thing.vertex_groups.new(name=name).add(np.flatnonzero(members).tolist(), 1.0, "REPLACE")
