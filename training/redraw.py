"""Draws a fitted portrait again: from another side, with another expression, in its own skin.

The fitted head carries the photo as its texture (`surroundings.lay_over_photo`). The idea of turning photos
by a fitted depth is that of 300W-LP (Zhu et al. 2016).
Camera centimetres: x right, y up, z towards the camera (`architecture.md`).
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference_core.pose import HeadPose
from training.face_model import NARROW_VERTICES
from training.head_mesh import BACK, MOUTH, TEETH, HeadMesh
from training.sample import SAMPLE_SIZE
from training.surroundings import RELIEF_TRIANGLES, FittedPhoto, build_relief, paint_backdrop
from training.warping import FAR, rasterise, shade, vertex_normals

# normal z below which skin is taken from the other side, and by how much that must be better
HIDDEN, PARTNER_BETTER = 0.22, 0.20
NEVER_SEEN = 0.02                             # normal z below which the head's back is left to the relief
FLESH_DEPTH_CM, TEETH_DEPTH_CM = (1.5, 5.0), 4.0        # the mouth's light falls to 1/e over this depth
DARKEST = 0.12
GREY = 4                                      # levels between the channels: less is a black-and-white photo
OVERSAMPLE = 2                                # pixels drawn a side for one pixel of the sample
GAIN_LIMIT = 2.0                              # how far the other side's skin is brightened or darkened to fit
LID_LANDMARKS = {"R": slice(36, 42), "L": slice(42, 48)}


def to_screen(points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Canonical (n, 3) -> pixels and a depth that is linear over the screen, float32."""
    p = points @ np.asarray(pose.rotation, np.float32).T
    f = np.float32(pose.scale) / (1 - np.float32(pose.inverse_distance) * p[:, 2:])
    out = p * f
    out[:, :2] = out[:, :2] * np.float32([1, -1]) + np.float32(pose.shift)
    return out


def draw(rng: np.random.Generator, mesh: HeadMesh, source: FittedPhoto, canonical: np.ndarray, pose: HeadPose,
         *, paint_mouth: bool, widened: dict[str, float], reach_cm: float,
         other_photo: np.ndarray) -> np.ndarray:
    """Picture (248, 248, 3) uint8 of `canonical` (V, 3) under `pose`, in the skin of `source`.

    widened: by side, old over new lid opening for eyes opened further than in the photo; reach_cm: how much
    of the surroundings is kept around the head; other_photo: where a strange backdrop may come from.
    """
    size = SAMPLE_SIZE * OVERSAMPLE
    pose = replace(pose, scale=pose.scale * OVERSAMPLE, shift=(pose.shift + 0.5) * OVERSAMPLE - 0.5)
    triangles = mesh.triangles
    seen = vertex_normals(source.camera, triangles)[:, 2]
    skip = (mesh.kinds == BACK) & (np.maximum(seen, seen[mesh.mirror])[triangles].mean(1) < NEVER_SEEN)
    relief = build_relief(mesh, source, reach_cm)
    around = relief.camera @ np.asarray(source.pose.rotation, np.float32)         # canonical
    depth = np.full((size, size), FAR, np.float32)
    ids = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    rasterise(to_screen(canonical, pose), triangles, skip, 0, depth, ids, weights)
    rasterise(to_screen(around, pose), RELIEF_TRIANGLES, relief.skip, len(triangles), depth, ids, weights)
    image = paint_backdrop(rng, source.photo, relief.mask, other_photo, size)
    texture = _texture(mesh, source, widened)
    normals = vertex_normals(np.ascontiguousarray(canonical), triangles)
    light = _light(rng, normals @ np.asarray(pose.rotation, np.float32).T)
    paint = _mouth_paint(rng, mesh, source, canonical, normals)
    painted = paint_mouth & ((mesh.kinds == MOUTH) | (mesh.kinds == TEETH))
    plain = np.zeros(len(around), np.float32)
    shade(image, source.photo, ids, weights,
          np.concatenate([triangles, RELIEF_TRIANGLES + len(canonical)]),
          np.concatenate([texture, relief.texture]),
          np.concatenate([texture[mesh.mirror], relief.texture]),
          _partner_gain(mesh, source, texture, seen),
          np.concatenate([_partner_share(mesh, seen), plain]),
          np.concatenate([light, plain + 1]),
          np.concatenate([paint, np.zeros((len(around), 3), np.float32)]),
          np.concatenate([painted, np.zeros(len(RELIEF_TRIANGLES), np.bool_)]))
    return cv2.resize(image, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _partner_share(mesh, seen):
    """(V,) 0..1: how much of its mirror partner's skin a vertex takes that the photo hardly shows."""
    better = seen[mesh.mirror] - seen - PARTNER_BETTER
    share = _ramp((HIDDEN - seen) / HIDDEN) * _ramp(better / PARTNER_BETTER)
    share[mesh.vertex_kind > BACK] = 0
    return share


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
        return source.photo[y, x].mean(0) + 4                 # near black the ratio says nothing
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
    if np.ptp(source.photo.reshape(-1, 3)[::97].astype(int), 1).mean() < GREY:
        teeth, flesh = np.full(3, teeth.mean()), np.full(3, flesh.mean())
    lips = mesh.landmarks(canonical)[60:68, 2].mean()
    is_tooth = mesh.vertex_kind == TEETH
    reach = np.where(is_tooth, TEETH_DEPTH_CM, rng.uniform(*FLESH_DEPTH_CM))
    inside = np.clip(np.exp((canonical[:, 2] - lips) / reach), DARKEST, 1)
    shape = 0.7 + 0.3 * np.clip(normals[:, 2], 0, 1)
    colour = np.where(is_tooth[:, None], teeth, flesh)
    return (colour * (inside * shape)[:, None]).astype(np.float32)
