"""Run with bpy in a process of its own: Capture Face from Image with files, open images, the camera and undo, as JSON.
Not a test itself.

Arguments: a photo with a face, a picture that is black.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy                                                          # noqa: E402

import lprnet_blender                                               # noqa: E402
from inference_core.errors import LPRNetError                       # noqa: E402
from inference_core.images import read_image, write_image           # noqa: E402
from lprnet_blender.scene.pictures import picture_of                # noqa: E402

KINDS = ("objects", "meshes", "materials", "images", "cameras", "node_groups")


def counts() -> dict:
    return {kind: len(getattr(bpy.data, kind)) for kind in KINDS}


def start() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.cursor.location = (1.0, 2.0, 3.0)


def capture(**options: object) -> dict:
    try:
        # the smallest skin: what is looked at here is the same with the default's, and four times as slow
        answer = sorted(bpy.ops.lprnet.capture_image(**{"texture_size": "512"} | options))
    except RuntimeError as error:                                   # how bpy.ops hands on a report of type ERROR
        answer = str(error)
    return {"answer": answer, "places": {thing.name: list(thing.location) for thing in bpy.data.objects
                                         if thing.type == "MESH"},
            "selected": sorted(thing.name for thing in bpy.context.selected_objects), "left": counts()}


def new_image(name: str, picture: np.ndarray, *, floats: bool = False, alpha: np.ndarray | None = None):
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True, float_buffer=floats)
    values = np.ones((height, width, 4), np.float32)
    encoded = picture / np.float32(255)
    values[..., :3] = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) if floats else encoded
    if alpha is not None:
        values[..., 3] = alpha
        values[..., :3] *= alpha[..., None] if floats else 1
    image.pixels.foreach_set(np.ascontiguousarray(values[::-1]).ravel())
    image.update()
    return image


def off(image, picture: np.ndarray) -> float:
    found = picture_of(image)
    assert found.shape == picture.shape and found.dtype == np.uint8
    return float(np.abs(found.astype(int) - picture).max())


def pictures(photo: Path, folder: Path) -> dict:
    start()
    picture = read_image(photo)
    half = np.full(picture.shape[:2], 0.5, np.float32)
    mixed = np.rint(picture * 0.5 + 64)
    told = {"byte": off(new_image("byte", picture), picture),
            "float": off(new_image("float", picture, floats=True), picture),
            "float, transparent": off(new_image("float half", picture, floats=True, alpha=half), mixed),
            "byte, transparent": off(new_image("half", picture, alpha=half), mixed),
            "file": off(bpy.data.images.load(str(photo)), picture)}
    packed = bpy.data.images.load(str(photo), check_existing=False)
    packed.pack()
    packed.filepath = "//gone.png"
    told["packed, file gone"] = off(packed, picture)
    write_image(folder / "grey.png", picture[..., 0])
    told["grey"] = off(bpy.data.images.load(str(folder / "grey.png")), np.repeat(picture[..., :1], 3, 2))
    write_image(folder / "linear.png", np.full((8, 8, 3), 128, np.uint8))
    linear = bpy.data.images.load(str(folder / "linear.png"))
    linear.colorspace_settings.name = "Linear Rec.709"
    told["linear"] = picture_of(linear)[0, 0].tolist()
    start()
    for name in ("byte", "float"):
        new_image(name, picture, floats=name == "float")
        told[f"capture {name}"] = capture(image_name=name)
    (folder / "later.png").write_bytes(photo.read_bytes())
    bpy.data.images.load(str(folder / "later.png"))
    (folder / "later.png").unlink()
    told["missing"] = capture(image_name="later.png")
    told["unknown"] = capture(image_name="nothing")
    told["none"] = capture()
    try:
        scene = bpy.context.scene
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(scene.camera)
        scene.render.engine, scene.cycles.samples = "CYCLES", 1
        scene.render.resolution_x = scene.render.resolution_y = 8
        bpy.ops.render.render()
        picture_of(bpy.data.images["Render Result"])
    except LPRNetError as error:
        told["render result"] = str(error)
    return told


def files(photo: Path, black: Path) -> dict:
    start()
    folder, names = str(photo.parent), [{"name": photo.name}, {"name": black.name}, {"name": "other.png"}]
    told = {"some": capture(directory=folder, files=names)}
    start()
    told["none"] = capture(directory=folder, files=[{"name": black.name}, {"name": "gone.png"}])
    told["two before one camera"] = capture(directory=folder, files=[names[0], names[2]], camera_match=True)
    start()
    layer = bpy.data.collections.new("Off")
    bpy.context.scene.collection.children.link(layer)
    bpy.context.view_layer.active_layer_collection = bpy.context.view_layer.layer_collection.children["Off"]
    bpy.context.view_layer.active_layer_collection.exclude = True
    told["excluded"] = capture(filepath=str(photo))
    return told


def undone(photo: Path) -> dict:
    """Everything that a capture with the most options makes, and what is there after one undo."""
    start()
    scene = bpy.context.scene
    before = counts() | {"render": [scene.render.resolution_x, scene.render.resolution_y]}
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.lprnet.capture_image("EXEC_DEFAULT", True, filepath=str(photo), camera_match=True)
    scene = bpy.context.scene
    made = counts() | {"render": [scene.render.resolution_x, scene.render.resolution_y]}
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    after = counts() | {"render": [scene.render.resolution_x, scene.render.resolution_y]}
    bpy.ops.ed.redo()
    return {"before": before, "made": made, "after": after, "redone": counts(),
            "pixels": sum(bpy.data.images[-1].pixels[:64]) if len(bpy.data.images) else 0}


if __name__ == "__main__":
    photo, black = map(Path, sys.argv[1:3])
    lprnet_blender.register()
    told = {"pictures": pictures(photo, black.parent), "files": files(photo, black), "undo": undone(photo)}
    print("TOLD " + json.dumps(told))
    sys.stdout.flush()
    os._exit(0)
