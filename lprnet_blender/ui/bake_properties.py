# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of a bake, for operators that bake. Their defaults are the core's; a test holds that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import choices

if TYPE_CHECKING:
    from ..scene.bake_options import BakeOptions

STRENGTH: dict[str, Any] = {"default": 1.0, "min": 0.0, "max": 8.0, "soft_max": 2.0}
# Of a capture, for its operator and the panel
FRAME_RATE: dict[str, Any] = {
    "default": 0.0, "min": 0.0, "max": 1000.0, "precision": 2,
    "description": "Frames a second of an image sequence, which has no times of its own: 0 is the scene's frame rate. "
                   "A take that goes on keeps the rate that it was begun with, and a video has its own"}
SMOOTHING = {"pose": "smooth_pose", "expression": "smooth_expression", "openings": "smooth_openings",
             "identity": "smooth_identity", "max_gap_s": "max_gap_s"}
OTHERS = ("mode", "head", "timing", "start_frame", "sound", "markers", "frame_range")


class BakeProperties:
    """Mixed into operators."""

    if TYPE_CHECKING:
        mode: str
        head: str
        timing: str
        start_frame: int
        smooth_pose: float
        smooth_expression: float
        smooth_openings: float
        smooth_identity: float
        max_gap_s: float
        texture: str
        sound: bool
        markers: bool
        frame_range: bool
    else:
        mode: bpy.props.EnumProperty(
            name="Mode", description="What carries the shape of each frame", items=choices.BAKE_MODES)
        head: bpy.props.EnumProperty(
            name="Head Motion", description="What carries the motion of the head", items=choices.HEADS)
        timing: bpy.props.EnumProperty(
            name="Timing", description="How the clip's time becomes frames of the scene", items=choices.TIMINGS)
        start_frame: bpy.props.IntProperty(
            name="Start Frame", description="Frame of the scene on which the take begins", default=1, min=-1048574,
            max=1048574)
        smooth_pose: bpy.props.FloatProperty(
            name="Head Motion", description="How much trembling is taken out of the head's motion: 1 as measured to be "
                                            "good, 0 as captured", **STRENGTH)
        smooth_expression: bpy.props.FloatProperty(
            name="Expression", description="How much trembling is taken out of the face: 1 as measured to be good, 0 "
                                           "as captured", **STRENGTH)
        smooth_openings: bpy.props.FloatProperty(
            name="Lids and Lips", description="How much trembling is taken out of eyelids and lips, which are faster "
                                              "than the rest: 1 as measured to be good, 0 as captured", **STRENGTH)
        smooth_identity: bpy.props.FloatProperty(
            name="Skull", description="How firmly one skull is held over the whole take: 1 as measured to be good, "
                                      "0 as captured", **STRENGTH)
        max_gap_s: bpy.props.FloatProperty(
            name="Fill Gaps", default=0.25, min=0.0, max=8.0, unit="TIME_ABSOLUTE",
            description="Gaps of up to this time, in which no face was seen, are filled in; 0 fills none")
        texture: bpy.props.EnumProperty(
            name="Texture", description="Width and height of the skin texture, from the clip's best frames",
            items=choices.BAKE_TEXTURES, default="1024")
        sound: bpy.props.BoolProperty(
            name="Sound", description="Add the clip's sound to the sequencer, aligned", default=True)
        markers: bpy.props.BoolProperty(
            name="Markers", description="Mark on the timeline where no face was seen", default=True)
        frame_range: bpy.props.BoolProperty(
            name="Set Frame Range", description="Set the scene's start and end to those of the take", default=True)


def bake_options(operator: Any, base: BakeOptions | None = None) -> BakeOptions:
    """The operator's properties as options; with a `base` only those that were given replace its own. Raises
    InputError."""
    from dataclasses import replace

    from ..scene.bake_options import BakeOptions

    def given(name: str) -> bool:
        return base is None or operator.properties.is_property_set(name)

    options = base or BakeOptions()
    smoothing = {part: float(getattr(operator, name)) for part, name in SMOOTHING.items() if given(name)}
    others = {name: getattr(operator, name) for name in OTHERS if given(name)}
    if given("texture"):
        others["texture"] = int(operator.texture)
    return replace(options, smoothing=replace(options.smoothing, **smoothing), **others)


def set_properties(operator: Any, options: BakeOptions) -> None:
    """The other way."""
    for part, name in SMOOTHING.items():
        setattr(operator, name, getattr(options.smoothing, part))
    for name in OTHERS:
        setattr(operator, name, getattr(options, name))
    operator.texture = str(options.texture)


def as_typed(value: float) -> float:
    """29.97 of Blender's 29.969999313354492: its numbers have seven digits, and a take remembers what it was given."""
    return float(f"{value:.7g}")


def draw_bake(operator: Any, layout: bpy.types.UILayout) -> None:
    """All of them, one below the other."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    for names in (("mode", "head", "timing", "start_frame"), SMOOTHING.values(),
                  ("texture", "sound", "markers", "frame_range")):
        column = layout.column(align=True)
        for name in names:
            column.prop(operator, name)
