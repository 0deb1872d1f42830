"""Pictures of a mesh from any side, without Blender: soft light, smooth shading, clean edges. NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.mesh import vertex_normals
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.raster import rasterize

OVERSAMPLED = 3                 # each pixel is the mean of so many squared
CAMERA = 4.5                    # its distance in extents of the mesh
FILL = 0.88                     # of the picture's side that the largest mesh takes
CLAY, INSIDE = np.array([0.46, 0.415, 0.385]), 0.05       # linear colour without texture; share of light inside
TOP, BOTTOM = np.array([66, 68, 72]), np.array([34, 35, 38])            # background
# direction to the light (x right, y up, z towards the camera), strength; key, fill, rim
LIGHTS = (((-0.55, 0.65, 0.62), 0.95), ((0.8, 0.1, 0.5), 0.28), ((0.5, 0.5, -0.75), 0.35))
SKY, GROUND = 0.34, 0.14
EVENLY = 0.72                   # share of even light on a texture, which holds the photo's light already


def render_mesh(vertices: np.ndarray, triangles: np.ndarray, *, uvs: np.ndarray | None = None,
                texture: np.ndarray | None = None, size: int = 512, yaw_deg: float = 0.0, pitch_deg: float = 0.0,
                extent: float | None = None) -> np.ndarray:
    """A mesh seen from one side -> (size, size, 3) uint8 RGB.

    vertices (N, 3), x to the subject's left, y up, z forward, any unit; triangles (T, 3), counter-clockwise from
    outside; uvs (N, 2), v down, and texture (H, W, 3) uint8: without them the bare shape in clay, which shows every
    crease.
    Positive yaw turns the face towards the left edge of the picture. extent: how long the larger side of the picture's
    content is, for several pictures at one scale (default: the mesh's own).
    """
    fine = size * OVERSAMPLED
    vertices = np.asarray(vertices, np.float64)
    low, high = vertices.min(0), vertices.max(0)
    extent = extent or float((high - low)[:2].max())
    pose = HeadPose(rotation_from_angles(yaw_deg, pitch_deg, 0), fine * FILL / extent, np.full(2, fine / 2 - 0.5),
                    1 / (CAMERA * extent))
    points = compose(vertices - (low + high) / 2, pose)
    raster = rasterize(points, triangles, (fine, fine))
    normals = raster.interpolate(vertex_normals(vertices, triangles) @ pose.rotation.T)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    light = _light(np.where(raster.front[..., None], normals, -normals))
    colour = CLAY
    if texture is not None and uvs is not None:
        colour = _linear(_look_up(texture, raster.interpolate(uvs)))
        light = EVENLY + (1 - EVENLY) * light
    shown = _display(colour * light * np.where(raster.front, 1, INSIDE)[..., None])
    picture = np.where(raster.covered[..., None], shown, _background(fine))
    return cv2.resize(np.rint(picture).astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA)


def render_views(vertices: np.ndarray, triangles: np.ndarray, yaws_deg=(0.0, 45.0, 90.0), **options) -> np.ndarray:
    """Several sides beside each other at one scale -> (size, size * views, 3) uint8; options of `render_mesh`."""
    extent = float(np.ptp(np.asarray(vertices, np.float64), axis=0).max())
    views = [render_mesh(vertices, triangles, yaw_deg=yaw, extent=extent, **options) for yaw in yaws_deg]
    return np.concatenate(views, 1)


def _light(normals: np.ndarray) -> np.ndarray:
    """Unit normals (H, W, 3) -> strength of the light (H, W, 1): Lambert's law for each light, and the sky."""
    total = GROUND + (SKY - GROUND) * (normals[..., 1] + 1) / 2
    for direction, strength in LIGHTS:
        toward = normals @ (np.array(direction) / np.linalg.norm(direction)).astype(np.float32)
        total = total + strength * np.clip(toward, 0, None)
    return total[..., None]


def _look_up(texture: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    height, width = texture.shape[:2]
    return cv2.remap(texture, uvs[..., 0] * width - 0.5, uvs[..., 1] * height - 0.5, cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)


def _linear(colour: np.ndarray) -> np.ndarray:
    """sRGB bytes -> light."""
    return (np.float32(colour) / 255) ** np.float32(2.2)


def _display(light: np.ndarray) -> np.ndarray:
    """Light -> sRGB values up to 255."""
    return 255 * np.clip(light, 0, 1) ** np.float32(1 / 2.2)


def _background(size: int) -> np.ndarray:
    down = np.linspace(0, 1, size)[:, None, None]
    return np.broadcast_to(TOP + down * (BOTTOM - TOP), (size, size, 3))
