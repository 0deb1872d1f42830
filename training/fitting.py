"""Dense face shape from the 478 FaceMesh points of one picture: the face model fitted with perspective.

Gauss-Newton over scale, rotation, shift, identity and expression weights, bounded and with a prior (the
maximum a posteriori fit of a linear face model; Blanz & Vetter 1999 gave the idea). Beside the points
the *gaps* of lids and lips are fitted, because they are what a small error of every point blurs first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.pose import HeadPose
from training.face_model import FaceModel

POINTS, SKIN_POINTS = 478, 468          # the last ten are the irises
VIEWING_DISTANCE_CM = 70.0              # assumed, as the picture rarely tells; 45 or 120 fit nearly as well
EYE_SPAN_CM = 8.9                       # outer eye corners of the mean face: the unit of every error below
SIGMA, HUBER = 0.01, 0.03               # of the eye span
IDENTITY_PRIOR, IDENTITY_BOUND = 6.0, 3.0
EXPRESSION_SHRINK, EXPRESSION_PRIOR, OPPOSED_PRIOR = 6.0, 4.0, 3.0
GAP_WEIGHT, DEPTH_WEIGHT = 3.0, 0.05
MAX_STEPS, MAX_TURN_RAD, MAX_ZOOM = 12, 0.4, 0.3

LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
        78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324)
LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155,
        263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382)
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
OUTER_CORNERS = (33, 263)               # of the subject's right and left eye
NOSE_LINE = (4, 1, 2, 98, 327, 168, 6)
LID_GAPS = ((159, 145), (158, 153), (160, 144), (157, 154), (161, 163),
            (386, 374), (385, 380), (387, 373), (384, 381), (388, 390))
LIP_GAPS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318))
OPPOSED = (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("eyeBlink_L", "eyeWide_L"),
           ("eyeBlink_R", "eyeWide_R"), ("eyeLookUp_L", "eyeLookDown_L"), ("eyeLookUp_R", "eyeLookDown_R"),
           ("eyeLookIn_L", "eyeLookOut_L"), ("eyeLookIn_R", "eyeLookOut_R"), ("mouthSmile_L", "mouthFrown_L"),
           ("mouthSmile_R", "mouthFrown_R"))


@dataclass(frozen=True)
class FaceFit:
    """identity (100,), expression (E,) float32, in the face model's order; pose in the picture's pixels;
    residual (478, 2) float32 pixels, what is left from the model's points to the picture's, y down;
    error: its mean length over the skin points as a share of the outer-eye distance (0.01 = one per cent)."""

    identity: np.ndarray
    expression: np.ndarray
    pose: HeadPose
    residual: np.ndarray
    error: float


@dataclass(frozen=True)
class FaceMeshAnchors:
    """Where the FaceMesh points lie on the face model: vertices and weights (478, 3), whose rows sum to 1;
    oval: the points along the face's outline, which slides over the skin when the head turns."""

    vertices: np.ndarray
    weights: np.ndarray
    oval: np.ndarray

    def pick(self, points: np.ndarray) -> np.ndarray:
        """(..., V, 3) model points -> (..., 478, 3) FaceMesh points, float64."""
        return (points[..., self.vertices, :].astype(np.float64) * self.weights[..., None]).sum(-2)


def load_anchors(path: str | Path) -> FaceMeshAnchors:
    """Read vertex, weight (478, 3) and oval from an .npz. Raises ValueError that names the file."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such FaceMesh correspondence; give the face model's .npz of them")
    with np.load(path, allow_pickle=False) as z:
        if not {"vertex", "weight", "oval"} <= set(z.files) or z["vertex"].shape != (POINTS, 3):
            raise ValueError(f"{path}: is no FaceMesh correspondence (vertex, weight (478, 3), oval)")
        return FaceMeshAnchors(z["vertex"], z["weight"].astype(np.float64), z["oval"])


class FaceFitter:
    """Fits one face model. Set OMP_NUM_THREADS=1: the matrices are too small to share between threads."""

    def __init__(self, model: FaceModel, anchors: FaceMeshAnchors):
        self._skin = np.array(model.skin_expressions)
        self._count = len(model.expression_names)
        self._identities = len(model.identity)
        self._oval = anchors.oval
        self._mean = anchors.pick(model.neutral) - model.origin
        self._basis = anchors.pick(np.concatenate([model.identity, model.expression[self._skin]]))
        self._weights = _point_weights(anchors.oval)
        self._gaps = np.array(LID_GAPS + LIP_GAPS).T
        names = [model.expression_names[i] for i in self._skin]
        n, first = len(self._basis), self._identities
        expressions = np.arange(first, n)
        self._prior = np.diag(np.r_[np.full(first, IDENTITY_PRIOR), np.full(n - first, EXPRESSION_PRIOR)])
        for a, b in OPPOSED:
            i, j = first + names.index(a), first + names.index(b)
            self._prior[i, j] = self._prior[j, i] = OPPOSED_PRIOR
        self._shrink = np.zeros(n)
        self._shrink[expressions] = EXPRESSION_SHRINK
        self._low = np.r_[np.full(first, -IDENTITY_BOUND), np.zeros(n - first)]
        self._high = np.r_[np.full(first, IDENTITY_BOUND), np.ones(n - first)]

    def fit(self, points: np.ndarray) -> FaceFit:
        """points (478, 3): x right, y down in pixels, z on FaceMesh's scale (smaller = nearer)."""
        points = np.asarray(points, np.float64)
        if points.shape != (POINTS, 3) or not np.isfinite(points).all():
            raise ValueError("a fit needs 478 finite FaceMesh points (478, 3)")
        seen, depth = points[:, :2] * [1, -1], -points[:, 2]
        weights = np.zeros(len(self._basis))
        shape = self._mean
        rotation, scale, shift = self._start(seen, depth)
        robust = np.ones(POINTS)
        for _ in range(MAX_STEPS):
            normal, gradient = self._equations(shape, rotation, scale, shift, seen, depth, robust)
            normal[6:, 6:] += self._prior
            gradient[6:] -= self._prior @ weights + self._shrink
            step = _bounded_minimum(normal, gradient, np.r_[np.full(6, -np.inf), self._low - weights],
                                    np.r_[np.full(6, np.inf), self._high - weights])
            turn = step[1:4]
            angle = float(np.linalg.norm(turn))
            scale *= np.exp(np.clip(step[0], -MAX_ZOOM, MAX_ZOOM))
            rotation = _rotation(turn * min(1.0, MAX_TURN_RAD / max(angle, 1e-9))) @ rotation
            shift = shift + scale * step[4:6]
            weights = weights + step[6:]
            shape = self._mean + np.tensordot(weights, self._basis, 1)
            rest = seen - _project(shape @ rotation.T, scale, shift)[0]
            error = np.linalg.norm(rest, axis=1) / (scale * EYE_SPAN_CM)
            robust = 1 / np.maximum(1, error / HUBER)
            if np.abs(step[6:]).max() < 0.005 and angle < 1e-4:
                break
        expression = np.zeros(self._count, np.float32)
        expression[self._skin] = weights[self._identities:]
        pose = HeadPose(rotation, float(scale), shift * [1, -1], 1 / VIEWING_DISTANCE_CM)
        return FaceFit(weights[:self._identities].astype(np.float32), expression, pose,
                       (rest * [1, -1]).astype(np.float32), float(error[:SKIN_POINTS].mean()))

    def _start(self, seen, depth):
        """Rigid alignment with FaceMesh's own depth (Umeyama 1991), the outline left out."""
        inner = np.setdiff1d(np.arange(SKIN_POINTS), self._oval)
        a, b = self._mean[inner], np.c_[seen, depth][inner]
        ac, bc = a - a.mean(0), b - b.mean(0)
        u, s, v = np.linalg.svd(bc.T @ ac)
        sign = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
        rotation = (u * sign) @ v
        scale = (s * sign).sum() / (ac**2).sum()
        return rotation, scale, b.mean(0)[:2] - scale * (rotation @ a.mean(0))[:2]

    def _equations(self, shape, rotation, scale, shift, seen, depth, robust):
        """Normal matrix and gradient for [log scale, turn (3), shift in cm (2), weights]."""
        p = shape @ rotation.T
        u, f = _project(p, scale, shift)
        unit = SIGMA * scale * EYE_SPAN_CM
        count = len(self._basis)
        moves = np.zeros((POINTS, 3, 6 + count))                 # of a point in camera centimetres
        moves[:, 0, 2], moves[:, 0, 3] = p[:, 2], -p[:, 1]       # turn x p
        moves[:, 1, 1], moves[:, 1, 3] = -p[:, 2], p[:, 0]
        moves[:, 2, 1], moves[:, 2, 2] = p[:, 1], -p[:, 0]
        moves[:, :, 6:] = (self._basis @ rotation.T).transpose(1, 2, 0)
        lens = (scale * f**2 / VIEWING_DISTANCE_CM)[:, None] * p[:, :2]
        jacobian = (scale * f)[:, None, None] * moves[:, :2] + lens[..., None] * moves[:, 2:]
        jacobian[:, :, 0] = u - shift
        jacobian[:, 0, 4] = jacobian[:, 1, 5] = scale
        rest = seen - u
        weights = self._weights * robust
        weights[self._oval] *= self._oval_trust(rotation)
        root = np.sqrt(weights)[:, None] / unit
        upper, lower = self._gaps
        gap = GAP_WEIGHT / unit
        skin = slice(SKIN_POINTS)
        flat = np.sqrt(DEPTH_WEIGHT * weights[skin]) / unit
        sunk = scale * (p[skin, 2] - p[skin, 2].mean())
        deep = scale * (moves[skin, 2] - moves[skin, 2].mean(0))
        rows = np.concatenate([(jacobian * root[..., None]).reshape(-1, 6 + count),
                               ((jacobian[upper] - jacobian[lower]) * gap).reshape(-1, 6 + count),
                               deep * flat[:, None]])
        values = np.concatenate([(rest * root).ravel(), ((rest[upper] - rest[lower]) * gap).ravel(),
                                 (depth[skin] - depth[skin].mean() - sunk) * flat])
        return rows.T @ rows, rows.T @ values

    def _oval_trust(self, rotation):
        """FaceMesh's outline follows the silhouette when the head turns: trust its far half less."""
        right = np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2]))
        far = np.sign(right) * self._mean[self._oval, 0] > 2
        return np.where(far, np.clip(1 - abs(right) / 25, 0, 1), np.clip(1 - abs(right) / 60, 0.2, 1))


def _point_weights(oval) -> np.ndarray:
    weights = np.full(POINTS, 0.5)
    weights[list(BROWS)] = 1.0
    weights[list(LIDS + LIPS)] = 3.0
    weights[list(NOSE_LINE)] = 1.5
    weights[oval] = 0.25
    return weights


def _project(p, scale, shift):
    """Camera centimetres -> pixels (y up), and the enlargement of each point by perspective."""
    f = 1 / (1 - p[:, 2] / VIEWING_DISTANCE_CM)
    return shift + scale * p[:, :2] * f[:, None], f


def _rotation(turn: np.ndarray) -> np.ndarray:
    """Rotation vector -> matrix (Rodrigues)."""
    angle = np.linalg.norm(turn)
    k = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
    if angle < 1e-9:
        return np.eye(3) + k
    return np.eye(3) + np.sin(angle) / angle * k + (1 - np.cos(angle)) / angle**2 * k @ k


def _bounded_minimum(h, g, low, high, rounds: int = 15) -> np.ndarray:
    """Minimise x'hx/2 - g'x within bounds: free-set iteration; multipliers say which bounds to leave."""
    x = np.clip(np.zeros(len(g)), low, high)
    held = np.zeros(len(g), np.int8)                              # -1 at low, 1 at high
    for _ in range(rounds):
        x[held < 0], x[held > 0] = low[held < 0], high[held > 0]
        free = held == 0
        x[free] = np.linalg.solve(h[np.ix_(free, free)], g[free] - h[np.ix_(free, ~free)] @ x[~free])
        uphill = h @ x - g
        now = held.copy()
        now[free & (x < low - 1e-9)] = -1
        now[free & (x > high + 1e-9)] = 1
        now[(held < 0) & (uphill < -1e-9)] = 0
        now[(held > 0) & (uphill > 1e-9)] = 0
        if np.array_equal(now, held):
            break
        held = now
    return np.clip(x, low, high)
