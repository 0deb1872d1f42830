"""Faces whose answer is known: the mean face at a chosen pose, and photos of it painted with a known skin."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.raster import rasterize
from inference_core.regression import Face
from inference_core.topology import load_topology

PHOTO = 480
BACKGROUND = (0, 255, 0)


def mean_face(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, *, photo: int = PHOTO) -> Face:
    """The mean face in the middle of a square photo."""
    topology = load_topology()
    pose = HeadPose(rotation_from_angles(yaw, pitch, roll), photo / 26, np.array([photo / 2, photo * 0.44]), 1 / 70)
    canonical = topology.mean_canonical
    vertices = compose(canonical.astype(np.float64), pose).astype(np.float32)
    landmarks = topology.landmarks(vertices)
    box = tuple(float(v) for v in (*landmarks[:, :2].min(0), *landmarks[:, :2].max(0)))
    return Face(topology.position_map(vertices), vertices, landmarks, canonical, pose, 0.9, box,
                crop_from_landmarks(landmarks, upright=False), topology)


def photo_of(face: Face, skin: np.ndarray, photo: int = PHOTO, *, background=BACKGROUND) -> np.ndarray:
    """(photo, photo, 3) uint8: the face painted with the texture `skin`, unlit, before a green background."""
    finer = 3
    points = (face.vertices_image + [0.5, 0.5, 0]) * finer - [0.5, 0.5, 0]
    raster = rasterize(points, face.topology.triangles, (photo * finer, photo * finer))
    uv = raster.interpolate(face.topology.uvs) * np.float32(len(skin)) - np.float32(0.5)
    colours = cv2.remap(skin, uv[..., 0], uv[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    large = np.where(raster.covered[..., None], colours, np.uint8(background))
    return cv2.resize(large, (photo, photo), interpolation=cv2.INTER_AREA)


def blotches(size: int = 512, symmetric: bool = False, seed: int = 0) -> np.ndarray:
    """A skin (size, size, 3) uint8 of soft blotches in all colours but green."""
    noise = np.random.default_rng(seed).random((size // 16, size // 16, 3))
    skin = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    if symmetric:
        skin = (skin + skin[:, ::-1]) / 2
    return np.clip(skin * [130, 60, 130] + [70, 60, 70], 0, 255).astype(np.uint8)
