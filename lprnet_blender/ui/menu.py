# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry in File > Import."""

from __future__ import annotations

import bpy

from .operators.capture_image import LPRNET_OT_capture_image


def _draw(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    assert self.layout is not None
    self.layout.operator(LPRNET_OT_capture_image.bl_idname, text="Face from Image (L-PRNet)")


def add() -> None:
    bpy.types.TOPBAR_MT_file_import.append(_draw)


def remove() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(_draw)
