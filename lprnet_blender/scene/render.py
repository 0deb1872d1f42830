# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of captured faces from several sides, with Cycles on the processor (needs no screen)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.quiet import OUTPUT, quiet

from .face import PREFIX
from .material import hide_inside
from .nodes import principled, set_input
from .stage import aim_camera, bounds, light
from .temporary import leaving_nothing

SAMPLES, SAMPLES_NOISY = 24, 128        # with and without the denoiser
KINDS = ("scenes", "objects", "cameras", "lights", "worlds", "materials")       # of data that pictures are made with
TOP, BOTTOM = (0.26, 0.265, 0.28), (0.13, 0.135, 0.15)         # background, sRGB


def default_views(face: bpy.types.Object) -> tuple[float, float, float]:
    """Front, 45 degrees and the side, in degrees of azimuth, towards the side that the photo shows better."""
    side = 1.0 if face.get(PREFIX + "yaw_deg", 0.0) >= 0 else -1.0    # it looks to the picture's left: its left is seen
    return 0.0, 45.0 * side, 90.0 * side


def render_views(scene: bpy.types.Scene, things: Sequence[bpy.types.Object], azimuths_deg: Sequence[float], *,
                 size: int, clay: bool = False) -> npt.NDArray[np.uint8]:
    """`things` seen from each azimuth, side by side: (size, size * len(azimuths_deg), 3) uint8.

    `clay` renders the bare shape in one grey, which shows what a texture hides. As the frame shows them at which
    `scene` stands, alone and evenly lit: in a scene of its own, so whatever the user has set up neither matters nor
    changes.
    """
    views = []
    with _studio(scene, things) as (studio, doubles), tempfile.TemporaryDirectory() as folder:
        _prepare(studio, size)
        light(studio)
        if clay:
            studio.view_layers[0].material_override = _clay()
        centre, extent = bounds(studio, doubles)
        for index, azimuth in enumerate(azimuths_deg):
            aim_camera(studio, centre, extent, azimuth_deg=azimuth)
            if clay:                                    # light from one side shows every crease
                light(studio, even=0.2, key=3.0, azimuth_deg=azimuth)
            studio.render.filepath = str(Path(folder) / f"view{index}.png")
            _render(studio)
            views.append(_read_over_background(studio.render.filepath))
    return np.concatenate(views, axis=1)


def shown_faces(faces: Sequence[bpy.types.Object],
                first: bpy.types.Scene) -> tuple[bpy.types.Scene, list[bpy.types.Object]]:
    """Those that a render of the scene `first` shows, or of another scene where it shows none; [] where no scene does.
    One that an instance of its collection shows counts, as it stands in that collection."""
    for scene in (first, *bpy.data.scenes):
        placed = [thing for layer in scene.view_layers for thing in _rendered(layer.layer_collection)]
        shown = {*placed, *_instanced(placed)}
        if found := [face for face in faces if face in shown and not face.hide_render]:
            return scene, found
    return first, []


def _rendered(part: bpy.types.LayerCollection) -> Iterator[bpy.types.Object]:
    if part.collection.hide_render:
        return
    if not part.exclude:
        yield from part.collection.objects
    for inner in part.children:
        yield from _rendered(inner)


def _instanced(things: Iterable[bpy.types.Object]) -> set[bpy.types.Object]:
    """What the instances of collections among these objects show, also those within them."""
    found: set[bpy.types.Object] = set()
    waiting = [thing.instance_collection for thing in things if _is_instance(thing)]
    seen = set(waiting)
    while waiting:
        collection = waiting.pop()
        if collection is None or collection.hide_render:
            continue
        found |= set(collection.objects)
        shows = [thing.instance_collection for thing in collection.objects if _is_instance(thing)]
        inner = {*collection.children, *shows}
        waiting += inner - seen
        seen |= inner
    return found


def _is_instance(thing: bpy.types.Object) -> bool:
    return thing.instance_type == "COLLECTION" and not thing.hide_render


@contextmanager
def _studio(scene: bpy.types.Scene,
            things: Sequence[bpy.types.Object]) -> Iterator[tuple[bpy.types.Scene, list[bpy.types.Object]]]:
    """A scene with doubles of `things`, whose insides are hidden; nothing is left of it afterwards."""
    with leaving_nothing(KINDS):
        studio = bpy.data.scenes.new("L-PRNet views")
        assert studio.view_settings is not None
        studio.view_settings.view_transform = "Standard"  # type: ignore[assignment]     # the photo's colours
        studio.render.fps, studio.render.fps_base = scene.render.fps, scene.render.fps_base
        doubles = [thing.copy() for thing in things]
        for double in doubles:
            studio.collection.objects.link(double)
            _uncover(double)
            for slot in double.material_slots:
                if slot.material is not None:
                    material, slot.link = slot.material.copy(), "OBJECT"
                    slot.material = material
                    hide_inside(material)
        studio.frame_set(scene.frame_current, subframe=scene.frame_subframe)
        yield studio, doubles


def _uncover(double: bpy.types.Object) -> None:
    """The camera sees it as a render shows it, which is also what is measured to aim that camera."""
    double.hide_viewport, double.visible_camera = False, True
    double.is_holdout = double.is_shadow_catcher = False
    for modifier in double.modifiers:
        modifier.show_viewport = modifier.show_render


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
            bpy.ops.render.render(write_still=True, scene=scene.name)
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
