"""Pictures of MakeHuman's people for measuring: the rasteriser, lamps and backdrops of training.rendering, and its
held-out skins, carried over from the face model's texture by the correspondence of the two heads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from inference_core.pose import HeadPose
from training.backdrops import draw_backdrop
from training.face_model import FaceModel
from training.labels import label_mesh
from training.makehuman import OtherHead
from training.redraw import OVERSAMPLE, to_screen
from training.render_look import draw_light
from training.sample import SAMPLE_SIZE
from training.skins import GAMMA, Skin
from training.warping import FAR, rasterise, vertex_normals

SKIN_REACH_CM, BLEND_CM = 0.3, 0.8      # so near to our mesh the skin is the face's; from there on it fades
IRIS_RAD, PUPIL_RAD = 0.50, 0.20        # half angles, seen from the eyeball's middle
SCALP_UP_CM = 7.5                       # above the eyes, and all behind the ears' front: cropped hair
WHITE, SCALP = np.float32([0.62, 0.58, 0.55]), np.float32([0.03, 0.022, 0.018])


@dataclass(frozen=True, eq=False)
class Painted:
    """Of an OtherHead: triangles of skin and eyes; uv (V, 2) of the face model's texture, v up; share (V,) of that
    texture, the rest plain; scalp (V,) 0..1; is_eye (T,)."""

    triangles: np.ndarray
    uv: np.ndarray
    share: np.ndarray
    scalp: np.ndarray
    is_eye: np.ndarray


def paint(head: OtherHead, laid: np.ndarray, model: FaceModel) -> Painted:
    """laid (N, 3): our mesh as it lies on head.base."""
    material = model.face_material == model.material_names.index("M_Face")
    faces, corners = model.faces[material].ravel(), model.face_uvs[material].ravel()
    of_model = np.zeros((len(model.neutral), 2))
    of_model[faces[faces >= 0]] = model.uvs[corners[faces >= 0]]
    ours = label_mesh()(of_model[:len(model.neutral)])
    away, near = cKDTree(laid).query(head.base, 3)
    weight = 1 / (away + 1e-6)
    uv = (ours[near] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
    share = np.clip(1 - (away[:, 0] - SKIN_REACH_CM) / BLEND_CM, 0, 1)
    eye = head.joints["joint-r-eye"]
    up, back = head.base[:, 1] - eye[1], eye[2] - head.base[:, 2]
    scalp = np.clip(np.maximum(up - SCALP_UP_CM, np.minimum(back - 9.0, up + 6.0)) / 1.5, 0, 1) * (share < 1)
    triangles = np.concatenate([head.triangles, *head.eyes])
    return Painted(triangles, uv, share, scalp, np.arange(len(triangles)) >= len(head.triangles))


def picture(rng: np.random.Generator, head: OtherHead, painted: Painted, points: np.ndarray, pose: HeadPose,
            skin: Skin) -> np.ndarray:
    """(SAMPLE_SIZE, SAMPLE_SIZE, 3) uint8 of a person's vertices (V, 3) under a pose in pixels of the picture."""
    size = SAMPLE_SIZE * OVERSAMPLE
    big = replace(pose, scale=pose.scale * OVERSAMPLE, shift=(pose.shift + 0.5) * OVERSAMPLE - 0.5)
    points = points.astype(np.float32)
    depth, ids = np.full((size, size), FAR, np.float32), np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    everything = np.zeros(len(painted.triangles), np.bool_)
    rasterise(to_screen(points, big), painted.triangles, everything, 0, depth, ids, weights)
    there = ids >= 0
    corner, w = painted.triangles[ids[there]], weights[there]
    mix = lambda values: (values[corner] * np.c_[1 - w.sum(1), w][..., None]).sum(1)  # noqa: E731
    normals = mix(vertex_normals(points, painted.triangles))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    eye = painted.is_eye[ids[there]]
    albedo = _skin(painted, skin, mix, there)
    albedo[eye] = _eye(rng, head, points, mix(points)[eye])
    light = draw_light(rng, pose.rotation, skin.brightness)
    image = draw_backdrop(rng, SAMPLE_SIZE)
    drawn = np.zeros((size, size, 3), np.float32)
    drawn[there] = albedo * _lit(normals, light.lights) * np.float32(light.exposure)
    covered = cv2.resize(there.astype(np.float32), (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA)
    drawn = cv2.resize(drawn, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA)
    image = image * (1 - covered[..., None]) + drawn
    return (np.clip(image, 0, 1) ** np.float32(1 / GAMMA) * 255 + 0.5).astype(np.uint8)


def _skin(painted: Painted, skin: Skin, mix, there: np.ndarray) -> np.ndarray:
    """Albedo of the pixels that are there."""
    height, width = skin.face.shape[:2]
    u, v = np.zeros(there.shape, np.float32), np.zeros(there.shape, np.float32)
    u[there], v[there] = (mix(painted.uv) * [1, -1] + [0, 1]).T
    read = cv2.remap(skin.face, u * width - 0.5, v * height - 0.5, cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)[there]
    cheeks = skin.face[int(0.45 * height):int(0.6 * height), [int(0.3 * width), int(0.7 * width)]].mean((0, 1))
    share, scalp = mix(painted.share[:, None]), mix(painted.scalp[:, None])
    return (read * share + cheeks * (1 - share)) * (1 - scalp) + SCALP * scalp


def _eye(rng, head: OtherHead, points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Albedo of places on the eyeballs, which look straight ahead."""
    centres = np.stack([points[np.unique(rows)].mean(0) for rows in head.eyes])
    out = places - centres[(places[:, 0] > centres.mean(0)[0]).astype(int)]
    angle = np.arccos(np.clip(out[:, 2] / np.maximum(np.linalg.norm(out, axis=1), 1e-6), -1, 1))[:, None]
    iris = np.float32([0.10, 0.05, 0.025]) * rng.uniform(0.7, 2)
    return np.where(angle < PUPIL_RAD, np.float32(0.01), np.where(angle < IRIS_RAD, iris, WHITE)).astype(np.float32)


def _lit(normals: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """As rendering_kernels.illuminate, without gloss and cast shadows."""
    sky = 0.5 + 0.5 * normals @ lights[3][:, None]
    key, rim = (np.clip(normals @ lights[row][:, None], 0, None) for row in (5, 7))
    return lights[0] + lights[1] * sky + lights[2] * (1 - sky) + lights[4] * key + lights[6] * rim
