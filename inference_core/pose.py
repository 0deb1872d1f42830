"""Head pose: where the canonical face stands before the camera, and how to find that out.

Frames and the formula of the composition are in docs/architecture.md. Angles are for reports only: positive yaw = the
face looks towards the left edge of the picture, positive pitch = looks up, positive roll = head turned clockwise in the
picture; rotation = roll @ pitch @ yaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_core.crop import Crop
from inference_core.topology import Topology

NEAREST_CM = 25.0               # a camera is never assumed nearer than this to the canonical origin
ROUNDS = 8
OUTLIER = 3.0                   # residuals beyond this many medians count less


@dataclass(frozen=True)
class HeadPose:
    """rotation (3, 3) canonical -> camera axes (x right, y up, z towards the camera); scale in units of the frame per
    cm; shift (2,) of the canonical origin in the frame; inverse_distance of the camera in 1/cm, 0 = orthographic."""

    rotation: np.ndarray
    scale: float
    shift: np.ndarray
    inverse_distance: float = 0.0

    @property
    def yaw_pitch_roll_deg(self) -> tuple[float, float, float]:
        """Degrees; pitch within 90, the others within 180."""
        r = np.asarray(self.rotation)
        yaw, roll = np.arctan2(r[2, 0], r[2, 2]), np.arctan2(r[0, 1], r[1, 1])
        return float(np.rad2deg(yaw)), float(np.rad2deg(np.arcsin(np.clip(-r[2, 1], -1, 1)))), float(np.rad2deg(roll))


def rotation_from_angles(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """(3, 3) of the angles that `HeadPose.yaw_pitch_roll_deg` reports."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.deg2rad([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    roll = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return roll @ pitch @ yaw


def compose(canonical: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Canonical points (..., 3) cm -> points (..., 3) of the pose's frame: x right, y down, z towards the camera."""
    # by whole rows and in place: a third of the time
    points = np.asarray(pose.rotation) @ canonical.reshape(-1, 3).T
    x, y, z = points
    (left, top), scale = map(float, pose.shift), float(pose.scale)      # plain numbers leave single precision as it is
    nearer = scale / (1 - float(pose.inverse_distance) * z)
    x *= nearer
    x += left
    y *= nearer
    np.subtract(top, y, out=y)
    z *= scale
    return points.T.reshape(canonical.shape)


def pose_in_image(pose: HeadPose, crop: Crop) -> HeadPose:
    """A pose in crop units -> in image pixels: turned back, scaled and moved; perspective stays."""
    cos, sin = np.cos(crop.angle_rad), np.sin(crop.angle_rad)
    # the crop turned the picture clockwise by the angle; seen with y up, turning back is counter-clockwise positive
    back = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return HeadPose(back @ pose.rotation, pose.scale / crop.scale, crop.to_image(np.asarray(pose.shift)),
                    pose.inverse_distance)


def decompose(points: np.ndarray, pose: HeadPose) -> np.ndarray:
    """Points (..., 3) of the pose's frame -> canonical points (..., 3) cm; the inverse of `compose`."""
    p_z = points[..., 2] / pose.scale
    away = (1 - pose.inverse_distance * p_z) / pose.scale
    p = np.stack([(points[..., 0] - pose.shift[0]) * away, (pose.shift[1] - points[..., 1]) * away, p_z], -1)
    return p @ np.asarray(pose.rotation)


def fit_pose(vertices: np.ndarray, topology: Topology, reference: np.ndarray | None = None) -> HeadPose:
    """The pose that lays the reference (N, 3), by default the mean face, on vertices (N, 3) of any frame.

    Only the rigid region counts. A similarity (Umeyama, "Least-squares estimation of transformation parameters", PAMI
    1991) starts Gauss-Newton over rotation, scale, shift and perspective; far residuals count less (Huber).
    """
    rigid = topology.regions["rigid"]
    source = (topology.mean_canonical if reference is None else reference)[rigid].astype(np.float64)
    target = vertices[rigid].astype(np.float64)
    pose = _similarity(source, target)
    for _ in range(ROUNDS):
        pose = _improve(source, target, pose)
    return pose


def _similarity(source, target) -> HeadPose:
    upright = target * [1, -1, 1]
    a, b = source - source.mean(0), upright - upright.mean(0)
    u, strength, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((strength * sign).sum() / (a * a).sum())
    shift = (upright.mean(0) - scale * rotation @ source.mean(0))[:2] * [1, -1]
    return HeadPose(rotation, scale, shift, 0.0)


def _improve(source, target, pose: HeadPose) -> HeadPose:
    """One Gauss-Newton step over turn (3), log scale, shift (2), inverse distance."""
    p = source @ pose.rotation.T
    nearer = 1 / (1 - pose.inverse_distance * p[:, 2])
    error = (target - compose(source, pose)) / pose.scale
    size = np.linalg.norm(error, axis=1)
    weight = np.minimum(1, OUTLIER * np.median(size) / np.maximum(size, 1e-12))
    x, y, z = p.T
    zero, k = np.zeros_like(x), pose.inverse_distance
    rows = []
    for axis, sign in ((0, 1.0), (1, -1.0)):
        value = p[:, axis]
        # a turn by w moves p by w x p
        move = np.stack([np.stack([zero, z, -y]), np.stack([-z, zero, x])])[axis].T
        depth = np.stack([y, -x, zero]).T
        turn = sign * (nearer[:, None] * move + (k * value * nearer**2)[:, None] * depth)
        shift = np.stack([zero + (axis == 0), zero + (axis == 1)]).T
        rows.append(np.c_[turn, sign * nearer * value, shift, sign * nearer**2 * value * z])
    rows.append(np.c_[y, -x, zero, z, zero, zero, zero])
    jacobian = np.stack(rows, 1) * np.sqrt(weight)[:, None, None]
    jacobian, error = jacobian.reshape(-1, 7), (error * np.sqrt(weight)[:, None]).ravel()
    step = np.linalg.lstsq(jacobian, error, rcond=1e-9)[0]
    angle = np.linalg.norm(step[:3])
    axis = step[:3] / max(angle, 1e-12)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return HeadPose(turn @ pose.rotation, pose.scale * float(np.exp(np.clip(step[3], -0.5, 0.5))),
                    pose.shift + step[4:6] * pose.scale, float(np.clip(k + step[6], 0, 1 / NEAREST_CM)))
