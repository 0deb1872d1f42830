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

from .units import unit_metres

SAME_M = 1e-7                   # of places: what differs by less stands still
SHEARED = 1e-5                  # of a matrix: what place, turn and scale do not give


@dataclass(eq=False)
class Stored:
    """points (n, N, 3) float32 that map a file. Windows removes no file that is mapped, and frames of Blender's own
    exporters may outlive them, so that it is closed by hand."""

    points: npt.NDArray[np.float32]

    def close(self) -> None:
        """Nothing is read any more."""
        self.points = np.empty((0, 0, 3), np.float32)


@dataclass(frozen=True, eq=False)
class Motion:
    """times_s (n,) float64: frame / frame rate, increasing; stored: the points, in the object's space; places (n, 4, 4)
    float64: object's space -> world in metres; triangles (T, 3) int32 of the mesh."""

    times_s: npt.NDArray[np.float64]
    stored: Stored
    places: npt.NDArray[np.float64]
    triangles: npt.NDArray[np.int32]

    @property
    def points(self) -> npt.NDArray[np.float32]:
        """(n, N, 3) float32 in the object's space."""
        return self.stored.points

    @property
    def moves(self) -> bool:
        """Whether the object itself moves, apart from its vertices."""
        return bool((np.abs(self.places - self.places[0]) > SAME_M).any())

    @property
    def deforms(self) -> bool:
        """Whether the vertices move in the object's space."""
        return any(not np.array_equal(points, self.points[0]) for points in self.points)

    def first(self) -> Motion:
        """As it stands at the first time, which becomes the only one."""
        return replace(self, times_s=self.times_s[:1], stored=Stored(np.array(self.points[:1])), places=self.places[:1])

    def in_world(self, number: int) -> npt.NDArray[np.float32]:
        """(N, 3) float32 metres: the vertices where they stand in the scene."""
        place = self.places[number]
        points: npt.NDArray[np.float32] = (self.points[number] @ place[:3, :3].T + place[:3, 3]).astype(np.float32)
        return points


@dataclass(frozen=True)
class Shown:
    """An object of the open scene, by names and Blender's number for the session, which tells it from one of another
    file that has the same name: undo and deleting take away what Python holds."""

    name: str
    scene: str
    uid: int

    def find(self) -> tuple[bpy.types.Object, bpy.types.Scene]:
        """Raises InputError where it is not there, not shown, edited or another scene is open."""
        thing = next((thing for thing in bpy.data.objects if thing.session_uid == self.uid), None)
        scene = bpy.context.scene
        if thing is None or thing.name != self.name or scene is None or scene.name != self.scene:
            raise InputError(f"{self.name}: deleted, renamed, or another scene was opened during the export; nothing "
                             "was written")
        if scene not in thing.users_scene:
            raise InputError(f"{self.name}: not in the scene {scene.name} itself, where an instance may show it; make "
                             "that real (Object > Apply > Make Instances Real), then export")
        if thing.mode == "EDIT":
            raise InputError(f"{self.name}: in Edit Mode, where Blender does not move it; leave it, then export")
        if not thing.visible_get():
            raise InputError(f"{self.name}: hidden, so that Blender does not move it; show it, then export")
        return thing, scene


def read_motion(shown: Shown, frames: npt.NDArray[np.float64], store: Path) -> Generator[int, None, Motion]:
    """Steps, one a frame, each yielding how many are done; returns the motion. `frames` may lie between whole ones.
    The points lie in the file `store`, since a long take does not fit into memory. The scene is left at its frame.
    Raises InputError for a hidden object and where the number of vertices changes."""
    places, vertices, triangles = np.empty((len(frames), 4, 4)), 0, np.empty(0, np.int32)
    _, scene = shown.find()
    metres, rate = unit_metres(scene), scene.render.fps / scene.render.fps_base
    # written, not mapped: a full disk is an error then, and not the end of Blender
    with frame_kept(shown), store.open("wb") as file:
        for number, frame in enumerate(frames):
            thing, scene = shown.find()
            go_to(scene, float(frame))
            evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
            places[number] = evaluated.matrix_world
            mesh = evaluated.to_mesh()
            if number == 0:
                vertices, triangles = len(mesh.vertices), _triangles(mesh)
            if len(mesh.vertices) != vertices:
                raise InputError(f"{shown.name}: the number of vertices changes over time, which no file of moving "
                                 "meshes can hold; switch off the modifier that does it")
            values = np.empty(3 * vertices, np.float32)
            mesh.vertices.foreach_get("co", values)
            file.write(values.tobytes())
            evaluated.to_mesh_clear()
            yield number + 1
    if not vertices:
        raise InputError(f"{shown.name}: a mesh without vertices; choose a captured or baked face")
    stored = Stored(np.memmap(store, np.float32, "r+", shape=(len(frames), vertices, 3)))
    places[:, :3, 3] *= metres
    places[:, :3, :3] *= metres
    return plain(Motion(np.asarray(frames, np.float64) / rate, stored, places, triangles))


def _triangles(mesh: bpy.types.Mesh) -> npt.NDArray[np.int32]:
    mesh.calc_loop_triangles()
    corners = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return corners.reshape(-1, 3)


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
def frame_kept(shown: Shown) -> Iterator[None]:
    """Afterwards the scene stands at the frame at which it stood."""
    _, scene = shown.find()
    frame, between = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        again = bpy.data.scenes.get(shown.scene)
        if again is not None:
            again.frame_set(frame, subframe=between)
