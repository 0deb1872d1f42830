"""Draws a fitted portrait again: from another side, with another expression, in its own skin.

The fitted head carries the photo as its texture; what lies around the head is a relief that falls away behind it, and
behind that a backdrop. The idea of turning photos by a fitted depth is that of 300W-LP (Zhu et al. 2016).
Camera centimetres: x right, y up, z towards the camera (`architecture.md`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from inference_core.pose import HeadPose
from training.face_model import FACE_VERTICES, NARROW_VERTICES
from training.fitting import SKIN_POINTS, FaceFit
from training.head_mesh import BACK, EYE, MOUTH, TEETH, HeadMesh
from training.sample import SAMPLE_SIZE
from training.warping import FAR, rasterise, shade, vertex_normals

RELIEF_CELLS, RELIEF_SIZE = 44, 64
HIDDEN, PARTNER_BETTER = 0.22, 0.20           # normal z below which skin is taken from the other side, if that is better
BEHIND_LIPS_CM, BEHIND_LIPS_TEETH_CM = 1.8, 4.0        # the mouth's light falls to 1/e over this depth
DARKEST = 0.12
OVERSAMPLE = 2                                # pixels drawn a side for one pixel of the sample
GAIN_LIMIT = 2.0                              # how far the other side's skin is brightened or darkened to fit
LID_LANDMARKS = {"R": slice(36, 42), "L": slice(42, 48)}


@dataclass(frozen=True)
class FittedPhoto:
    """photo (h, w, 3) uint8; canonical (V, 3) the head mesh with the fit's residual in it; camera (V, 3) the same in
    camera centimetres; texture (V, 2) photo pixels of each vertex."""

    photo: np.ndarray
    canonical: np.ndarray
    camera: np.ndarray
    texture: np.ndarray
    pose: HeadPose


def lay_over_photo(photo: np.ndarray, mesh: HeadMesh, shape: np.ndarray, fit: FaceFit,
                   skin_moves: np.ndarray) -> FittedPhoto:
    """Put the fitted shape (V, 3) over its photo; what the fit left over, spread over the skin (skin_moves, from
    mesh.spread_residuals), moves lids and lips to where FaceMesh saw them, at the fit's own depth."""
    rotation = np.asarray(fit.pose.rotation, np.float32)
    camera = shape @ rotation.T
    moves = np.zeros((len(shape), 2), np.float32)
    moves[:FACE_VERTICES] = skin_moves
    for side, first in (("R", SKIN_POINTS), ("L", SKIN_POINTS + 5)):
        moves[mesh.eyes[side]] = fit.residual[first:first + 5].mean(0)
    f = 1 / (1 - camera[:, 2:] * np.float32(fit.pose.inverse_distance))
    texture = np.float32(fit.pose.shift) + np.float32(fit.pose.scale) * camera[:, :2] * f * np.float32([1, -1]) + moves
    camera[:, :2] += moves * np.float32([1, -1]) / (np.float32(fit.pose.scale) * f)
    return FittedPhoto(photo, camera @ rotation, camera, texture, fit.pose)


def to_screen(points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Canonical (n, 3) -> pixels and a depth that is linear over the screen, float32."""
    p = points @ np.asarray(pose.rotation, np.float32).T
    f = np.float32(pose.scale) / (1 - np.float32(pose.inverse_distance) * p[:, 2:])
    out = p * f
    out[:, :2] = out[:, :2] * np.float32([1, -1]) + np.float32(pose.shift)
    return out


def draw(rng: np.random.Generator, mesh: HeadMesh, source: FittedPhoto, canonical: np.ndarray, pose: HeadPose, *,
         paint_mouth: bool, widened: dict[str, float], reach_cm: float, other_photo: np.ndarray) -> np.ndarray:
    """Picture (208, 208, 3) uint8 of `canonical` (V, 3) under `pose`, in the skin of `source`.

    widened: by side, old over new lid opening for eyes opened further than in the photo; reach_cm: how much of the
    surroundings is kept around the head; other_photo: where a strange backdrop may come from.
    """
    size = SAMPLE_SIZE * OVERSAMPLE
    pose = replace(pose, scale=pose.scale * OVERSAMPLE, shift=(pose.shift + 0.5) * OVERSAMPLE - 0.5)
    screen = to_screen(canonical, pose)
    normals = vertex_normals(source.camera, mesh.triangles)
    seen = normals[:, 2]
    seen_partner = seen[mesh.mirror]
    partner = _ramp((HIDDEN - seen) / HIDDEN) * _ramp((seen_partner - seen - PARTNER_BETTER) / 0.2)
    partner[mesh.vertex_kind > BACK] = 0
    corners = mesh.triangles
    skip = (mesh.kinds == BACK) & (np.maximum(seen, seen_partner)[corners].mean(1) < 0.02)
    relief = _relief(mesh, source, reach_cm)
    depth = np.full((size, size), FAR, np.float32)
    ids = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    rasterise(screen, corners, skip, 0, depth, ids, weights)
    relief_canonical = relief.camera @ np.asarray(source.pose.rotation, np.float32)
    rasterise(to_screen(relief_canonical, pose), RELIEF_TRIANGLES, relief.skip, len(corners), depth, ids, weights)
    image = np.ascontiguousarray(_backdrop(rng, source.photo, relief.mask, other_photo, size), np.float32)
    texture = _texture(mesh, source, widened)
    head_normals = vertex_normals(np.ascontiguousarray(canonical), corners)
    light = _light(rng, head_normals @ np.asarray(pose.rotation, np.float32).T)
    paint = _mouth_paint(rng, mesh, source, canonical, head_normals)
    offset = len(canonical)
    count = len(relief.camera)
    shade(image, source.photo, ids, weights, np.concatenate([corners, RELIEF_TRIANGLES + offset]),
          np.concatenate([texture, relief.texture]), np.concatenate([texture[mesh.mirror], relief.texture]),
          _partner_gain(mesh, source, texture, seen), np.concatenate([partner, np.zeros(count, np.float32)]),
          np.concatenate([light, np.ones(count, np.float32)]), np.concatenate([paint, np.zeros((count, 3), np.float32)]),
          np.concatenate([paint_mouth & ((mesh.kinds == MOUTH) | (mesh.kinds == TEETH)),
                          np.zeros(len(RELIEF_TRIANGLES), np.bool_)]))
    return cv2.resize(image, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _partner_gain(mesh, source, texture, seen):
    """(3,) factor that makes the better lit or darker other side's skin meet this one where both are seen."""
    rows = np.arange(NARROW_VERTICES)
    partner = mesh.mirror[rows]
    rows = rows[(seen[rows] > 0.2) & (seen[rows] < 0.6) & (seen[partner] > seen[rows] + 0.1)]
    if len(rows) < 50:
        return np.ones(3, np.float32)
    height, width = source.photo.shape[:2]
    def mean_colour(vertices):
        x, y = np.clip(texture[vertices].T.astype(int), 0, [[width - 1], [height - 1]])
        return source.photo[y, x].mean(0) + 4
    gain = mean_colour(rows) / mean_colour(mesh.mirror[rows])
    return np.clip(gain, 1 / GAIN_LIMIT, GAIN_LIMIT).astype(np.float32)


def _ramp(x):
    x = np.clip(x, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def _texture(mesh, source, widened):
    texture = source.texture[mesh.texture_vertex]
    lids = mesh.landmarks(source.texture)
    for side, ratio in widened.items():
        rows = mesh.eyes[side]
        middle = lids[LID_LANDMARKS[side], 1].mean()
        texture[rows, 1] = middle + (texture[rows, 1] - middle) * np.float32(ratio)
    return texture


def _light(rng, normals):
    if rng.random() > 0.6:
        return np.ones(len(normals), np.float32)
    direction = rng.normal(size=3)
    direction[2] = abs(direction[2])
    direction /= np.linalg.norm(direction)
    lit = normals @ direction.astype(np.float32) - np.float32(0.4)
    return np.clip(1 + np.float32(rng.uniform(0, 0.45)) * lit, 0.35, 1.5).astype(np.float32)


def _mouth_paint(rng, mesh, source, canonical, normals):
    """Colour per vertex for the mouth's inside: as bright as the skin, darker the deeper behind the lips."""
    h, w = source.photo.shape[:2]
    nose = source.texture[mesh.landmark_vertices[[29, 31, 35], 0]].astype(int)
    skin = source.photo[np.clip(nose[:, 1], 0, h - 1), np.clip(nose[:, 0], 0, w - 1)].mean()
    bright = float(np.clip(skin / 130, 0.35, 1.25))
    teeth = np.float32([228, 216, 196]) * rng.uniform(0.75, 1.05) * bright
    flesh = np.float32([126, 56, 54]) * rng.uniform(0.4, 1.1) * bright
    if np.ptp(source.photo.reshape(-1, 3)[::97].astype(int), 1).mean() < 4:        # a black-and-white photo stays one
        teeth, flesh = np.full(3, teeth.mean()), np.full(3, flesh.mean())
    lips = mesh.landmarks(canonical)[60:68, 2].mean()
    is_tooth = mesh.vertex_kind == TEETH
    reach = np.where(is_tooth, BEHIND_LIPS_TEETH_CM, BEHIND_LIPS_CM)
    inside = np.clip(np.exp((canonical[:, 2] - lips) / reach), DARKEST, 1)
    shape = 0.7 + 0.3 * np.clip(normals[:, 2], 0, 1)
    colour = np.where(is_tooth[:, None], teeth, flesh)
    return (colour * (inside * shape)[:, None]).astype(np.float32)


@dataclass(frozen=True)
class _Relief:
    camera: np.ndarray
    texture: np.ndarray
    skip: np.ndarray
    mask: np.ndarray


def _relief_triangles():
    g = np.arange((RELIEF_CELLS + 1)**2).reshape(RELIEF_CELLS + 1, -1)
    a, b, c, d = g[:-1, :-1].ravel(), g[:-1, 1:].ravel(), g[1:, 1:].ravel(), g[1:, :-1].ravel()
    return np.concatenate([np.c_[a, d, c], np.c_[a, c, b]]).astype(np.int32)


RELIEF_TRIANGLES = _relief_triangles()


def _relief(mesh, source, reach_cm) -> _Relief:
    """A grid over the photo: just behind the head inside its outline, falling back with the distance from it."""
    photo, pose = source.photo, source.pose
    height, size = len(photo), RELIEF_SIZE
    screen = np.c_[source.texture * np.float32(size / height), source.camera[:, 2]].astype(np.float32)
    depth = np.full((size, size), FAR, np.float32)
    ids = np.full((size, size), -1, np.int32)
    rasterise(screen, mesh.triangles, np.zeros(len(mesh.kinds), np.bool_), 0, depth, ids, np.zeros((size, size, 2), np.float32))
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
    camera = np.stack([(x - pose.shift[0]) / f, (pose.shift[1] - y) / f, zz], -1).reshape(-1, 3).astype(np.float32)
    skip = covered[RELIEF_TRIANGLES].all(1) | far[RELIEF_TRIANGLES].any(1)
    return _Relief(camera, np.stack([x, y], -1).reshape(-1, 2), skip, mask)


def _backdrop(rng, photo, mask, other_photo, size):
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
