# SPDX-License-Identifier: GPL-3.0-or-later
"""When an animated object moves: the frames, whole or not, between which every vertex goes straight on.

Clips have their own rate, so the keys of a bake lie between the scene's frames. Who reads an animation at these frames
loses none of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt

from ..compat import curves_of
from .actions import CONSTANT, LINEAR
from .point_cache import HEADER as PC2

Frames = npt.NDArray[np.float64]
CLOSE = 1e-4                    # frames: what is closer together is one key
JUMP = 0.01                     # frames: how long a jump takes in formats that know straight lines alone
MDD = struct.Struct(">2i")
# of modifiers: what depends on the mesh alone, unless it looks at another object or a texture. Not those that move by
# themselves or may: simulations, caches, waves, nodes
STILL = ("ARRAY", "BEVEL", "BOOLEAN", "CAST", "COLLISION", "CORRECTIVE_SMOOTH", "CURVE", "DATA_TRANSFER", "DECIMATE",
         "DISPLACE", "EDGE_SPLIT", "HOOK", "LAPLACIANDEFORM", "LAPLACIANSMOOTH", "LATTICE", "MASK", "MESH_DEFORM",
         "MIRROR", "MULTIRES", "NORMAL_EDIT", "REMESH", "SCREW", "SHRINKWRAP", "SIMPLE_DEFORM", "SKIN", "SMOOTH",
         "SOLIDIFY", "SUBSURF", "SURFACE_DEFORM", "TRIANGULATE", "UV_PROJECT", "UV_WARP", "VERTEX_WEIGHT_EDIT",
         "VERTEX_WEIGHT_MIX", "VERTEX_WEIGHT_PROXIMITY", "WARP", "WEIGHTED_NORMAL", "WELD", "WIREFRAME")


def key_times(thing: bpy.types.Object, scene: bpy.types.Scene, jumps: bool = True) -> Frames:
    """(n,) float64 frames of the scene, increasing; empty for an object that does not move. Where a mesh stands still
    and then jumps, as over lost frames, the end of its rest is one of them, unless `jumps` is off. Where something else
    than straight curves moves it, or may (drivers, constraints, NLA strips, curves with handles, most modifiers), so is
    every frame of the scene."""
    found: list[Frames] = [np.empty(0)]
    everywhere = False
    for owner in _owners(thing):
        for curve in curves_of(owner):
            times, values, ways = _keys(curve)
            found.append(times)
            if jumps:
                rests = (ways[:-1] == CONSTANT) & (values[:-1] != values[1:])
                found.append(np.maximum(times[1:][rests] - JUMP, times[:-1][rests]))
            if curve.data_path == "eval_time" and isinstance(owner, bpy.types.Key):
                found.append(_crossings(times, values, np.array([block.frame for block in owner.key_blocks])))
            bent = not np.isin(ways[:-1], (LINEAR, CONSTANT)).all()
            everywhere |= bent or len(curve.modifiers) > 0 or curve.extrapolation == "LINEAR"
        everywhere |= _moved_otherwise(owner)
    for modifier in thing.modifiers:
        if isinstance(modifier, bpy.types.MeshCacheModifier):
            found.append(_cache_times(modifier, thing, scene))
        elif modifier.show_viewport:
            everywhere |= modifier.type not in STILL or _looks_elsewhere(modifier) or _is_keyed(modifier, thing)
    if everywhere:
        found.append(_every_frame(scene))
    times = np.unique(np.concatenate(found))
    return times[np.r_[np.diff(times) > CLOSE, True]] if len(times) else times


def _every_frame(scene: bpy.types.Scene) -> Frames:
    return np.arange(scene.frame_start, scene.frame_end + 1, dtype=np.float64)


def _owners(thing: bpy.types.Object) -> Iterator[bpy.types.ID]:
    """All whose animation moves the vertices: the object, those it hangs on, its mesh and its shape keys."""
    above: bpy.types.Object | None = thing
    while above is not None:
        yield above
        above = above.parent
    if isinstance(thing.data, bpy.types.Mesh):
        yield thing.data
        if thing.data.shape_keys is not None:
            yield thing.data.shape_keys


def _moved_otherwise(owner: bpy.types.ID) -> bool:
    animation = getattr(owner, "animation_data", None)
    strips = animation is not None and any(track.strips and not track.mute for track in animation.nla_tracks)
    driven = animation is not None and len(animation.drivers) > 0
    return bool(strips or driven or len(getattr(owner, "constraints", ())) > 0)


def _looks_elsewhere(part: bpy.types.bpy_struct) -> bool:
    """Whether a modifier, or what it is a list of (projectors), has an object, a collection or a texture."""
    parts = [(each.type, getattr(part, each.identifier, None)) for each in part.bl_rna.properties]
    return any(isinstance(value, bpy.types.ID) if kind == "POINTER" else
               kind == "COLLECTION" and any(_looks_elsewhere(each) for each in value or ()) for kind, value in parts)


def _is_keyed(modifier: bpy.types.Modifier, thing: bpy.types.Object) -> bool:
    """Vertices need not go straight where a setting does: an angle, a number of copies."""
    return any(curve.data_path.startswith(f'modifiers["{bpy.utils.escape_identifier(modifier.name)}"]')
               for curve in curves_of(thing))


def _keys(curve: bpy.types.FCurve) -> tuple[Frames, Frames, npt.NDArray[np.int32]]:
    """Frame, value and interpolation of each key."""
    points, ways = np.empty(2 * len(curve.keyframe_points), np.float32), np.empty(len(curve.keyframe_points), np.int32)
    curve.keyframe_points.foreach_get("co", points)
    curve.keyframe_points.foreach_get("interpolation", ways)
    times, values = points.astype(np.float64).reshape(-1, 2).T
    return times, values, ways


def _crossings(times: Frames, values: Frames, levels: Frames) -> Frames:
    """Where the straight line through the keys passes a level: where absolute shape keys hand over to the next."""
    levels = np.unique(levels)
    found = []
    for start, end, low, high in zip(times[:-1], times[1:], values[:-1], values[1:]):
        if low == high:
            continue
        between = levels[(levels > min(low, high)) & (levels < max(low, high))]
        found.append(start + (between - low) / (high - low) * (end - start))
    return np.concatenate([np.empty(0), *found])


def _cache_times(modifier: bpy.types.MeshCacheModifier, thing: bpy.types.Object, scene: bpy.types.Scene) -> Frames:
    """The frames at which the modifier shows a sample of its file as it is. Empty for a file that cannot be read: the
    object stands still then."""
    stamps = _sample_stamps(Path(bpy.path.abspath(modifier.filepath)), modifier.cache_format)
    if not modifier.show_viewport or not len(stamps):
        return np.empty(0)
    rate = scene.render.fps / scene.render.fps_base
    if modifier.time_mode == "FACTOR":
        return _every_frame(scene)
    levels = np.arange(len(stamps), dtype=np.float64)
    if modifier.time_mode == "TIME":
        levels = stamps if modifier.cache_format == "MDD" else levels / rate
    if modifier.play_mode == "SCENE":
        if modifier.time_mode == "TIME":
            levels = levels * rate
        return modifier.frame_start + levels / (modifier.frame_scale or 1)
    name = "eval_frame" if modifier.time_mode == "FRAME" else "eval_time"
    curves = [curve for curve in curves_of(thing)
              if curve.data_path.endswith(name) and modifier.name in curve.data_path]
    return np.concatenate([np.empty(0), *(_crossings(*_keys(curve)[:2], levels) for curve in curves)])


def _sample_stamps(path: Path, kind: str) -> Frames:
    """(samples,) in seconds for .mdd, else numbers; no more than the file can hold."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if kind == "PC2":
                *_, samples = PC2.unpack(file.read(PC2.size))
                return np.arange(max(0, min(samples, size // 12)), dtype=np.float64)
            samples = max(0, min(MDD.unpack(file.read(MDD.size))[0], size // 4))
            return np.frombuffer(file.read(4 * samples), ">f4").astype(np.float64)
    except (OSError, struct.error, ValueError):
        return np.empty(0)

