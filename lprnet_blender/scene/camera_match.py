# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene's camera as the one that took the photo, and heads placed so that through it they cover their faces.

Pure geometry first, then what it does to the scene. Camera axes: x right, y up, z towards the viewer, metres;
only what is given to Blender is in the scene's units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np
import numpy.typing as npt
from mathutils import Matrix, Vector

from .axes import METRES_PER_CM
from .units import unit_metres

if TYPE_CHECKING:
    from inference_core.pose import HeadPose

FARTHEST_M = 100.0              # farther than this a camera is orthographic: 5 cm of depth are 0.05 % of size then
ORTHOGRAPHIC_DISTANCE_M = 1.0
# how much the depth of a second face may be pressed or drawn out to fit the first's lens
FLATTEST, DEEPEST = 0.3, 3.0
FROM_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])      # axes.to_blender, undone

Matrix4 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhotoLens:
    """size (width, height) of the photo; principal (x, y): where the line of sight meets it, both in image pixels;
    focal_px: focal length in pixels, None: orthographic, then scale_px_per_cm tells the size."""

    size: tuple[int, int]
    principal: tuple[float, float]
    focal_px: float | None
    scale_px_per_cm: float


def photo_lens(pose: HeadPose, size: tuple[int, int]) -> PhotoLens:
    """The lens that shows a head of its real size as the pose does.

    The pose is x = tx + s p_x / (1 - k p_z): a pinhole at the distance 1 / k whose line of sight meets the photo at
    (tx, ty). At that distance a centimetre is s pixels, so the focal length is s / k pixels, and Blender's lens is
    s / k * sensor / larger side of the photo, in millimetres. The line of sight becomes Blender's lens shift. k = 0, or
    a distance of more than 100 m, has no lens: the camera is orthographic.
    """
    principal = float(pose.shift[0]), float(pose.shift[1])
    scale, inverse_distance = float(pose.scale), float(pose.inverse_distance)
    far = inverse_distance * FARTHEST_M < METRES_PER_CM
    return PhotoLens(size, principal, None if far else scale / inverse_distance, scale)


def placement(pose: HeadPose, lens: PhotoLens) -> Matrix4:
    """(4, 4): takes a head's own vertices (metres, Blender's axes) to camera axes, where the lens shows them as the
    pose does. For the pose that the lens came from, turned and moved; for others of the photo also sheared and pressed
    in depth a little, since one camera has one distance and one line of sight."""
    aside = np.array([pose.shift[0] - lens.principal[0], lens.principal[1] - pose.shift[1]])       # pixels, y up
    axes = np.eye(3)                    # metres for each centimetre in camera axes, still without METRES_PER_CM
    if lens.focal_px is None:
        axes *= pose.scale / lens.scale_px_per_cm
        origin = np.array([*aside * METRES_PER_CM / lens.scale_px_per_cm, -ORTHOGRAPHIC_DISTANCE_M])
    else:
        distance = METRES_PER_CM * lens.focal_px / pose.scale
        depth = float(np.clip(distance * pose.inverse_distance / METRES_PER_CM, FLATTEST, DEEPEST))
        axes[:2, 2] = -depth * aside / lens.focal_px
        axes[2, 2] = depth
        origin = np.array([*aside * distance / lens.focal_px, -distance])
    out = np.eye(4)
    out[:3, :3] = axes @ np.asarray(pose.rotation) @ FROM_BLENDER
    out[:3, 3] = origin
    return out


def match_camera(scene: bpy.types.Scene, lens: PhotoLens, photo: bpy.types.Image) -> bpy.types.Object:
    """Give the scene's camera this lens, the photo as its background and the render the photo's size; the camera stays
    where it is. A scene without a camera that can be changed gets one that looks along y at the 3D cursor."""
    metres = unit_metres(scene)
    distance = _distance(lens) / metres
    scene.view_layers[0].update()                       # what a script has just moved stands where it was until then
    camera = scene.camera
    if camera is None or camera.type != "CAMERA" or not camera.data or not camera.data.is_editable:
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(camera)
        camera.matrix_world = (Matrix.Translation(scene.cursor.location - distance * Vector((0, 1, 0)))
                               @ Matrix.Rotation(math.pi / 2, 4, "X"))
        scene.camera = camera
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    larger = max(lens.size)
    data.sensor_fit = "AUTO"                            # sensor_width is the larger side then
    data.type = "ORTHO" if lens.focal_px is None else "PERSP"
    if lens.focal_px is None:
        data.ortho_scale = METRES_PER_CM * larger / lens.scale_px_per_cm / metres
    else:
        data.lens = lens.focal_px * data.sensor_width / larger
    # the middle of the picture lies half a pixel before that of its last pixel's far edge
    data.shift_x = ((lens.size[0] - 1) / 2 - lens.principal[0]) / larger
    data.shift_y = (lens.principal[1] - (lens.size[1] - 1) / 2) / larger
    data.clip_start = min(data.clip_start, distance / 10)
    data.clip_end = max(data.clip_end, 10 * distance)
    _set_background(data, photo)
    assert scene.render is not None
    scene.render.resolution_x, scene.render.resolution_y = lens.size
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    return camera


def place_before(camera: bpy.types.Object, thing: bpy.types.Object, matrix: Matrix4, unit: float) -> None:
    """Put a head where `placement` says; unit: metres of the scene's. What an object cannot be, sheared, comes from an
    empty as its parent."""
    looks_from = np.array(camera.matrix_world.normalized())     # a camera's own scale changes no picture
    world = looks_from @ np.diag([1 / unit, 1 / unit, 1 / unit, 1.0]) @ matrix
    turn_left, stretch, turn_right = np.linalg.svd(world[:3, :3])
    if np.ptp(stretch) < 1e-6 * stretch[0]:
        thing.matrix_world = Matrix(world.tolist())
        return
    if np.linalg.det(turn_left) < 0:                    # the matrix mirrors nothing: both turns do, or none
        turn_left[:, 2], turn_right[2] = -turn_left[:, 2], -turn_right[2]
    outer, inner = np.eye(4), np.eye(4)
    outer[:3, :3], outer[:3, 3], inner[:3, :3] = turn_left * stretch, world[:3, 3], turn_right
    holder = bpy.data.objects.new(f"{thing.name} in the photo", None)
    holder.empty_display_size = 0.05                    # of its scale, which is 1 / unit
    for collection in thing.users_collection:
        collection.objects.link(holder)
    holder.matrix_world = Matrix(outer.tolist())
    thing.parent = holder
    thing.matrix_basis = Matrix(inner.tolist())


def _distance(lens: PhotoLens) -> float:
    """From the camera to the head, metres."""
    if lens.focal_px is None:
        return ORTHOGRAPHIC_DISTANCE_M
    return METRES_PER_CM * lens.focal_px / lens.scale_px_per_cm


def _set_background(data: bpy.types.Camera, photo: bpy.types.Image) -> None:
    """The photo alone, others are kept but hidden."""
    for other in data.background_images:
        other.show_background_image = False
    background = next((each for each in data.background_images if each.image == photo), None)
    background = background or data.background_images.new()
    background.image = photo
    background.show_background_image = True
    background.frame_method = "STRETCH"                 # the same shape, so nothing is stretched, nor cut by rounding
    background.display_depth = "BACK"
    background.alpha = 1.0
    data.show_background_images = True
