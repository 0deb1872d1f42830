"""Unwrap of the ICT narrow face onto the unit square: what the grid of the position maps is cut from.

No triangle is flipped, left and right are mirror images, the rim of the face lies on the square's border,
and eyes and mouth stay open as holes. The surface is unwrapped with eyes wide and jaw part open, and lids and
lips count several times their size: `flattening` then spreads the distortion evenly.
In this file the plane is u right, w up; the layout given out is u right, v down like every uv of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from training.face_model import NARROW_FACES, NARROW_VERTICES, FaceModel
from training.flattening import embed, relax, rest_frames, signed_areas
from training.quad_mesh import boundary_loops, corner_vertices, peel, split_quads, steps_from

EYE_BORDER, MOUTH_BORDER = 42, 74       # vertices around the holes of the narrow face
HIDDEN_LIP_RINGS = 5                    # rings of quads behind the closed lips; two more are kept
OPENED = (("eyeWide_L", 1.0), ("eyeWide_R", 1.0), ("jawOpen", 0.35))
# how much larger than in the flesh, and the distances in cm between which that fades out
LIDS, LIPS, NOSE, RIM = (3.1, 0.3, 1.6), (2.4, 0.7, 2.0), (1.15, 1.2, 3.0), (0.7, 0.0, 4.0)
NOSTRILS = (0.45, 9, 15)                # counted in edges from the deepest vertex: else they outgrow the eyes
NOSTRIL_DEPTH = 5000
FACE_AREA = 0.96                        # of the square; the rest is left to the holes
EYE_HOLE, MOUTH_HOLE = np.array([0.235, 0.085]), np.array([0.29, 0.09])     # wished-for size in the square
CORNER_ANGLE_DEG, NOT_A_CORNER_DEG = 47.0, 6.0
ROUNDS = 80                             # it settles after about 40


@dataclass(frozen=True)
class _Surface:
    """The unwrapped part: quads (Q, 4), tri (T, 3); rim, eyes, mouth: border loops of vertices.

    opened, neutral (6706, 3): points in cm, mirror-symmetric.
    """

    quads: np.ndarray
    tri: np.ndarray
    rim: np.ndarray
    eyes: list[np.ndarray]
    mouth: np.ndarray
    opened: np.ndarray
    neutral: np.ndarray

    @property
    def holes(self) -> list[np.ndarray]:
        return [*self.eyes, self.mouth]


def build_layout(model: FaceModel, rounds: int = ROUNDS) -> dict[str, np.ndarray]:
    """The unwrap, as `training.build_topology` takes it.

    uv (6706, 2) float64, u right, v down, NaN where not `used`: (6706,) bool; quads (Q, 4), tri (T, 3): the
    faces kept; rim, eyes (2, 42), mouth: border loops; mirror (6706,). Fewer `rounds` leave more
    distortion.
    Raises ValueError for another mesh.
    """
    surface = _surface(model)
    triangles, rest = _with_holes_filled(surface, _rest(surface, model.mirror))
    # vertices that no triangle uses would make the equations singular
    keep, compact = np.unique(triangles, return_inverse=True)
    compact = compact.reshape(triangles.shape)
    border, held_border = _on_the_square(surface, model.mirror)
    rim = np.searchsorted(keep, surface.rim)
    held = np.zeros((len(keep), 2), bool)
    held[rim] = held_border
    plane = relax(compact, rest, embed(compact, rim, border), held, rounds)
    uv = np.full((triangles.max() + 1, 2), np.nan)
    uv[keep] = plane * [1, -1] + [0, 1]
    uv = uv[:NARROW_VERTICES]
    uv = (uv + uv[model.mirror] * [-1, 1] + [1, 0]) / 2
    if not (signed_areas(surface.tri, uv) < 0).all():       # v runs down: seen so, they turn the other way
        raise ValueError("the unwrap has a flipped triangle once left and right are made alike")
    return dict(uv=uv, used=~np.isnan(uv[:, 0]), quads=surface.quads, tri=surface.tri, rim=surface.rim,
                eyes=np.array(surface.eyes), mouth=surface.mouth, mirror=model.mirror)


def _surface(model: FaceModel) -> _Surface:
    points = model.neutral[:NARROW_VERTICES].astype(np.float64)
    moved = sum(strength * model.expression_delta(name)[:NARROW_VERTICES] for name, strength in OPENED)
    symmetric = lambda p: (p + p[model.mirror] * [-1, 1, 1]) / 2  # noqa: E731
    quads = model.faces[:NARROW_FACES]
    loops = boundary_loops(quads)
    if sorted(len(loop) for loop in loops)[:3] != [EYE_BORDER, EYE_BORDER, MOUTH_BORDER] or len(loops) != 4:
        raise ValueError("the face model's narrow face has not the borders of rim, eyes and mouth")
    eyes = [loop for loop in loops if len(loop) == EYE_BORDER]
    rim = max(loops, key=len)
    quads, mouth = peel(quads, next(loop for loop in loops if len(loop) == MOUTH_BORDER), HIDDEN_LIP_RINGS)
    opened = symmetric(points + moved)
    return _Surface(quads, split_quads(quads, opened, rim), rim, eyes, mouth, opened, symmetric(points))


def _rest(surface: _Surface, mirror: np.ndarray) -> np.ndarray:
    """(T, 2, 2) rest triangles at their wished-for size in the square."""
    scale = _scale(surface, mirror)[surface.tri].mean(1)
    enlarged = rest_frames(surface.opened, surface.tri) * scale[:, None, None]
    return enlarged * np.sqrt(FACE_AREA / (np.linalg.det(enlarged).sum() / 2))


def _scale(surface: _Surface, mirror: np.ndarray) -> np.ndarray:
    """(6706,) how many times its length the surface gets, before all is fitted to the square."""
    neutral = surface.neutral
    distance = lambda goal: cKDTree(neutral[goal]).query(neutral)[0]  # noqa: E731
    nose_tip = [int(neutral[:, 2].argmax())]
    scale = np.ones(len(neutral))
    lids = np.concatenate(surface.eyes)
    for (factor, near, far), goal in ((LIDS, lids), (LIPS, surface.mouth), (NOSE, nose_tip)):
        away = distance(goal)
        scale += (factor - 1) * _fade(away, near, far)
    deepest = [NOSTRIL_DEPTH, int(mirror[NOSTRIL_DEPTH])]
    edges = steps_from(deepest, surface.quads, len(neutral), most=20)
    for (factor, near, far), away in ((NOSTRILS, edges), (RIM, distance(surface.rim))):
        scale *= 1 + (factor - 1) * _fade(away, near, far)
    return scale


def _fade(distance: np.ndarray, near: float, far: float) -> np.ndarray:
    """1 up to `near`, 0 from `far` on, smooth between."""
    t = np.clip((far - distance) / (far - near), 0, 1)
    return t * t * (3 - 2 * t)


def _with_holes_filled(surface: _Surface, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles and rest triangles with a fan in each hole.

    The fan meets in one new vertex and wants to be the hole, squeezed to a flat patch of the wished-for size:
    so the hole stays open and cannot fold over.
    """
    triangles, rests = [surface.tri], [rest]
    for hub, loop in enumerate(surface.holes, start=NARROW_VERTICES):
        size = MOUTH_HOLE if loop is surface.mouth else EYE_HOLE
        patch = np.zeros((hub + 1, 3))
        edge = surface.opened[loop]
        patch[loop, :2] = (edge - edge.mean(0))[:, :2] / np.ptp(edge[:, :2], axis=0) * size
        fan = np.stack([np.roll(loop, -1), loop, np.full(len(loop), hub)], 1)
        triangles.append(fan)
        rests.append(rest_frames(patch, fan))
    return np.concatenate(triangles), np.concatenate(rests)


def _on_the_square(surface: _Surface, mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (R, 2) of the rim on the square's border by arc length, and (R, 2) bool: coordinates held there.

    A vertex slides along its side; the four corners stay.
    """
    rim = surface.rim
    points = surface.neutral[rim, :2]
    angle = np.degrees(np.arctan2(points[:, 1] - points[:, 1].mean(), points[:, 0]))
    penalty = np.where(corner_vertices(surface.quads, rim), 0, NOT_A_CORNER_DEG)
    nearest = lambda goal: rim[np.argmin(np.abs(angle - goal) + penalty)]  # noqa: E731
    upper, lower = nearest(CORNER_ANGLE_DEG), nearest(-CORNER_ANGLE_DEG)
    corners = {int(np.flatnonzero(rim == vertex)[0]): place for vertex, place in (
        (upper, (1, 1)), (mirror[upper], (0, 1)), (mirror[lower], (0, 0)), (lower, (1, 0)))}
    order = sorted(corners)
    step = np.linalg.norm(np.diff(surface.neutral[np.r_[rim, rim[0]]], axis=0), axis=1)
    along = np.r_[0, np.cumsum(np.r_[step, step])]            # twice around, so that no side is broken
    places, held = np.zeros((len(rim), 2)), np.zeros((len(rim), 2), bool)
    for start, end in zip(order, [*order[1:], order[0] + len(rim)]):
        side = np.arange(start, end + 1)
        first, last = (np.array(corners[i % len(rim)], float) for i in (start, end))
        share = (along[side] - along[start]) / (along[end] - along[start])
        places[side % len(rim)] = first + share[:, None] * (last - first)
        held[side % len(rim)] |= first == last
    held[order] = True
    return places, held
