"""Run with bpy in a process of its own: writes the mean face into a .blend, no network needed. Not a test itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference_core.pose import HeadPose                            # noqa: E402
from inference_core.texture import Texture                          # noqa: E402
from inference_core.topology import load_topology                   # noqa: E402
from lprnet_blender.scene.blend_file import save_blend              # noqa: E402
from lprnet_blender.scene.face import add_face                      # noqa: E402
from lprnet_blender.scene.stage import clear_file, set_stage        # noqa: E402

if __name__ == "__main__":
    topology = load_topology()
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[0] = (255, 0, 0)                                         # the top row is red
    face = SimpleNamespace(topology=topology, vertices_canonical=topology.mean_canonical, confidence=0.5,
                           pose=HeadPose(np.eye(3), 10.0, (3.0, 4.0), 0.0))
    scene = clear_file()
    skin = Texture(pixels, np.ones((64, 64), dtype=bool))
    things = [add_face(f"mean {place}", face, skin, scene.collection, place=place) for place in range(2)]
    set_stage(scene, things)
    save_blend(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
