# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of an object in a scene of its own, for exporters that cannot carry how the object itself is animated.

The double has the mesh that is shown, its materials with their pictures as files, and the animation in a form that the
exporter understands. Everything is gone afterwards, whatever happened; the user's scene is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

from inference_core.errors import InputError

from ..compat import editable_curves
from .actions import write_curve
from .motion import Motion
from .point_cache import write_point_cache
from .shape_keys import add_basis, add_key
from .temporary import leaving_nothing

Numbers = npt.NDArray[Any]
KINDS = ("scenes", "objects", "meshes", "materials", "images", "actions", "node_groups", "worlds", "collections")


@dataclass(frozen=True, eq=False)
class StandIn:
    """thing: the double, alone in `scene`, selected and active; folder: for files that it needs."""

    thing: bpy.types.Object
    scene: bpy.types.Scene
    folder: Path

    @property
    def mesh(self) -> bpy.types.Mesh:
        assert isinstance(self.thing.data, bpy.types.Mesh)
        return self.thing.data

    @contextmanager
    def in_context(self) -> Iterator[None]:
        """Operators see this scene and this object alone."""
        layer = self.scene.view_layers[0]
        with bpy.context.temp_override(scene=self.scene, view_layer=layer, active_object=self.thing, object=self.thing,
                                       selected_objects=[self.thing], selected_editable_objects=[self.thing],
                                       collection=self.scene.collection):
            yield


@contextmanager
def stand_in(thing: bpy.types.Object, motion: Motion, folder: Path) -> Iterator[StandIn]:
    """A double that stands still as the object does at the motion's first frame, in metres."""
    with leaving_nothing(KINDS):
        shown = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = bpy.data.meshes.new_from_object(shown)
        mesh.name = f"{thing.name} mesh"
        double = bpy.data.objects.new(thing.name, mesh)
        scene = bpy.data.scenes.new("L-PRNet export")
        scene.collection.objects.link(double)
        made = StandIn(double, scene, folder)
        set_points(mesh, motion.points[0])
        double.matrix_world = Matrix(motion.places[0].tolist())
        layer = scene.view_layers[0]
        layer.objects.active = double
        double.select_set(True, view_layer=layer)
        _take_names(thing, double)
        try:
            yield made
        finally:
            _give_names_back(thing, double)


def set_points(mesh: bpy.types.Mesh, points: Numbers) -> None:
    """points (N, 3)."""
    mesh.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    mesh.update()


def set_rate(made: StandIn, fps: float, first: int, last: int) -> None:
    """Frames a second and the range of frames of the double's scene."""
    render = made.scene.render
    render.fps = max(1, round(fps))
    render.fps_base = render.fps / fps
    made.scene.frame_start, made.scene.frame_end = first, last


def key_points(made: StandIn, motion: Motion, frame_start: float = 0.0) -> None:
    """Sample number i at frame frame_start + i exactly, by a point cache in the double's folder: every exporter that
    evaluates the scene takes it, and it needs no memory."""
    if not motion.deforms:
        return
    cache = made.folder / "points.pc2"
    write_point_cache(cache, motion.points, len(motion.points), motion.points.shape[1])
    modifier = made.thing.modifiers.new("points", "MESH_CACHE")
    assert isinstance(modifier, bpy.types.MeshCacheModifier)
    modifier.cache_format = "PC2"
    modifier.filepath = str(cache)
    modifier.forward_axis, modifier.up_axis, modifier.frame_start = "POS_Y", "POS_Z", float(frame_start)


def key_place(made: StandIn, motion: Motion, frames: Numbers) -> None:
    """Place, turn and scale keyed at `frames` (n,), linear between; an object that stands still gets no keys."""
    if not motion.moves:
        return
    parts = [Matrix(place.tolist()).decompose() for place in motion.places]
    turns = np.array([list(turn[:]) for _, turn, _ in parts])
    turns[1:] *= np.cumprod(np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1, 1))[:, None]
    made.thing.rotation_mode = "QUATERNION"
    curves, straight = editable_curves(made.thing, made.thing.name), np.zeros(len(frames), bool)
    for path, values in (("location", np.array([list(place[:]) for place, _, _ in parts])),
                         ("rotation_quaternion", turns),
                         ("scale", np.array([list(scale[:]) for _, _, scale in parts]))):
        for axis in range(values.shape[1]):
            write_curve(curves, path, axis, frames, values[:, axis], straight)


def key_shapes(made: StandIn, base: Numbers, shapes: Numbers, weights: Numbers, frames: Numbers) -> None:
    """base (N, 3) + weights (n, r) in [0, 1] times shapes (r, N, 3), as relative shape keys with a curve each."""
    thing = made.thing
    set_points(made.mesh, base)
    add_basis(thing)
    for number, shape in enumerate(shapes):
        add_key(thing, f"shape {number + 1}", np.ascontiguousarray(base + shape, np.float32))
    keys = made.mesh.shape_keys
    assert keys is not None
    keys.use_relative = True
    for block, value in zip(list(keys.key_blocks)[1:], weights[0]):
        block.value = float(value)
    if len(frames) < 2:
        return
    curves, straight = editable_curves(keys, thing.name), np.zeros(len(frames), bool)
    for number in range(len(shapes)):
        write_curve(curves, f'key_blocks["shape {number + 1}"].value', 0, frames, weights[:, number], straight)


def pictures_as_files(made: StandIn, stem: str) -> list[Path]:
    """The pictures of the double's materials as PNG files in its folder, used from there: most formats hold the name of
    a file and no picture. `stem`_skin.png where there is one, numbered where there are more."""
    files: dict[bpy.types.Image, bpy.types.Image] = {}
    written: list[Path] = []
    for slot in made.thing.material_slots:
        if slot.material is None:
            continue
        slot.material = slot.material.copy()
        tree = slot.material.node_tree
        for node in tree.nodes if tree else ():
            if not isinstance(node, bpy.types.ShaderNodeTexImage) or node.image is None or not node.image.size[0]:
                continue
            image = node.image
            if image not in files:
                number = len(files) + 1
                path = made.folder / f"{stem}_skin{number if number > 1 else ''}.png"
                files[image] = _saved(image, path)
                written.append(path)
            node.image = files[image]
    return written


def _saved(image: bpy.types.Image, path: Path) -> bpy.types.Image:
    copy = image.copy()
    copy.file_format = "PNG"
    try:
        copy.save(filepath=str(path))
    except RuntimeError as error:
        raise InputError(f"{image.name}: Blender cannot save this picture as a PNG file; give the material one still "
                         "picture, not UDIM tiles or a film, or export to .glb") from error
    loaded = bpy.data.images.load(str(path))
    loaded.colorspace_settings.name = image.colorspace_settings.name  # type: ignore[union-attr]
    return loaded


def _take_names(thing: bpy.types.Object, double: bpy.types.Object) -> None:
    """Files name what they hold: the double has the object's name for a while."""
    if thing.library is not None:                       # of another .blend, its name cannot be changed
        return
    name = thing.name
    thing.name = f"{name[:50]} (exported)"
    double.name = name


def _give_names_back(thing: bpy.types.Object, double: bpy.types.Object) -> None:
    if thing.library is not None:
        return
    name = double.name
    double.name = "L-PRNet export"
    thing.name = name
