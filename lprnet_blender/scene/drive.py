# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh that follows a live capture: made once, then written into again and again, in a millisecond."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

from .axes import AXES, METRES_PER_CM, to_blender
from .bake_options import Head
from .face import add_region_groups
from .linked import home, is_linked
from .material import packed_image, plain_material, skin_material
from .mesh import UV_LAYER, build_mesh
from .units import metres_at

if TYPE_CHECKING:
    from inference_core.live.messages import LiveResult
    from inference_core.topology import Topology

NAME, LIVE, RECORDED = "Live Face", "lprnet_live", "lprnet_recorded"


def live_face(scene: bpy.types.Scene, topology: Topology) -> bpy.types.Object:
    """The object of an earlier live capture in this scene, if it can be driven; else a new one at the 3D cursor, with
    the mean face."""
    for thing in scene.objects:
        if thing.get(LIVE) == topology.name and not cannot_drive(thing, len(topology.cells)):
            if thing.pop(RECORDED, None) is not None:
                _hide(thing, False)
            return thing
    mesh = build_mesh(NAME, to_blender(topology.mean_canonical), topology.faces, topology.uvs)
    thing = bpy.data.objects.new(NAME, mesh)
    mesh.materials.append(plain_material(f"{thing.name} skin"))
    thing[LIVE] = topology.name
    thing.matrix_basis = metres_at(scene, scene.cursor.location)
    collection = bpy.context.collection if bpy.context.scene == scene else None
    home(scene, collection).objects.link(thing)
    add_region_groups(thing, topology.regions)
    return thing


def hide_live_face(scene: bpy.types.Scene, take: Path) -> str:
    """Out of view and render, now that the take that it recorded is baked and would stand inside it; its name, "" where
    there is none. The next live capture shows it again."""
    for thing in scene.objects:
        path = thing.get(RECORDED) if LIVE in thing.keys() and not is_linked(thing) else None
        if isinstance(path, str) and os.path.abspath(bpy.path.abspath(path)) == os.path.abspath(take):
            _hide(thing, True)
            return thing.name
    return ""


def _hide(thing: bpy.types.Object, hidden: bool) -> None:
    thing.hide_render = hidden
    for scene in thing.users_scene:
        for layer in scene.view_layers:
            layer.update()                              # it may not know the object yet
            if layer.objects.get(thing.name) is not None:
                thing.hide_set(hidden, view_layer=layer)


def cannot_drive(thing: bpy.types.Object | None, vertices: int) -> str:
    """Why an object cannot follow a live capture, as the end of a sentence; "" where it can."""
    if thing is None or not isinstance(thing.data, bpy.types.Mesh):
        return "is no mesh"
    if is_linked(thing) or is_linked(thing.data):
        return "is linked from another file"
    if len(thing.data.vertices) != vertices:
        return f"has {len(thing.data.vertices)} vertices, not the {vertices} of a captured face"
    if thing.data.shape_keys is not None or any(modifier.type == "MESH_CACHE" for modifier in thing.modifiers):
        return "has a bake"
    return ""


def drive(thing: bpy.types.Object, result: LiveResult, head: Head, place: Matrix) -> None:
    """Write a result with a face into the object's mesh. head: its motion in the object's transform, on top of `place`,
    in the vertices, or left out."""
    mesh, pose = thing.data, result.pose
    assert isinstance(mesh, bpy.types.Mesh) and pose is not None and result.vertices_canonical is not None
    points = to_blender(result.vertices_canonical)
    if head != "NONE":
        rotation, location = head_in_blender(result)
        if head == "VERTICES":
            points = points @ rotation.T.astype(np.float32) + location.astype(np.float32)
        else:
            motion = np.eye(4)
            motion[:3, :3], motion[:3, 3] = rotation, location
            thing.matrix_basis = place @ Matrix(motion.tolist())
    mesh.attributes["position"].data.foreach_set("vector", points.ravel())  # type: ignore[attr-defined]
    # That was twenty times faster than foreach_set of co, but leaves the old bounds, by which Blender decides what is
    # in view; one vertex in the usual way renews them.
    mesh.vertices[0].co = points[0]
    mesh.update()


def head_in_blender(result: LiveResult) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Turn (3, 3) and place (3,) in metres, as `take_formats.motion.head_place` and the bake have it."""
    pose, (width, height) = result.pose, result.size
    assert pose is not None
    x, y = (np.asarray(pose.shift) - [(width - 1) / 2, (height - 1) / 2]) / pose.scale
    return AXES @ np.asarray(pose.rotation) @ AXES.T, AXES @ [x, -y, 0.0] * METRES_PER_CM


def show_skin(thing: bpy.types.Object, png: bytes) -> None:
    """The skin as the object's texture, in place of an earlier one; other materials of the user's are left alone."""
    mesh = thing.data
    assert isinstance(mesh, bpy.types.Mesh)
    name = f"{thing.name} skin"
    own = next((slot for slot, material in enumerate(mesh.materials) if material is None or material.name == name
                or LIVE in material.keys()), None)
    if own is None and mesh.materials:
        return
    material = skin_material(name, packed_image(name, png), UV_LAYER)
    material[LIVE] = True
    if own is None:
        mesh.materials.append(material)
        return
    old = mesh.materials[own]
    mesh.materials[own] = material
    if old is not None and old.users == 0:
        _drop(old)
        material.name = name


def _drop(material: bpy.types.Material) -> None:
    tree = material.node_tree
    images = {node.image for node in tree.nodes if isinstance(node, bpy.types.ShaderNodeTexImage)} if tree else set()
    bpy.data.materials.remove(material)
    for image in images:
        if image is not None and image.users == 0:
            bpy.data.images.remove(image)
