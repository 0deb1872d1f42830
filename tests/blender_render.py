"""Run with bpy in a process of its own: files that a user has set up in many ways, rendered by the command and by
`render_views`, told as JSON. Not a test itself.

Argument: a folder to write to.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                          # noqa: E402

from inference_core.pose import HeadPose                            # noqa: E402
from inference_core.texture import Texture                          # noqa: E402
from inference_core.topology import load_topology                   # noqa: E402
from lprnet_blender.command import main                             # noqa: E402
from lprnet_blender.compat import strips_of                         # noqa: E402
from lprnet_blender.scene.face import add_face                      # noqa: E402
from lprnet_blender.scene.render import render_views                # noqa: E402
from lprnet_blender.scene.stage import clear_file, set_stage        # noqa: E402

KINDS = ("scenes", "objects", "meshes", "materials", "images", "cameras", "lights", "worlds", "actions", "node_groups")


def face_file() -> tuple[bpy.types.Scene, bpy.types.Object]:
    topology, scene = load_topology(), clear_file()
    face = SimpleNamespace(topology=topology, vertices_canonical=topology.mean_canonical, confidence=0.5,
                           pose=HeadPose(np.eye(3), 10.0, (3.0, 4.0), 0.0))
    pixels = np.full((64, 64, 3), (200, 120, 90), np.uint8)
    thing = add_face("mean", face, Texture(pixels, np.ones((64, 64), bool)), scene.collection)
    set_stage(scene, [thing])
    return scene, thing


def plain(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    pass


def parented(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    """To a body that stands elsewhere, and walks."""
    body = bpy.data.objects.new("body", None)
    scene.collection.objects.link(body)
    thing.parent = body
    for frame, place in ((1, (9.0, 9.0, 9.0)), (20, (5.0, 1.0, 2.0))):
        body.location = place
        body.keyframe_insert("location", frame=frame)
    scene.frame_set(20)


def movie(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    """Its own output is a video, of a part of the picture, in stereo, and made by the sequencer."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):                             # 5.0 and later
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.use_border, scene.render.use_multiview = True, True
    scene.render.border_max_x = scene.render.border_max_y = 0.1
    strips = strips_of(scene.sequence_editor_create())
    effect = {"length": 100} if "length" in strips.bl_rna.functions["new_effect"].parameters else {"frame_end": 101}
    strips.new_effect("red", "COLOR", 1, frame_start=1, **effect).color = 1, 0, 0


def elsewhere(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    """The scene that is open shows nothing of it."""
    bpy.context.window.scene = bpy.data.scenes.new("shot")


def set_up(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    """A camera that is held by something, a wall before the face, no light, a face that is hidden."""
    target = thing.copy()
    target.name, target.location, target.hide_render = "hidden", (0.0, 0.0, 0.4), True
    scene.collection.objects.link(target)
    scene.camera.constraints.new("TRACK_TO").target = target
    scene.camera.data.type, scene.camera.data.shift_x = "ORTHO", 0.7
    bpy.ops.mesh.primitive_cube_add(size=0.6)
    scene.world = None
    for other in [other for other in scene.objects if other.type == "LIGHT"]:
        bpy.data.objects.remove(other)


def uncovered(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    """Hidden from the view that its artist works in, from cameras and as a hole, with modifiers for one of both."""
    parented(scene, thing)
    thing.hide_viewport, thing.visible_camera, thing.is_holdout = True, False, True
    thing.modifiers.new("far away", "DISPLACE").strength = 3.0
    thing.modifiers["far away"].show_render = False


def hidden(scene: bpy.types.Scene, thing: bpy.types.Object) -> None:
    inner = bpy.data.collections.new("put away")
    scene.collection.children.link(inner)
    scene.collection.objects.unlink(thing)
    inner.objects.link(thing)
    inner.hide_render = True


def rendered(folder: Path, change) -> dict:
    """By the command."""
    change(*face_file())
    blend, picture, said = folder / f"{change.__name__}.blend", folder / f"{change.__name__}.png", io.StringIO()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    before = blend.read_bytes()
    with contextlib.redirect_stderr(said):
        code = main(["render", str(blend), "-o", str(picture), "--size", "48", "--views", "0,45"])
    return {"code": code, "said": said.getvalue(), "same file": blend.read_bytes() == before}


def state(scene: bpy.types.Scene) -> dict:
    return {"data": {kind: sorted((item.name, item.users) for item in getattr(bpy.data, kind)) for kind in KINDS},
            "nodes": {each.name: len(each.node_tree.nodes) for each in bpy.data.materials if each.node_tree},
            "scene": [scene.name, scene.frame_current, scene.render.engine, scene.render.resolution_x,
                      scene.render.filepath, scene.render.image_settings.file_format, scene.camera.name,
                      [list(row) for row in scene.camera.matrix_world], bpy.context.scene.name]}


def left_alone() -> dict:
    """By `render_views`, in a file that goes on."""
    scene, thing = face_file()
    parented(scene, thing)
    before = state(scene)
    picture = render_views(scene, [thing], [0], size=16, clay=True)
    return {"before": before, "after": state(scene), "contrast": float(picture.std())}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    changes = (plain, parented, movie, elsewhere, set_up, uncovered, hidden)
    told = {change.__name__: rendered(root, change) for change in changes}
    pictures = {name: cv2.imread(str(root / f"{name}.png")) for name in told}
    for name, picture in pictures.items():
        if picture is not None:
            told[name]["off"] = float(np.abs(picture.astype(float) - pictures["plain"]).mean())
            told[name]["contrast"] = [float(picture[:, :48].std()), float(picture[:, 48:].std())]
    print("TOLD " + json.dumps(told | {"left alone": left_alone()}))
    sys.stdout.flush()
    os._exit(0)
