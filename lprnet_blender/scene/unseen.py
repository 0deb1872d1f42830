# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh of a bake while it is built: under a name of its own, in no scene, so that Blender draws and evaluates
nothing.

Only names are kept between two calls: an undo may take everything away, which raises `Undone`.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.topology import Topology

from .actions import forget_action
from .bake_plan import Skin
from .face import add_region_groups, seen_vertices
from .linked import own
from .material import packed_image, plain_material, skin_material
from .mesh import UV_LAYER, add_visibility, build_mesh
from .shape_keys import add_basis, add_key


class Undone(Exception):
    """What was built is gone."""


class Unseen:
    """name: of the object that will show it; old: the name of an object that has a bake, whose mesh is the pattern: its
    materials, UV maps, groups and attributes are kept."""

    def __init__(self, name: str, old: str | None) -> None:
        self._name, self._old, self._hidden = name, old, f".lprnet {uuid4().hex[:12]}"
        self._made: list[tuple[str, str]] = []          # of images and materials: collection, name

    def build(self, topology: Topology, points: npt.NDArray[np.float32], *, keys: bool) -> None:
        """The mesh of the first frame, (N, 3) float32 metres. keys: shape keys are to come."""
        old = own(bpy.data.objects, self._old) if self._old else None
        before = old.data if old is not None and isinstance(old.data, bpy.types.Mesh) else None
        alike = before is not None and len(before.vertices) == len(points)
        if old is not None and alike:
            mesh = bpy.data.meshes.new_from_object(old)         # everything but its shape keys
            mesh.vertices.foreach_set("co", points.ravel())
            mesh.update()
        else:
            mesh = build_mesh(self._hidden, points, topology.faces, topology.uvs)
            for material in before.materials if before is not None else ():
                mesh.materials.append(material)
        mesh.name = self._hidden
        thing = bpy.data.objects.new(self._hidden, mesh)
        if not alike:
            add_region_groups(thing, topology.regions)
        if keys:
            add_basis(thing)

    def add_key(self, number: int, points: npt.NDArray[np.float32]) -> None:
        """The mesh of frame `number`, (N, 3) float32 metres, as a shape key."""
        add_key(self.thing, f"{number:05d}", points)

    def add_skin(self, skin: Skin, topology: Topology) -> None:
        """A material with the texture, or without where there is none."""
        name = f"{self._name} skin"
        if skin.png:
            image = packed_image(name, skin.png)
            self._made.append(("images", image.name))
            material = skin_material(name, image, UV_LAYER)
        else:
            material = plain_material(name)
        self._made.append(("materials", material.name))
        slots = self.mesh.materials
        empty = next((slot for slot, other in enumerate(slots) if other is None), None)
        if empty is None:
            slots.append(material)
        else:                                           # a material was taken out of it: the faces still point there
            slots[empty] = material
        if skin.visible is not None:
            add_visibility(self.mesh, seen_vertices(skin.visible, topology.uvs))

    @property
    def thing(self) -> bpy.types.Object:
        """The object that holds it. Raises Undone."""
        thing = bpy.data.objects.get(self._hidden)
        if thing is None or thing.data is None:
            raise Undone
        return thing

    @property
    def mesh(self) -> bpy.types.Mesh:
        """Raises Undone."""
        mesh = self.thing.data
        assert isinstance(mesh, bpy.types.Mesh)
        return mesh

    @property
    def key(self) -> bpy.types.Key:
        """Its shape keys. Raises Undone."""
        key = self.mesh.shape_keys
        if key is None:
            raise Undone
        return key

    def show(self, old: bpy.types.Object | None, collection: bpy.types.Collection) -> bpy.types.Object:
        """Put the mesh into `old`, whose earlier one goes, or link a new object. Returns the object."""
        thing, mesh = self.thing, self.mesh
        self._made.clear()
        if old is None:
            thing.name = mesh.name = self._name
            collection.objects.link(thing)
            return thing
        before = old.data
        assert isinstance(before, bpy.types.Mesh)
        key = before.shape_keys
        action = key.animation_data.action if key is not None and key.animation_data else None
        name = before.name
        before.user_remap(mesh)                         # whoever shares the mesh shares the new one
        old.active_shape_key_index = 0
        bpy.data.objects.remove(thing)
        bpy.data.meshes.remove(before)
        forget_action(action)
        mesh.name = name
        _rename_action(mesh.shape_keys, f"{self._name} expression")     # free again, now that the earlier one is gone
        return old

    def drop(self) -> None:
        """Remove what is not shown; does nothing after `show`."""
        with suppress(Undone, ReferenceError):
            thing, mesh = self.thing, self.mesh
            key = mesh.shape_keys
            action = key.animation_data.action if key is not None and key.animation_data else None
            bpy.data.objects.remove(thing)
            bpy.data.meshes.remove(mesh)
            forget_action(action)
        for collection, name in reversed(self._made):
            made = own(getattr(bpy.data, collection), name)
            if made is not None and made.users == 0:
                getattr(bpy.data, collection).remove(made)
        self._made.clear()


def _rename_action(key: bpy.types.Key | None, name: str) -> None:
    if key is not None and key.animation_data is not None and key.animation_data.action is not None:
        key.animation_data.action.name = name
