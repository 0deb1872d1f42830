"""Run with bpy in a process of its own: heads before the scene's camera, and where the camera sees their vertices, as
JSON. Not a test itself.

Argument: a photo as a .jpg that its EXIF tag turns by 90 degrees.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                                                      # noqa: E402
from bpy_extras.object_utils import world_to_camera_view                                        # noqa: E402

from inference_core.images import read_image                                                    # noqa: E402
from inference_core.pose import HeadPose, compose, rotation_from_angles                         # noqa: E402
from inference_core.texture import Texture                                                      # noqa: E402
from inference_core.topology import load_topology                                               # noqa: E402
from lprnet_blender.capture import CapturedFace, CapturedPhoto                                  # noqa: E402
from lprnet_blender.scene.photo import add_photo                                                # noqa: E402
from lprnet_blender.scene.stage import clear_file                                               # noqa: E402

TOPOLOGY = load_topology()
SKIN = Texture(np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), bool))


def photo(poses: list[HeadPose], picture: np.ndarray, path: Path | None = None) -> CapturedPhoto:
    faces = [SimpleNamespace(topology=TOPOLOGY, vertices_canonical=TOPOLOGY.mean_canonical, confidence=0.5, pose=pose)
             for pose in poses]
    return CapturedPhoto(picture, [CapturedFace(f"head {number}", face, SKIN) for number, face in enumerate(faces)], path)


def off(thing, pose: HeadPose, size: tuple[int, int]) -> float:
    """How far, in pixels of the photo, the camera sees a vertex from where the photo has it, at most."""
    scene = bpy.context.scene
    bpy.context.view_layer.update()
    seen = np.array([world_to_camera_view(scene, scene.camera, thing.matrix_world @ vertex.co)
                     for vertex in thing.data.vertices])
    assert (seen[:, 2] > scene.camera.data.clip_start).all() and (seen[:, 2] < scene.camera.data.clip_end).all()
    pixels = np.stack([seen[:, 0] * size[0] - 0.5, (1 - seen[:, 1]) * size[1] - 0.5], -1)
    return float(np.abs(pixels - compose(TOPOLOGY.mean_canonical, pose)[:, :2]).max())


def camera_of_the_user() -> None:
    scene = clear_file()
    data = bpy.data.cameras.new("Mine")
    data.sensor_width, data.sensor_fit, data.lens, data.shift_x = 24.0, "VERTICAL", 90.0, 0.3
    camera = bpy.data.objects.new("Mine", data)
    camera.location, camera.rotation_euler, camera.scale = (3, -2, 1.5), (1.2, 0.3, 0.8), (2, 2, 2)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.pixel_aspect_x = 2.0


def matched(poses: list[HeadPose], size: tuple[int, int], users_camera: bool, unit: float = 1.0) -> dict:
    if users_camera:
        camera_of_the_user()
    else:
        clear_file()
        bpy.context.scene.cursor.location = (1.0, 2.0, 3.0)
    scene = bpy.context.scene
    scene.unit_settings.scale_length = unit
    bpy.context.view_layer.update()
    before = scene.camera and [list(row) for row in scene.camera.matrix_world]
    things = add_photo(photo(poses, np.zeros((*size[::-1], 3), np.uint8)), scene, scene.collection, camera_match=True)
    camera = scene.camera
    return {"off": [off(thing, pose, size) for thing, pose in zip(things, poses)], "camera": camera.name,
            "kind": camera.data.type, "lens": camera.data.lens, "sensor": camera.data.sensor_width,
            "still": before is None or before == [list(row) for row in camera.matrix_world],
            "render": [scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x],
            "size_m": [float(np.prod(thing.matrix_world.to_scale()) ** (1 / 3)) for thing in things],
            "at": list(things[0].matrix_world.translation),
            "background": [each.image.name for each in camera.data.background_images if each.show_background_image]}


def turned(path: Path) -> dict:
    """A photo of which Blender shows the sleeping side."""
    scene = clear_file()
    upright = read_image(path)
    pose = HeadPose(np.eye(3), 8.0, np.array([50.0, 60.0]), 0.01)
    add_photo(photo([pose], upright, path), scene, scene.collection, camera_match=True)
    image = scene.camera.data.background_images[0].image
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
    return {"size": list(image.size), "photo": list(upright.shape[1::-1]),
            "off": float(np.abs(pixels * 255 - upright).mean()), "packed": image.packed_file is not None}


if __name__ == "__main__":
    turn = rotation_from_angles(25, -12, 8)
    near = HeadPose(turn, 30.0, np.array([350.0, 900.0]), 1 / 40)
    wide = HeadPose(rotation_from_angles(-40, 20, -60), 12.0, np.array([1700.0, 200.0]), 1 / 65)
    far, flat = HeadPose(turn, 30.0, near.shift, 1e-3), HeadPose(turn, 30.0, near.shift, 0.0)
    told = {name: matched(poses, size, users) for name, poses, size, users in (
        ("near", [near], (1200, 1600), False), ("near, landscape", [near], (1600, 1200), True),
        ("wide", [wide], (1920, 800), True), ("far", [far], (1200, 1600), True), ("flat", [flat], (1200, 1600), False),
        ("two", [near, wide], (1920, 1600), True), ("two flat", [flat, HeadPose(turn, 12.0, wide.shift, 0.0)],
                                                    (1920, 1600), False))}
    told |= {f"{name}, cm": matched(poses, (1920, 1600), False, 0.01) for name, poses in (
        ("near", [near]), ("flat", [flat]), ("two", [near, wide]))}
    print("TOLD " + json.dumps(told | {"turned": turned(Path(sys.argv[1]))}))
    sys.stdout.flush()
    os._exit(0)
