"""Run with bpy in a process of its own, without the add-on: opens a .blend and saves where its animated mesh is. Not a
test itself.

arguments: the .blend, the object's name, the .npy to write, the frames (with commas)
"""

from __future__ import annotations

import os
import sys

import bpy
import numpy as np

if __name__ == "__main__":
    blend, name, target, frames = sys.argv[1:]
    bpy.ops.wm.open_mainfile(filepath=blend)
    assert not hasattr(bpy.types, "LPRNET_OT_bake_video") and "lprnet_blender" not in sys.modules
    thing, out = bpy.data.objects[name], []
    for frame in frames.split(","):
        bpy.context.scene.frame_set(int(frame))
        evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty((len(evaluated.data.vertices), 3), np.float32)
        evaluated.data.vertices.foreach_get("co", points.ravel())
        matrix = np.array(evaluated.matrix_world, np.float64)
        out.append(points @ matrix[:3, :3].T + matrix[:3, 3])
    np.save(target, np.stack(out))
    print("DONE")
    sys.stdout.flush()
    os._exit(0)
