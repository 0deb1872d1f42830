"""Run with bpy in a process of its own: the add-on's life, told as JSON. Not a test itself.

Arguments: a photo with a face, a file that is no picture.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                          # noqa: E402

import lprnet_blender                                               # noqa: E402


def registered() -> bool:
    return hasattr(bpy.types, "LPRNET_OT_capture_image") and hasattr(bpy.types, "LPRNET_PT_main")


def menu_entries() -> int:
    return len(bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize())


def capture(path: str, **options: object) -> dict:
    before = set(bpy.data.objects)
    try:
        answer = sorted(bpy.ops.lprnet.capture_image(filepath=path, **options))
    except RuntimeError as error:                                   # how bpy.ops hands on a report of type ERROR
        answer = str(error)
    new = [thing for thing in bpy.data.objects if thing not in before]
    active = bpy.context.view_layer.objects.active
    return {"answer": answer, "new": [thing.name for thing in new], "active": active.name if active else None,
            "texture": [image.size[0] for image in bpy.data.images if image.name.endswith("skin")]}


if __name__ == "__main__":
    photo, no_picture = sys.argv[1:3]
    entries = menu_entries()
    told = {"before": registered()}
    lprnet_blender.register()
    told["after_register"] = registered()
    told["menu_grew"] = menu_entries() - entries
    lprnet_blender.unregister()
    told["after_unregister"] = registered()
    told["menu_left"] = menu_entries() - entries
    lprnet_blender.register()
    told["no_picture"] = capture(no_picture)
    told["photo"] = capture(photo, texture_size="512")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    told["poll_in_edit_mode"] = bpy.ops.lprnet.capture_image.poll()
    print("TOLD " + json.dumps(told))
    sys.stdout.flush()
    os._exit(0)
