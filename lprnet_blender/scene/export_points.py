# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of bare vertices, at the scene's frames and where they stand in the scene: OBJ sequences by Blender's own
exporter, the point caches MDD and PC2."""

from __future__ import annotations

import struct
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix

from inference_core.quiet import quiet
from inference_core.take_formats.sequence import numbered, without_number

from .motion import Motion
from .point_cache import HEADER as PC2
from .stand_in import StandIn, pictures_as_files, set_points


def write_sequence(made: StandIn, motion: Motion, frames: npt.NDArray[np.float64], name: str) -> list[Path]:
    """shot.0007.obj and so on in the double's folder, named after the scene's frames, or shot.obj where nothing moves,
    with one material file and its pictures. Returns the files, meshes last."""
    shared = without_number(Path(name)).stem
    files = pictures_as_files(made, shared)
    for number, frame in enumerate(frames):
        alone = len(frames) == 1 and f"{shared}.obj" == Path(name).name
        target = made.folder / (name if alone else numbered(Path(name), round(frame)).name)
        _write_obj(made, motion, number, made.folder / f"{shared}.obj")
        (made.folder / f"{shared}.obj").replace(target)
        files.append(target)
    material = made.folder / f"{shared}.mtl"
    return [material, *files] if material.is_file() else files


def write_cache(made: StandIn, motion: Motion, path: Path) -> list[Path]:
    """path: .mdd or .pc2, vertices in metres, y up; the mesh that it moves lies beside: NAME_mesh.obj with its material
    and pictures. Returns the files, the cache last."""
    mesh = path.with_name(f"{path.stem}_mesh.obj")
    files = pictures_as_files(made, path.stem)
    _write_obj(made, motion, 0, mesh)
    vertices, samples = motion.points.shape[1], len(motion.points)
    little = path.suffix.lower() == ".pc2"
    with path.open("wb") as file:
        if little:
            file.write(PC2.pack(b"POINTCACHE2\0", 1, vertices, 0.0, 1.0, samples))
        else:
            file.write(struct.pack(">2i", samples, vertices))
            file.write((motion.times_s - motion.times_s[0]).astype(">f4").tobytes())
        for number in range(samples):
            x, y, z = motion.in_world(number).T
            file.write(np.stack([x, z, -y], 1).astype("<f4" if little else ">f4").tobytes())
    material = mesh.with_suffix(".mtl")
    return [*files, *([material] if material.is_file() else []), mesh, path]


def _write_obj(made: StandIn, motion: Motion, number: int, path: Path) -> None:
    set_points(made.mesh, motion.points[number])
    made.thing.matrix_world = Matrix(motion.places[number].tolist())
    made.scene.view_layers[0].update()
    with made.in_context(), quiet():                    # 4.2 tells every file on standard error
        bpy.ops.wm.obj_export(
            filepath=str(path), check_existing=False, export_selected_objects=True, forward_axis="NEGATIVE_Z",
            up_axis="Y", global_scale=1.0, export_uv=True, export_normals=True, export_materials=True,
            export_triangulated_mesh=False, path_mode="STRIP", export_animation=False)
    text = path.read_bytes()
    if text.count(b"\nf ") != len(made.mesh.polygons) or not text.endswith(b"\n"):
        raise OSError("the disk may be full: Blender wrote half a mesh")
