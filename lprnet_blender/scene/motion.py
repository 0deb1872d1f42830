# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object does, read off the scene: its vertices and its place at some frames. However it was baked, this is
what Blender shows."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

from inference_core.errors import InputError

SAME_M = 1e-7                   # of places: what differs by less stands still
SHEARED = 1e-5                  # of a matrix: what place, turn and scale do not give


@dataclass(frozen=True, eq=False)
class Motion:
    """times_s (n,) float64: frame / frame rate, increasing; points (n, N, 3) float32 in the object's space; places
    (n, 4, 4) float64: object's space -> world in metres."""

    times_s: npt.NDArray[np.float64]
    points: npt.NDArray[np.float32]
    places: npt.NDArray[np.float64]

    @property
    def moves(self) -> bool:
        """Whether the object itself moves, apart from its vertices."""
        return bool((np.abs(self.places - self.places[0]) > SAME_M).any())

    @property
    def deforms(self) -> bool:
        """Whether the vertices move in the object's space."""
        return any(not np.array_equal(points, self.points[0]) for points in self.points)

    def in_world(self, number: int) -> npt.NDArray[np.float32]:
        """(N, 3) float32 metres: the vertices where they stand in the scene."""
        place = self.places[number]
        points: npt.NDArray[np.float32] = (self.points[number] @ place[:3, :3].T + place[:3, 3]).astype(np.float32)
        return points


def read_motion(thing: bpy.types.Object, scene: bpy.types.Scene, frames: npt.NDArray[np.float64],
                store: Path) -> Generator[int, None, Motion]:
    """Steps, one a frame, each yielding how many are done; returns the motion. `frames` may lie between whole ones.
    The points lie in the file `store`, since a long take does not fit into memory. The scene, the one that is open in
    Blender, is left at its frame. Raises InputError for a hidden object and where the number of vertices changes."""
    if not thing.visible_get():
        raise InputError(f"{thing.name}: hidden, so that Blender does not move it; show it, then export")
    places = np.empty((len(frames), 4, 4))
    points: np.memmap | None = None                                     # type: ignore[type-arg]
    metres = scene.unit_settings.scale_length if scene.unit_settings else 1.0
    with frame_kept(scene):
        for number, frame in enumerate(frames):
            go_to(scene, float(frame))
            evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
            places[number] = evaluated.matrix_world
            mesh = evaluated.to_mesh()
            if points is None:
                points = np.memmap(store, np.float32, "w+", shape=(len(frames), len(mesh.vertices), 3))
            if len(mesh.vertices) != points.shape[1]:
                raise InputError(f"{thing.name}: the number of vertices changes over time, which no file of moving "
                                 "meshes can hold; switch off the modifier that does it")
            values = np.empty(points[number].size, np.float32)
            mesh.vertices.foreach_get("co", values)
            points[number] = values.reshape(-1, 3)
            evaluated.to_mesh_clear()
            yield number + 1
    assert points is not None
    rate = scene.render.fps / scene.render.fps_base
    places[:, :3, 3] *= metres
    places[:, :3, :3] *= metres
    return plain(Motion(np.asarray(frames, np.float64) / rate, points, places))


def plain(motion: Motion) -> Motion:
    """The same motion with places that are a place, a turn and a scale, which is what files can hold: where they are
    not (a stretched parent), the vertices move instead."""
    for place in motion.places:
        again = np.array(Matrix.LocRotScale(*Matrix(place.tolist()).decompose()))
        if np.abs(again - place).max() > SHEARED * max(1.0, float(np.abs(place).max())):
            break
    else:
        return motion
    for number in range(len(motion.points)):
        motion.points[number] = motion.in_world(number)
    return replace(motion, places=np.broadcast_to(np.eye(4), motion.places.shape))


def go_to(scene: bpy.types.Scene, frame: float) -> None:
    """To a frame that need not be whole."""
    whole = math.floor(frame)
    scene.frame_set(whole, subframe=min(frame - whole, 0.9999999))


@contextmanager
def frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Afterwards the scene stands at the frame at which it stood."""
    frame, between = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=between)
