# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh from arrays, written in bulk."""

from __future__ import annotations

import bpy
import numpy as np
import numpy.typing as npt

UV_LAYER, SEEN = "UVMap", "seen_in_photo"


def build_mesh(name: str, vertices: npt.NDArray[np.float32], faces: npt.NDArray[np.int32],
               uvs: npt.NDArray[np.float32]) -> bpy.types.Mesh:
    """A smooth-shaded mesh with a UV layer.

    vertices (N, 3) float32 metres; faces (F, 4) vertex indices, counter-clockwise from outside, -1 ends a
    triangle; uvs (N, 2) one per vertex, u right and v DOWN as in `Topology.uvs` (Blender's v goes up).
    """
    used = faces >= 0
    corner_vertices = np.ascontiguousarray(faces[used], dtype=np.int32)
    corners_per_face = used.sum(axis=1).astype(np.int32)
    face_starts = np.concatenate([[0], np.cumsum(corners_per_face)[:-1]]).astype(np.int32)

    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, dtype=np.float32).ravel())
    mesh.loops.add(len(corner_vertices))
    mesh.loops.foreach_set("vertex_index", corner_vertices)
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", face_starts)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))

    corner_uvs = np.ascontiguousarray(uvs[corner_vertices], dtype=np.float32)
    corner_uvs[:, 1] = 1.0 - corner_uvs[:, 1]
    layer = mesh.uv_layers.new(name=UV_LAYER)
    layer.uv.foreach_set("vector", corner_uvs.ravel())

    mesh.update(calc_edges=True)
    if mesh.validate():
        raise ValueError(f"the faces for mesh {name!r} are not a valid mesh")
    return mesh


def add_visibility(mesh: bpy.types.Mesh, visible: npt.NDArray[np.bool_]) -> None:
    """Per vertex, whether the photo really shows it; (N,) bool. Attribute `seen_in_photo`, for masks and nodes."""
    earlier = mesh.attributes.get(SEEN)
    if earlier is not None:
        mesh.attributes.remove(earlier)
    attribute = mesh.attributes.new(SEEN, "BOOLEAN", "POINT")
    attribute.data.foreach_set("value", np.ascontiguousarray(visible, dtype=bool))  # type: ignore[attr-defined]
