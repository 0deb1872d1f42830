# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic and USD: every vertex at every key, by Blender's own exporters from a double whose frames are the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

from ..compat import pixar_usd, usd_textures
from .key_times import JUMP
from .motion import Motion
from .stand_in import StandIn, key_place, key_points, pictures_as_files, set_rate

Times = npt.NDArray[np.float64]


def write_alembic(made: StandIn, motion: Motion, path: Path) -> None:
    """times_s must be even. Metres, and the y up that Alembic wants; the place in the transform. One sample a frame of
    a scene whose frames are the samples, begun between two frames by its shutter: so samples may lie anywhere."""
    count = len(motion.times_s)
    step = (motion.times_s[-1] - motion.times_s[0]) / (count - 1) if count > 1 else 1.0
    first = int(np.floor(motion.times_s[0] / step + 1e-6))
    shutter = float(motion.times_s[0] / step - first) if count > 1 else 0.0
    shutter = shutter if shutter > 1e-5 else 0.0
    set_rate(made, 1 / step, first, first + count - 1)
    key_points(made, motion, first + shutter)
    key_place(made, motion, first + shutter + np.arange(count))
    with made.in_context():
        bpy.ops.wm.alembic_export(
            filepath=str(path), check_existing=False, selected=True, start=first, end=first + count - 1, xsamples=1,
            gsamples=1, sh_open=shutter, sh_close=shutter + 1, uvs=True, normals=True, face_sets=True, flatten=False,
            export_hair=False, export_particles=False, evaluation_mode="VIEWPORT", as_background_job=False)


def write_usd(made: StandIn, motion: Motion, path: Path, fps: float) -> list[Path]:
    """Metres, z up (the file says so), time codes in frames of the scene at `fps`, also between them. Returns the
    pictures, which lie beside."""
    frames = motion.times_s * fps
    even = bool(np.abs(frames - np.rint(frames)).max() < 1e-3 and np.abs(np.diff(frames) - 1).max(initial=0) < 1e-3
                and frames[0] > -0.5)                   # no scene begins before frame 0
    first = round(frames[0]) if even else 0
    set_rate(made, fps, first, first + len(frames) - 1)
    key_points(made, motion, first)
    key_place(made, motion, first + np.arange(len(frames)))
    pictures = pictures_as_files(made, path.stem)
    with made.in_context():
        bpy.ops.wm.usd_export(
            filepath=str(path), check_existing=False, selected_objects_only=True, export_animation=len(frames) > 1,
            export_uvmaps=True, export_normals=True, export_materials=True, generate_preview_surface=True,
            export_hair=False, evaluation_mode="VIEWPORT", relative_paths=True, **usd_textures())
    usd = pixar_usd()
    if usd is not None:
        try:
            layer = usd.Layer.FindOrOpen(str(path))
            if not even:
                _retime(layer, frames)
                layer.Export(str(path.with_name(f"retimed{path.suffix}")))      # anew, without what was erased
                del layer                               # Windows replaces no file that is open
                path.with_name(f"retimed{path.suffix}").replace(path)
        except RuntimeError as error:                   # its exporter says nothing of a full disk
            raise OSError("Blender wrote half a file; the disk may be full") from error
    return pictures


def _retime(layer: Any, frames: Times) -> None:
    """Sample number i of every value goes to the time code frames[i]."""
    codes, codes_of = layer.ListAllTimeSamples(), [round(float(frame), 6) for frame in frames]
    for place in _animated(layer):
        values = [(code, layer.QueryTimeSample(place, code)) for code in layer.ListTimeSamplesForPath(place)]
        for code, _ in values:
            layer.EraseTimeSample(place, code)
        for code, value in values:
            layer.SetTimeSample(place, codes_of[round(code)], value)
    if codes:
        layer.startTimeCode, layer.endTimeCode = codes_of[0], codes_of[-1]


def _animated(layer: Any) -> list[Any]:
    found: list[Any] = []
    layer.Traverse("/", lambda place: found.append(place) if layer.ListTimeSamplesForPath(place) else None)
    return found


def keys_between_frames(frames: Times) -> bool:
    """Whether a key lies between two whole frames (the ends of rests do not count)."""
    return bool((np.abs(frames - np.rint(frames)) > 2 * JUMP).any())
