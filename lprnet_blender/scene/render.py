# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of captured faces from several sides, with Cycles on the processor (needs no screen)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.quiet import OUTPUT, quiet

from .face import PREFIX
from .material import hide_inside
from .nodes import principled, set_input
from .stage import aim_camera, bounds, light

SAMPLES, SAMPLES_NOISY = 24, 128        # with and without the denoiser
TOP, BOTTOM = (0.26, 0.265, 0.28), (0.13, 0.135, 0.15)         # background, sRGB


def default_views(face: bpy.types.Object) -> tuple[float, float, float]:
    """Front, 45 degrees and the side, in degrees of azimuth, towards the side that the photo shows better."""
    side = 1.0 if face.get(PREFIX + "yaw_deg", 0.0) >= 0 else -1.0      # it looks to the picture's left: its left is seen
    return 0.0, 45.0 * side, 90.0 * side


def render_views(scene: bpy.types.Scene, things: Sequence[bpy.types.Object], azimuths_deg: Sequence[float], *,
                 size: int, clay: bool = False) -> npt.NDArray[np.uint8]:
    """`things` seen from each azimuth, side by side: (size, size * len(azimuths_deg), 3) uint8.

    `clay` renders the bare shape in one grey, which shows what a texture hides. Changes the scene's camera, render
    settings and materials (and, for clay, its lights): for scenes that are not saved afterwards.
    """
    _prepare(scene, size)
    for material in {slot.material for thing in things for slot in thing.material_slots}:
        if material is not None:
            hide_inside(material)
    if clay:
        bpy.context.view_layer.material_override = _clay()  # type: ignore[union-attr]
    centre, extent = bounds(things)
    views = []
    with tempfile.TemporaryDirectory() as folder:
        for index, azimuth in enumerate(azimuths_deg):
            aim_camera(scene, centre, extent, azimuth_deg=azimuth)
            if clay:                                    # light from one side shows every crease
                light(scene, even=0.2, key=3.0, azimuth_deg=azimuth)
            scene.render.filepath = str(Path(folder) / f"view{index}.png")
            _render(scene)
            views.append(_read_over_background(scene.render.filepath))
    return np.concatenate(views, axis=1)


def _prepare(scene: bpy.types.Scene, size: int) -> None:
    render = scene.render
    render.engine = "CYCLES"  # type: ignore[assignment]     # the stubs know built-in engines alone
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.film_transparent = True
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    cycles = scene.cycles
    assert cycles is not None
    cycles.device = "CPU"
    cycles.samples = SAMPLES
    cycles.use_denoising = True


def _render(scene: bpy.types.Scene) -> None:
    """Some Linux distributions build Blender without the denoiser; only trying tells."""
    cycles = scene.cycles
    assert cycles is not None
    try:
        with quiet(OUTPUT):
            bpy.ops.render.render(write_still=True)
    except RuntimeError:
        if not cycles.use_denoising:
            raise
        cycles.use_denoising, cycles.samples = False, SAMPLES_NOISY
        _render(scene)


def _clay() -> bpy.types.Material:
    material, surface = principled("Clay", roughness=0.55)
    set_input(surface, "Base Color", (0.5, 0.47, 0.45, 1.0))
    hide_inside(material)
    return material


def _read_over_background(path: str) -> npt.NDArray[np.uint8]:
    image = bpy.data.images.load(path)
    width, height = image.size
    values = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(values)  # type: ignore[attr-defined]
    bpy.data.images.remove(image)
    rgba = values.reshape(height, width, 4)[::-1]
    alpha = rgba[..., 3:]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    background = (1 - down) * np.array(TOP, np.float32) + down * np.array(BOTTOM, np.float32)
    mixed = rgba[..., :3] * alpha + background * (1 - alpha)
    picture: npt.NDArray[np.uint8] = np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8)
    return picture
