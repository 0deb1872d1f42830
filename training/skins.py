"""Skins for rendered faces: textures in the face model's own layout, and where brows and beard grow on them.

A folder holds NAME.face.jpg (the M_Face tile) and NAME.head.jpg (the M_BackHead tile) for each skin.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference_core.topology import Topology
from training.decoded import decoded
from training.face_model import FaceModel
from training.labels import label_mesh

# never trained on: a dark, a light and a tanned skin that none of the others resembles
HELDOUT_SKINS = ("young_darkskinned_male", "middleage_lightskinned_female2", "old_lightskinned_male2")
GAMMA = 2.2
MASK_SIZE = 512
MIXED = 0.35                            # share of faces whose skin is made of two
LIP_TONE, LIP_SHARE = np.float32([0.62, 0.40, 0.38]), 0.35      # painted lips are too red for most people


@dataclass(frozen=True)
class Skin:
    """face (h, w, 3), head (h, w, 3) float32: linear light, 0..1; brightness: mean of the cheeks."""

    name: str
    face: np.ndarray
    head: np.ndarray
    brightness: float


def skin_files(folder: str | Path, split: str) -> list[Path]:
    """The NAME.face.jpg of one split, by name; made skins (training.made_skins) have no heldout ones."""
    files = sorted(Path(folder).glob("*.face.jpg"))
    return [f for f in files if (f.name.removesuffix(".face.jpg") in HELDOUT_SKINS) == (split == "heldout")]


def load_skins(folder: str | Path, split: str) -> list[Skin]:
    """The skins of one split, by name. Raises ValueError naming the folder when it holds none."""
    mine = skin_files(folder, split)
    if not mine:
        raise ValueError(f"{folder}: holds no skin of the {split} part; give the folder with the *.face.jpg files")
    return [_load(f) for f in mine]


def _load(file: Path) -> Skin:
    face, head = (_linear(f) for f in (file, file.with_name(file.name.replace(".face.", ".head."))))
    h, w = face.shape[:2]
    cheeks = face[int(0.45 * h):int(0.6 * h), [int(0.3 * w), int(0.7 * w)]]
    return Skin(file.name.removesuffix(".face.jpg"), face, head, float(cheeks.mean()))


def _linear(file: Path) -> np.ndarray:
    picture = decoded(file, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{file}: cannot be read as a picture; every skin needs its .face.jpg and .head.jpg")
    return ((picture[..., ::-1] / np.float32(255)) ** np.float32(GAMMA)).astype(np.float32)


def draw_skin(rng: np.random.Generator, skins: list[Skin]) -> Skin:
    """One of the skins, or something between two of them."""
    first = skins[rng.integers(len(skins))]
    if rng.random() > MIXED:
        return first
    second, share = skins[rng.integers(len(skins))], np.float32(rng.uniform(0.2, 0.8))
    mix = lambda a, b: cv2.addWeighted(a, 1 - share, b, share, 0)  # noqa: E731
    return Skin(f"{first.name}+{second.name}", mix(first.face, second.face), mix(first.head, second.head),
                float(first.brightness * (1 - share) + second.brightness * share))


def hair_masks(model: FaceModel, topology: Topology) -> np.ndarray:
    """(512, 512, 4) float32 in the face tile, 0..1: brows, full beard, moustache with chin, lips."""
    points = landmarks_uv(model, topology) * [1, -1] * MASK_SIZE + [0, MASK_SIZE]
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.random((MASK_SIZE, MASK_SIZE)).astype(np.float32), (0, 0), 0.7, sigmaY=2.5)
    strands = np.clip((fine - fine.mean()) / fine.std() * 0.18 + 0.8, 0, 1)
    soft = lambda mask, sigma: cv2.GaussianBlur(mask, (0, 0), sigma) * strands  # noqa: E731
    brows = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
    for first in (17, 22):
        cv2.polylines(brows, [np.round(points[first:first + 5]).astype(np.int32)], False, 1.0, 11)
    lips = np.zeros_like(brows)
    _fill(lips, points[48:60], 1.0)
    around = points[48:60].mean(0) + (points[48:60] - points[48:60].mean(0)) * 1.08
    sides = [points[13] - [18, 0], points[54], points[35], points[33], points[31], points[48], points[3] + [18, 0]]
    beard, goatee = np.zeros_like(brows), np.zeros_like(brows)
    _fill(beard, np.concatenate([points[2:15] + [0, 0.02 * MASK_SIZE], sides]), 1.0)
    _fill(goatee, np.concatenate([points[6:11], points[[54, 35, 33, 31, 48]] + [[6, 0], [0, 6], [0, 4], [0, 6], [-6, 0]]]), 1.0)
    for mask in (beard, goatee):
        _fill(mask, around, 0.0)
    return np.dstack([soft(brows, 2.2), soft(beard, 4), soft(goatee, 3), cv2.GaussianBlur(lips, (0, 0), 2)])


def _fill(mask, polygon, value):
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], value)


def landmarks_uv(model, topology):
    """(68, 2) u, v of the 68 points in the face tile."""
    skin = model.face_material == model.material_names.index("M_Face")
    faces, corners = model.faces[skin].ravel(), model.face_uvs[skin].ravel()
    uv = np.zeros((len(model.neutral), 2))
    uv[faces[faces >= 0]] = model.uvs[corners[faces >= 0]]
    matrix = label_mesh().landmark_matrix(topology)
    return matrix @ uv[:matrix.shape[1]]
