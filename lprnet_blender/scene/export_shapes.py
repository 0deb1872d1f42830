# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF and FBX: relative shape keys with a curve each on a double of the object, then Blender's own exporters.

Both formats mix shapes by weights; what absolute keys and point caches do, their exporters do not see, and write
something else without a word. A shape a frame would take megabytes a second, so few shapes are mixed, as
`take_formats.low_rank` finds them, unless every frame is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.take_formats.low_rank import low_rank
from inference_core.take_formats.morph_normals import morph_normals

from ..compat import gltf_options
from ..jobs import Progress
from .glb_normals import set_normals
from .motion import Motion
from .stand_in import StandIn, key_place, key_shapes, pictures_as_files, set_rate

CM = 100.0                      # a metre, which is what low_rank's tolerances are in
SHAPES_READ, NORMALS_READ = 6, 1          # times that a frame is read


@dataclass(frozen=True, eq=False)
class Shapes:
    """A face is base (N, 3) + weights (n, r) in [0, 1] of shapes (r, N, 3), and so are its normals from `normals`
    (N, 3) and `turned` (r, N, 3), where they were asked for; worst_mm: how far a vertex is off at worst."""

    base: npt.NDArray[np.float32]
    shapes: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]
    worst_mm: float
    normals: npt.NDArray[np.float32] | None = None
    turned: npt.NDArray[np.float32] | None = None


def shapes_of(motion: Motion, every_shape: bool, normals: bool, post: Callable[[Any], None]) -> Shapes:
    """For a worker, without bpy: at most 64 shapes for a motion of any length, or a shape for each key. Posts
    Progress."""
    if not motion.deforms:
        base = np.array(motion.points[0])
        return Shapes(base, np.empty((0, *base.shape), np.float32), np.empty((len(motion.points), 0)), 0.0)
    count, often, read = len(motion.points), NORMALS_READ * normals + SHAPES_READ * (not every_shape), 0

    def points(number: int) -> npt.NDArray[np.float32]:
        nonlocal read
        read += 1
        post(Progress(min(read // often, count), count, "Finding shapes"))
        values: npt.NDArray[np.float32] = motion.points[number]
        return values

    shapes = _every_shape(motion) if every_shape else _few_shapes(motion, points)
    if normals:
        base, turned = morph_normals(points, motion.triangles, shapes.weights)
        shapes = replace(shapes, normals=base, turned=turned)
    return shapes


def _few_shapes(motion: Motion, points: Callable[[int], npt.NDArray[np.float32]]) -> Shapes:
    scale = CM * float(np.cbrt(abs(np.linalg.det(motion.places[0][:3, :3])))) or CM
    found = low_rank(lambda number: points(number) * np.float32(scale), len(motion.points))
    return Shapes((found.base / scale).astype(np.float32), (found.shapes / scale).astype(np.float32),
                  found.weights.astype(np.float64), 10 * found.worst_cm)


def _every_shape(motion: Motion) -> Shapes:
    base = np.array(motion.points[0])
    return Shapes(base, motion.points[1:] - base, np.eye(len(motion.points))[:, 1:], 0.0)


def write_gltf(made: StandIn, motion: Motion, shapes: Shapes, path: Path, fps: float) -> None:
    """One .glb with its pictures inside: metres, y up, the head on its node, keys at their own times, none before 0."""
    frames = motion.times_s * fps
    set_rate(made, fps, 0, max(1, int(np.ceil(frames[-1]))))
    key_shapes(made, shapes.base, shapes.shapes, shapes.weights, frames)
    key_place(made, motion, frames)
    moving = len(frames) > 1 and (motion.moves or len(shapes.shapes) > 0)
    with made.in_context():
        bpy.ops.export_scene.gltf(filepath=str(path), check_existing=False, export_format="GLB", use_active_scene=True,
                                  export_animations=moving, **gltf_options())
    if shapes.normals is not None and shapes.turned is not None:
        set_normals(path, shapes.base, shapes.normals, shapes.turned)


def write_fbx(made: StandIn, motion: Motion, shapes: Shapes, path: Path, fps: float) -> list[Path]:
    """Metres (the file says so), y up, a key at every sample, which must be the scene's frames from 0 on. Returns
    the pictures, which lie beside."""
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
