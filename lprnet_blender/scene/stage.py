# SPDX-License-Identifier: GPL-3.0-or-later
"""A new file that is pleasant to open: soft light, a camera on the face, textured viewports close to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
from mathutils import Euler, Vector

from .nodes import find_node, node_tree, set_input

LENS_MM = 85.0                  # a portrait lens


def clear_file() -> bpy.types.Scene:
    """Start a new file from factory settings, without the default cube; returns its scene."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=False)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing, do_unlink=True)
    scene = bpy.context.scene
    assert scene is not None and scene.view_settings is not None
    scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]     # the photo's colours, no film look
    return scene


def set_stage(scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> None:
    """Camera, even light and viewports for the faces in `things`."""
    centre, size = bounds(scene, things)
    light(scene)
    aim_camera(scene, centre, size, azimuth_deg=0.0)
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if isinstance(space, bpy.types.SpaceView3D):
                    _look_at(space, centre, size)


def bounds(scene: bpy.types.Scene, things: Sequence[bpy.types.Object]) -> tuple[Vector, float]:
    """Centre and largest side, in the scene's units, of the box around `things` as the scene shows them now."""
    layer = scene.view_layers[0]
    layer.update()                                      # parents, modifiers and what a script has just moved
    graph = layer.depsgraph
    assert graph is not None
    shown = [thing.evaluated_get(graph) for thing in things]
    corners = [thing.matrix_world @ Vector(corner) for thing in shown for corner in thing.bound_box]
    low = Vector([min(corner[axis] for corner in corners) for axis in range(3)])
    high = Vector([max(corner[axis] for corner in corners) for axis in range(3)])
    return (low + high) / 2, max(high.x - low.x, high.y - low.y, high.z - low.z)


def aim_camera(scene: bpy.types.Scene, centre: Vector, size: float, *, azimuth_deg: float) -> None:
    """Put the scene's camera before `centre` so that `size` of its units fill the picture's smaller side.

    azimuth_deg 0 sees the face from the front, +90 its left side (the subject's), -90 its right.
    """
    if scene.camera is None:
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(scene.camera)
    camera = scene.camera
    lens = camera.data
    assert isinstance(lens, bpy.types.Camera)
    lens.lens = LENS_MM
    distance = 1.02 * size * LENS_MM / lens.sensor_width + size / 2
    lens.clip_start, lens.clip_end = min(0.01, distance / 10), max(lens.clip_end, 10 * distance)
    angle = math.radians(azimuth_deg)
    camera.location = centre + distance * Vector((math.sin(angle), -math.cos(angle), 0.0))
    camera.rotation_euler = Euler((math.pi / 2, 0.0, angle))


def light(scene: bpy.types.Scene, *, even: float = 0.75, key: float = 1.0, azimuth_deg: float = 0.0) -> None:
    """Even light from everywhere, since the photo's own light is in the texture, and a soft key for the shape, which
    comes from the upper left of a camera at `azimuth_deg`.

    Takes the place of an earlier call's lights.
    """
    for thing in [thing for thing in scene.objects if thing.type == "LIGHT"]:
        bpy.data.objects.remove(thing, do_unlink=True)
    world = bpy.data.worlds.new("Studio")
    background = find_node(node_tree(world), bpy.types.ShaderNodeBackground)
    set_input(background, "Color", (1.0, 1.0, 1.0, 1.0))
    set_input(background, "Strength", even)
    scene.world = world
    sun = bpy.data.lights.new("Key", "SUN")
    assert isinstance(sun, bpy.types.SunLight)
    sun.energy = key
    sun.angle = math.radians(40)
    lamp = bpy.data.objects.new("Key", sun)
    lamp.rotation_euler = Euler((math.radians(50), 0.0, math.radians(azimuth_deg - 30)))
    lamp.location = (-0.5, -0.8, 0.8)
    scene.collection.objects.link(lamp)


def _look_at(space: bpy.types.SpaceView3D, centre: Vector, size: float) -> None:
    space.shading.color_type = "TEXTURE"
    space.clip_start = 0.01
    region = space.region_3d
    if region is not None:
        region.view_location = centre
        region.view_distance = 2.5 * size
        region.view_rotation = Euler((math.radians(85), 0.0, math.radians(15))).to_quaternion()
