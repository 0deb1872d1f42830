"""Similarities of canonical space, and turns as vectors: the algebra that steadying a take needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_core.pose import HeadPose


@dataclass(frozen=True, eq=False)
class Rigid:
    """A similarity of canonical space: seen = scale * turn @ held + move."""

    scale: float
    turn: np.ndarray
    move: np.ndarray

    def undone(self, canonical: np.ndarray) -> np.ndarray:
        """(N, 3) as seen -> (N, 3) float32 on the held skull."""
        return ((canonical - self.move.astype(np.float32)) @ (self.turn / self.scale).astype(np.float32))

    def pose(self, pose: HeadPose) -> HeadPose:
        """The pose that shows `undone` points where `pose` showed the seen ones, exactly but for the zero of depth."""
        move = np.asarray(pose.rotation) @ self.move
        nearer = 1 / (1 - pose.inverse_distance * move[2])
        shift = np.asarray(pose.shift) + pose.scale * nearer * move[:2] * [1, -1]
        return HeadPose(np.asarray(pose.rotation) @ self.turn, pose.scale * self.scale * nearer, shift,
                        pose.inverse_distance * self.scale * nearer)


def fit_rigid(held: np.ndarray, seen: np.ndarray) -> Rigid:
    """(P, 3) points of the held skull and as seen -> the similarity between them (Umeyama, PAMI 1991)."""
    held, seen = held.astype(np.float64), seen.astype(np.float64)
    a, b = held - held.mean(0), seen - seen.mean(0)
    u, strength, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    scale = float((strength * sign).sum() / (a * a).sum())
    return Rigid(scale, turn, seen.mean(0) - scale * turn @ held.mean(0))


def turn_vector(rotation: np.ndarray) -> np.ndarray:
    """(..., 3, 3) -> (..., 3): axis times angle, for turns well below 180 degrees."""
    r = np.asarray(rotation)
    axis = np.stack([r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1) / 2
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    cosine = (np.trace(r, axis1=-2, axis2=-1)[..., None] - 1) / 2
    return axis * np.where(sine > 1e-9, np.arctan2(sine, cosine) / np.maximum(sine, 1e-12), 1.0)


def turn_matrix(vector: np.ndarray) -> np.ndarray:
    """(3,) axis times angle -> (3, 3)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = np.asarray(vector) / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
