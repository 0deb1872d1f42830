# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows and its buttons are filled from: `scene.lprnet`. Operators have properties of their own.

The core is not imported here, so that the add-on can be switched on and say what is missing; a test holds the defaults
to be those of the core's options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..compat import MAY_BE_RELATIVE
from . import choices, take_info
from .bake_properties import FRAME_RATE, BakeProperties
from .operators.export import FORMATS
from .preferences import preferences

CHOSEN_MODE = "lprnet_chosen_mode"


def _chosen_mode(settings: bpy.types.PropertyGroup) -> int:
    """The mode chosen in this scene, before that the one of the preferences."""
    mode = settings.get(CHOSEN_MODE, "")
    names = [name for name, *_ in choices.BAKE_MODES]
    return names.index(mode if mode in names else preferences().bake_mode)


def _choose_mode(settings: bpy.types.PropertyGroup, number: int) -> None:
    settings[CHOSEN_MODE] = choices.BAKE_MODES[number][0]


def _clip_changed(settings: LPRNetSettings, context: bpy.types.Context) -> None:
    """Another clip gets another take."""
    settings.take = ""


class LPRNetSettings(BakeProperties, bpy.types.PropertyGroup):
    """Settings of L-PRNet in a scene"""

    if TYPE_CHECKING:
        source: str
        photo_from: str
        photo: str
        image: bpy.types.Image | None
        all_faces: bool
        camera_match: bool
        texture_size: str
        clip: str
        use_range: bool
        start_s: float
        end_s: float
        fps: float
        face: int
        careful: bool
        camera_from: str
        camera_index: int
        camera_address: str
        record: bool
        mirror: bool
        take: str
        export_format: str
        scene_range: bool
        every_shape: bool
    else:
        source: bpy.props.EnumProperty(
            name="Source", description="What the face is captured from", items=choices.SOURCES, default="IMAGE")
        photo_from: bpy.props.EnumProperty(
            name="Photo", description="Where the photo is", items=choices.PHOTO_PLACES, default="FILE")
        photo: bpy.props.StringProperty(
            name="Photo", description="Picture that shows the face: JPEG, PNG, WebP, TIFF or BMP", subtype="FILE_PATH",
            options=MAY_BE_RELATIVE)
        image: bpy.props.PointerProperty(
            name="Image", description="Image that is open in Blender and shows the face", type=bpy.types.Image)
        all_faces: bpy.props.BoolProperty(
            name="All Faces", description="Capture every face of the photo, not the largest alone")
        camera_match: bpy.props.BoolProperty(
            name="Camera Match",
            description="Place the head before the scene's camera so that it covers the face in the photo. The camera "
                        "gets the photo's lens and the photo as its background, and the render its size")
        texture_size: bpy.props.EnumProperty(
            name="Texture", description="Width and height of the skin texture", items=choices.TEXTURE_SIZES,
            default="1024")
        clip: bpy.props.StringProperty(
            name="Clip", description="Video file, or folder or pattern (shot.####.png) of an image sequence",
            subtype="FILE_PATH", options=MAY_BE_RELATIVE, update=_clip_changed)
        use_range: bpy.props.BoolProperty(name="Part of the Clip", description="Capture a part of the clip only")
        start_s: bpy.props.FloatProperty(
            name="Start", description="Capture from this time of the clip on", unit="TIME_ABSOLUTE", min=0.0, step=100)
        end_s: bpy.props.FloatProperty(
            name="End", description="Capture up to this time of the clip; 0 is its end", unit="TIME_ABSOLUTE", min=0.0,
            step=100)
        fps: bpy.props.FloatProperty(name="Frame Rate", **FRAME_RATE)
        face: bpy.props.IntProperty(
            name="Face", description="Which of several faces is captured, 1 is the largest at first sight", default=1,
            min=1, max=64)
        careful: bpy.props.BoolProperty(name="Careful", description=choices.CAREFUL)
        camera_from: bpy.props.EnumProperty(
            name="Camera", description="Where the camera is", items=choices.CAMERA_PLACES, default="DEVICE")
        camera_index: bpy.props.IntProperty(
            name="Number", description="Which camera of this computer, 0 is the first", default=0, min=0, max=99)
        camera_address: bpy.props.StringProperty(
            name="Address",
            description="MJPEG stream of a network camera or a phone, such as http://192.168.0.5:8080/video")
        record: bpy.props.BoolProperty(
            name="Record", description="Write what the camera shows into the take, to be baked afterwards",
            default=True)
        mirror: bpy.props.BoolProperty(
            name="Mirror", description="Show the face as in a mirror; the take is recorded as the camera sees it")
        take: bpy.props.StringProperty(
            name="Take", description="Folder NAME.lprtake that holds the capture. Left empty, a capture makes one in "
                                     "the take folder of the preferences, or else beside the clip",
            subtype="DIR_PATH", options=MAY_BE_RELATIVE, update=take_info.settings_changed)
        mode: bpy.props.EnumProperty(
            name="Mode", description="What carries the shape of each frame", items=choices.BAKE_MODES, get=_chosen_mode,
            set=_choose_mode)
        export_format: bpy.props.EnumProperty(
            name="Format", description="What the animation is written as", items=FORMATS[1:], default="ABC")
        scene_range: bpy.props.BoolProperty(
            name="Scene Range", description="Write the frames of the scene alone, not the whole animation")
        every_shape: bpy.props.BoolProperty(
            name="Shape for Every Key",
            description="A shape for each key instead of at most 64 that are mixed. Exact, and megabytes for each "
                        "second")


def register() -> None:
    """Give every scene its settings; the class itself is registered with the others."""
    bpy.types.Scene.lprnet = (  # type: ignore[attr-defined]
        bpy.props.PointerProperty(type=LPRNetSettings))  # type: ignore[func-returns-value]


def unregister() -> None:
    del bpy.types.Scene.lprnet  # type: ignore[attr-defined]
