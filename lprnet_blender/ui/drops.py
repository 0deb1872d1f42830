# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are dropped onto the 3D viewport."""

from __future__ import annotations

import bpy

PHOTOS = ".jpg;.jpeg;.png;.webp;.tif;.tiff;.bmp"
CLIPS = ".mp4;.mov;.mkv;.avi;.webm;.m4v;.mpg;.mpeg;.wmv"


def _is_viewport(context: bpy.types.Context) -> bool:
    return context.area is not None and context.area.type == "VIEW_3D"


class LPRNET_FH_image(bpy.types.FileHandler):
    """A photo becomes a head; Blender asks where it knows other uses of a picture as well"""

    bl_idname = "LPRNET_FH_image"
    bl_label = "Capture Face from Image"
    bl_import_operator = "lprnet.capture_image"
    bl_file_extensions = PHOTOS

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Where a head can be added."""
        return _is_viewport(context) and context.mode == "OBJECT"


class LPRNET_FH_video(bpy.types.FileHandler):
    """A clip becomes the panel's source"""

    bl_idname = "LPRNET_FH_video"
    bl_label = "Use as Face Capture Clip"
    bl_import_operator = "lprnet.set_source"
    bl_file_extensions = CLIPS

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Wherever the panel is."""
        return _is_viewport(context)
