"""What a turned portrait is drawn from and before: the fitted head over its photo, a relief of what lies
around the head and falls away behind it, and a backdrop behind that.

Camera centimetres: x right, y up, z towards the camera (`architecture.md`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference_core.pose import HeadPose
from training.face_model import FACE_VERTICES
from training.fitting import SKIN_POINTS, FaceFit
from training.head_mesh import HeadMesh
from training.warping import FAR, rasterise

RELIEF_CELLS, RELIEF_SIZE = 44, 64


@dataclass(frozen=True)
class FittedPhoto:
    """photo (h, w, 3) uint8; canonical (V, 3) the head mesh with the fit's residual in it; camera (V, 3) that
    in camera centimetres; texture (V, 2) photo pixels of each vertex."""

    photo: np.ndarray
    canonical: np.ndarray
    camera: np.ndarray
    texture: np.ndarray
    pose: HeadPose


def lay_over_photo(photo: np.ndarray, mesh: HeadMesh, shape: np.ndarray, fit: FaceFit,
                   skin_moves: np.ndarray) -> FittedPhoto:
    """Put the fitted shape (V, 3) over its photo.

    What the fit left over, spread over the skin (skin_moves, from mesh.spread_residuals), moves lids and lips
    to where FaceMesh saw them, at the fit's own depth.
    """
    rotation = np.asarray(fit.pose.rotation, np.float32)
    camera = shape @ rotation.T
    moves = np.zeros((len(shape), 2), np.float32)
    moves[:FACE_VERTICES] = skin_moves
    for side, first in (("R", SKIN_POINTS), ("L", SKIN_POINTS + 5)):
        moves[mesh.eyes[side]] = fit.residual[first:first + 5].mean(0)
    f = 1 / (1 - camera[:, 2:] * np.float32(fit.pose.inverse_distance))
    pixels = np.float32([1, -1]) * np.float32(fit.pose.scale) * f                 # one centimetre, y down
    texture = np.float32(fit.pose.shift) + camera[:, :2] * pixels + moves
    camera[:, :2] += moves / pixels
    return FittedPhoto(photo, camera @ rotation, camera, texture, fit.pose)


@dataclass(frozen=True)
class Relief:
    """camera (n, 3) in the photo's camera centimetres; texture (n, 2) photo pixels; skip: triangles of
    RELIEF_TRIANGLES not to draw; mask (64, 64) float32, 1 where the head covers the photo."""

    camera: np.ndarray
    texture: np.ndarray
    skip: np.ndarray
    mask: np.ndarray


def relief_triangles():
    g = np.arange((RELIEF_CELLS + 1)**2).reshape(RELIEF_CELLS + 1, -1)
    a, b, c, d = g[:-1, :-1].ravel(), g[:-1, 1:].ravel(), g[1:, 1:].ravel(), g[1:, :-1].ravel()
    return np.concatenate([np.c_[a, d, c], np.c_[a, c, b]]).astype(np.int32)


RELIEF_TRIANGLES = relief_triangles()


def build_relief(mesh: HeadMesh, source: FittedPhoto, reach_cm: float) -> Relief:
    """A grid over the photo: behind the head inside its outline, falling back with the distance from it.

    reach_cm: how much of the surroundings is kept around the head.
    """
    photo, pose = source.photo, source.pose
    height, size = len(photo), RELIEF_SIZE
    screen = np.c_[source.texture * np.float32(size / height), source.camera[:, 2]].astype(np.float32)
    depth = np.full((size, size), FAR, np.float32)
    ids = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    rasterise(screen, mesh.triangles, np.zeros(len(mesh.kinds), np.bool_), 0, depth, ids, weights)
    mask = (ids >= 0).astype(np.float32)
    head = np.where(mask > 0, depth, 0).astype(np.float32)
    blur = lambda a, sigma: cv2.GaussianBlur(a, (0, 0), sigma)  # noqa: E731
    fill = (blur(head, 3) + 1e-4 * blur(head, 16)) / (blur(mask, 3) + 1e-4 * blur(mask, 16) + 1e-9)
    cm = height / size / pose.scale
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 3) * cm
    within = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) * cm
    falling = np.maximum(np.minimum(fill, -7), fill - 3 * away) - 1.2 * np.maximum(away - 2, 0)
    z = np.maximum(np.where(mask > 0, depth - 0.6 - 1.5 * within, falling), -22).astype(np.float32)
    grid = np.linspace(-0.02, 1.02, RELIEF_CELLS + 1) * (height - 1)
    x, y = (a.astype(np.float32) for a in np.meshgrid(grid, grid))
    read = lambda a, way: cv2.remap(a, x * size / height, y * size / height, way,  # noqa: E731
                                    borderMode=cv2.BORDER_REPLICATE)
    zz = read(z, cv2.INTER_LINEAR)
    covered = read(cv2.erode(mask, np.ones((3, 3)), iterations=3), cv2.INTER_NEAREST).ravel() > 0
    far = read(away.astype(np.float32), cv2.INTER_LINEAR).ravel() > reach_cm
    f = pose.scale / (1 - zz * pose.inverse_distance)
    camera = np.stack([(x - pose.shift[0]) / f, (pose.shift[1] - y) / f, zz], -1).astype(np.float32)
    skip = covered[RELIEF_TRIANGLES].all(1) | far[RELIEF_TRIANGLES].any(1)
    return Relief(camera.reshape(-1, 3), np.stack([x, y], -1).reshape(-1, 2), skip, mask)


def paint_backdrop(rng: np.random.Generator, photo: np.ndarray, mask: np.ndarray, other_photo: np.ndarray,
                   size: int) -> np.ndarray:
    """(size, size, 3) float32: what shows where neither the head nor its surroundings reach."""
    kind = rng.random()
    if kind < 0.45:                                               # own surroundings, the head blurred away
        small = cv2.resize(photo, mask.shape, interpolation=cv2.INTER_AREA).astype(np.float32)
        around = 1 - cv2.dilate(mask, np.ones((5, 5)))[..., None]
        blur = lambda a, sigma: cv2.GaussianBlur(a, (0, 0), sigma).reshape(*mask.shape, -1)  # noqa: E731
        fill = (blur(small * around, 4) + 0.01 * blur(small * around, 20)) \
            / (blur(around, 4) + 0.01 * blur(around, 20) + 1e-6)
        return cv2.resize(np.where(around > 0, small, fill), (size, size))
    if kind < 0.8:                                                # a corner of another photo, enlarged
        height = len(other_photo)
        side = int(height * rng.uniform(0.2, 0.4))
        x, y = (0 if rng.random() < 0.5 else height - side), rng.integers(0, height - side)
        return cv2.resize(other_photo[y:y + side, x:x + side], (size, size)).astype(np.float32)
    noise = rng.uniform(0, 255, (4, 4, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), 0, 255)
