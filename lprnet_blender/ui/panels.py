# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab in the 3D view's sidebar, in the order of work: Source, Capture, Take, Smoothing, Bake, Export."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import bpy

from . import fill, take_info
from .layouts import button, fact, split_column, wrapped
from .operators.find_cameras import found_cameras
from .operators.live_webcam import live_status
from .operators.running import progress_words, running_jobs

if TYPE_CHECKING:
    from .properties import LPRNetSettings

AnyPanel = TypeVar("AnyPanel", bound=bpy.types.Panel)
MOST_GAPS = 4
PLACES = {"IMAGE": "", "VIDEO": "Beside the clip", "CAMERA": "In the take folder"}     # of a take without a name


def _parts(panel: bpy.types.Panel, context: bpy.types.Context) -> tuple[bpy.types.UILayout, LPRNetSettings]:
    assert panel.layout is not None
    return panel.layout, context.scene.lprnet  # type: ignore[union-attr]


def _no_file(clip: str) -> bool:
    """A folder or a pattern, for pictures that have no times of their own."""
    return bool(clip) and not os.path.isfile(bpy.path.abspath(clip))


def _takes(context: bpy.types.Context) -> bool:
    """A photo makes no take, but a head that was baked from one may stand there."""
    return context.scene.lprnet.source != "IMAGE" or bool(fill.take(context))  # type: ignore[union-attr]


def _in_tab(panel: type[AnyPanel]) -> type[AnyPanel]:
    panel.bl_space_type, panel.bl_region_type, panel.bl_category = "VIEW_3D", "UI", "L-PRNet"
    return panel


def _choice(layout: bpy.types.UILayout, settings: LPRNetSettings, name: str) -> None:
    """All that may be chosen, beside each other over the whole width."""
    row = layout.row(align=True)
    row.use_property_split = False
    row.prop(settings, name, expand=True)


@_in_tab
class LPRNET_PT_main(bpy.types.Panel):
    """What goes on now"""

    bl_label = "Face Capture"

    def draw(self, context: bpy.types.Context) -> None:
        """Progress and a way out while a job runs."""
        layout, _ = _parts(self, context)
        jobs = running_jobs()
        job = jobs.current() if jobs else None
        live = live_status()
        take_info.watch(job is not None or bool(live))
        if live:
            wrapped(layout, context, live, icon="REC")
            layout.operator("lprnet.live_stop", icon="CANCEL", text="Stop")
        if job is None:
            return
        progress = job.progress
        told = "Preparing…" if progress.text == job.name else progress_words() or progress.text
        column = layout.column(align=True)
        share = progress.done / progress.total if progress.total else 0.0
        column.progress(factor=min(share, 1.0), text=told)
        column.operator("lprnet.cancel", icon="CANCEL", text="Cancel")


@_in_tab
class LPRNET_PT_source(bpy.types.Panel):
    """Where the face is"""

    bl_label = "Source"
    bl_parent_id = "LPRNET_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """A photo, a clip or a camera."""
        layout, settings = _parts(self, context)
        _choice(layout, settings, "source")
        if settings.source == "IMAGE":
            _choice(layout, settings, "photo_from")
            column = split_column(layout)
            if settings.photo_from == "FILE":
                column.prop(settings, "photo", text="File")
            else:
                column.prop(settings, "image")
        elif settings.source == "VIDEO":
            column = split_column(layout)
            column.prop(settings, "clip")
            column.prop(settings, "use_range")
            if settings.use_range:
                times = column.column(align=True)
                times.prop(settings, "start_s")
                times.prop(settings, "end_s")
            if _no_file(settings.clip):
                column.prop(settings, "fps")
            column.prop(settings, "face")
            column.prop(settings, "careful")
        else:
            _choice(layout, settings, "camera_from")
            column = split_column(layout)
            if settings.camera_from == "ADDRESS":
                column.prop(settings, "camera_address")
                return
            column.prop(settings, "camera_index")
            for name, width, height in found_cameras():
                fact(layout, name, f"{width} x {height} px")
            layout.operator("lprnet.find_cameras", icon="VIEWZOOM")


@_in_tab
class LPRNET_PT_capture(bpy.types.Panel):
    """From the source to a head or a take"""

    bl_label = "Capture"
    bl_parent_id = "LPRNET_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Options of the source, and the button."""
        layout, settings = _parts(self, context)
        column = split_column(layout)
        if settings.source == "IMAGE":
            column.prop(settings, "texture_size")
            column.prop(settings, "all_faces")
            column.prop(settings, "camera_match")
            button(layout, context, "lprnet.capture_image", fill.image(settings), icon="IMAGE_DATA",
                   reason=fill.why_no_image(settings, context))
        elif settings.source == "VIDEO":
            button(layout, context, "lprnet.bake_video", fill.video(settings), icon="FILE_MOVIE",
                   reason=fill.why_no_video(settings, context))
        else:
            column.prop(settings, "mirror")
            column.prop(settings, "record")
            button(layout, context, "lprnet.live_webcam", fill.camera(settings), icon="OUTLINER_OB_CAMERA",
                   reason=fill.why_no_camera(settings, context))


@_in_tab
class LPRNET_PT_take(bpy.types.Panel):
    """What was captured"""

    bl_label = "Take"
    bl_parent_id = "LPRNET_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there may be a take."""
        return _takes(context)

    def draw(self, context: bpy.types.Context) -> None:
        """The take that is baked next: its name, and what was found in it."""
        layout, settings = _parts(self, context)
        row = split_column(layout).row(align=True)
        row.prop(settings, "take", text="Name", placeholder=PLACES[settings.source])
        row.operator("lprnet.refresh_take", icon="FILE_REFRESH", text="")
        take = fill.take(context)
        if not take or live_status():               # what is being recorded is told above
            return
        info = take_info.info_of(take)
        if info is None:
            layout.label(text="Reading the take…", icon="SORTTIME")
        elif info.problem:
            wrapped(layout, context, info.problem, icon="ERROR" if info.there else "INFO")
        else:
            self._tell(layout, info)

    def _tell(self, layout: bpy.types.UILayout, info: take_info.TakeInfo) -> None:
        column = layout.column(align=True)
        if info.source:
            fact(column, "Source", info.source)
        rate = f" at {info.fps:.4g} fps" if info.fps else ""
        fact(column, "Frames", f"{info.frames}{rate}, {info.seconds:.1f} s")
        if info.lost:
            fact(column, "Without Face", f"{info.lost} ({info.lost / info.frames:.1%})", icon="ERROR")
        for number, (start, length) in enumerate(info.gaps[:MOST_GAPS]):
            fact(column, "" if number else "Gaps", f"at {start:.2f} s, {length:.2f} s long")
        if len(info.gaps) > MOST_GAPS:
            fact(column, "", f"and {len(info.gaps) - MOST_GAPS} more")
        if info.confidence is not None:
            fact(column, "Confidence", f"{info.confidence:.1%}")
        if not info.complete:
            fact(column, "State", "Unfinished", icon="INFO")


@_in_tab
class LPRNET_PT_smoothing(bpy.types.Panel):
    """How steady the take is made; the take itself stays as it was captured"""

    bl_label = "Smoothing"
    bl_parent_id = "LPRNET_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there may be a take."""
        return _takes(context)

    def draw(self, context: bpy.types.Context) -> None:
        """Strengths; a bake reads them."""
        layout, settings = _parts(self, context)
        column = split_column(layout).column(align=True)
        for name in ("smooth_pose", "smooth_expression", "smooth_openings", "smooth_identity"):
            column.prop(settings, name, slider=True)
        split_column(layout).prop(settings, "max_gap_s")


@_in_tab
class LPRNET_PT_bake(bpy.types.Panel):
    """From the take to an animation"""

    bl_label = "Bake"
    bl_parent_id = "LPRNET_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there may be a take."""
        return _takes(context)

    def draw(self, context: bpy.types.Context) -> None:
        """Options of the bake, and the button: no network runs."""
        layout, settings = _parts(self, context)
        column = split_column(layout)
        column.prop(settings, "mode")
        column.prop(settings, "head")
        column.prop(settings, "texture")
        column = split_column(layout)
        column.prop(settings, "timing")
        column.prop(settings, "start_frame")
        column = split_column(layout, heading="Scene")
        for name in ("sound", "markers", "frame_range"):
            column.prop(settings, name)
        again = fill.baked_object(context)
        if again is not None:
            button(layout, context, "lprnet.rebake", fill.bake_options(settings), icon="ACTION",
                   text=f"Bake Again: {again.name}", reason=fill.why_not_again(context), ask=False)
        if again is None or fill.take(context) != fill.take_of_active(context):
            button(layout, context, "lprnet.bake_video", fill.bake(settings, context), icon="ACTION", text="Bake Take",
                   reason=fill.why_no_bake(context))


@_in_tab
class LPRNET_PT_export(bpy.types.Panel):
    """For other programs"""

    bl_label = "Export"
    bl_parent_id = "LPRNET_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Format and the button, which asks for the file."""
        layout, settings = _parts(self, context)
        column = split_column(layout)
        column.prop(settings, "export_format")
        column.prop(settings, "scene_range")
        if settings.export_format in fill.SHAPES:
            column.prop(settings, "every_shape")
        button(layout, context, "lprnet.export", fill.export(settings), icon="EXPORT",
               reason=fill.why_no_export(context))


CLASSES = (LPRNET_PT_main, LPRNET_PT_source, LPRNET_PT_capture, LPRNET_PT_take, LPRNET_PT_smoothing, LPRNET_PT_bake,
           LPRNET_PT_export)
