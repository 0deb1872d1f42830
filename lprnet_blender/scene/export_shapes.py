# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF and FBX: relative shape keys with a curve each on a double of the object, then Blender's own exporters.

Both formats mix shapes by weights; what absolute keys and point caches do, their exporters do not see, and write
something else without a word. A shape a frame would take megabytes a second, so few shapes are mixed, as
`take_formats.low_rank` finds them, unless every frame is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.take_formats.low_rank import low_rank

from ..compat import gltf_options
from .glb_normals import follow_faces
from .motion import Motion
from .stand_in import StandIn, key_place, key_shapes, pictures_as_files, set_rate

CM = 100.0                      # a metre, which is what low_rank's tolerances are in
SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Shapes:
    """A face is base (N, 3) + weights (n, r) in [0, 1] of shapes (r, N, 3); worst_mm: how far a vertex is off at worst."""

    base: npt.NDArray[np.float32]
    shapes: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]
    worst_mm: float


def few_shapes(motion: Motion) -> Shapes:
    """At most 64 shapes for a motion of any length."""
    if not motion.deforms:
        return _still(motion)
    scale = CM * float(np.cbrt(abs(np.linalg.det(motion.places[0][:3, :3])))) or CM
    found = low_rank(lambda number: motion.points[number] * np.float32(scale), len(motion.points))
    return Shapes((found.base / scale).astype(np.float32), (found.shapes / scale).astype(np.float32),
                  found.weights.astype(np.float64), 10 * found.worst_cm)


def every_shape(motion: Motion) -> Shapes:
    """A shape for each key, exact."""
    if not motion.deforms:
        return _still(motion)
    base = np.array(motion.points[0])
    return Shapes(base, motion.points[1:] - base, np.eye(len(motion.points))[:, 1:], 0.0)


def _still(motion: Motion) -> Shapes:
    base = np.array(motion.points[0])
    return Shapes(base, np.empty((0, *base.shape), np.float32), np.empty((len(motion.points), 0)), 0.0)


def write_gltf(made: StandIn, motion: Motion, shapes: Shapes, path: Path, fps: float) -> None:
    """One .glb with its pictures inside: metres, y up, the head on its node, keys at their own times."""
    if motion.times_s[0] < 0:                           # the format knows no time before 0
        motion = replace(motion, times_s=motion.times_s - motion.times_s[0])
    frames = motion.times_s * fps
    set_rate(made, fps, 0, max(1, int(np.ceil(frames[-1]))))
    key_shapes(made, shapes.base, shapes.shapes, shapes.weights, frames)
    key_place(made, motion, frames)
    moving = len(frames) > 1 and (motion.moves or len(shapes.shapes) > 0)
    with made.in_context():
        bpy.ops.export_scene.gltf(filepath=str(path), check_existing=False, export_format="GLB", use_active_scene=True,
                                  export_animations=moving, **gltf_options())
    if len(shapes.shapes):
        mesh = made.mesh
        mesh.calc_loop_triangles()
        triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
        follow_faces(path, shapes.base, shapes.weights, lambda number: motion.points[number], triangles.reshape(-1, 3))


def write_fbx(made: StandIn, motion: Motion, shapes: Shapes, path: Path, fps: float) -> list[Path]:
    """Metres (the file says so), y up, a key at every sample, which must be the scene's frames. Returns the pictures,
    which lie beside."""
    frames = motion.times_s * fps
    set_rate(made, fps, round(frames[0]), round(frames[-1]))
    key_shapes(made, shapes.base, shapes.shapes, shapes.weights, frames)
    key_place(made, motion, frames)
    pictures = pictures_as_files(made, path.stem)
    with made.in_context():
        bpy.ops.export_scene.fbx(
            filepath=str(path), check_existing=False, use_selection=True, object_types={"MESH"}, path_mode="STRIP",
            embed_textures=False, apply_scale_options="FBX_SCALE_ALL", axis_forward="-Z", axis_up="Y",
            use_mesh_modifiers=False, mesh_smooth_type="OFF", add_leaf_bones=False, bake_anim=len(frames) > 1,
            bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False, bake_anim_step=1.0,
            bake_anim_force_startend_keying=True, bake_anim_simplify_factor=0.0)
    return pictures
