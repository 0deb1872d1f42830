"""Accuracy as the paper of PRNet measures it (Feng et al., "Joint 3D Face Reconstruction and Dense Alignment with
Position Map Regression Network", ECCV 2018, section 4): alignment of landmarks and of dense points, in 2D and 3D, by
bands of yaw; and the error of a reconstruction after ICP.

All arrays are float64; points are x right, y down, z towards the camera in one unit.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from inference_core.rigid import fit_rigid
from training.scores import face_size

BANDS = {"0-30": (0.0, 30.0), "30-60": (30.0, 60.0), "60-90": (60.0, np.inf)}       # degrees of yaw to either side
OUTER_CORNERS = (36, 45)            # of the eyes: iBUG 68, counted from 0
ICP_ROUNDS, ICP_SETTLED = 1000, 1e-7


def alignment_errors(predicted: np.ndarray, true: np.ndarray, true_landmarks: np.ndarray | None = None) -> np.ndarray:
    """Corresponding points (n, P, 2 or 3) -> (n,) NME: their mean distance in % of sqrt(w h) of the box of the true
    landmarks (n, 68, 2 or 3; default: the points are the landmarks). In 3D the mean z of each face is taken off first:
    a picture does not tell how far away a face is."""
    if predicted.shape != true.shape or true.ndim != 3 or true.shape[2] not in (2, 3):
        raise ValueError(f"points {predicted.shape} and {true.shape} do not correspond")
    away = predicted - true
    if away.shape[2] == 3:
        away = away - np.array([0, 0, 1]) * away.mean(1, keepdims=True)
    size = face_size((true if true_landmarks is None else true_landmarks)[..., :2])
    return 100 * np.linalg.norm(away, axis=2).mean(1) / size


def in_band(yaw_deg: np.ndarray, band: str) -> np.ndarray:
    """(n,) degrees, a key of BANDS -> (n,) bool."""
    low, high = BANDS[band]
    return (np.abs(yaw_deg) >= low) & (np.abs(yaw_deg) < high)


def by_bands(errors: np.ndarray, yaw_deg: np.ndarray) -> dict[str, float | None]:
    """(n,) errors -> the mean of each band of yaw, None where it is empty, and "mean": of the bands, each counting
    alike however many faces it has; None unless all have some."""
    means = {band: float(errors[rows].mean()) if (rows := in_band(yaw_deg, band)).any() else None for band in BANDS}
    return means | {"mean": None if None in means.values() else float(np.mean(list(means.values())))}


def reconstruction_error(predicted: np.ndarray, true: np.ndarray, true_landmarks: np.ndarray) -> float:
    """% : mean distance of each predicted point (P, 3) to its nearest of the true cloud (Q, 3) once ICP has laid the
    prediction onto it (similarity), over the distance of the outer eye corners of the true landmarks (68, 3)."""
    right, left = true_landmarks[list(OUTER_CORNERS)]
    distance, _ = cKDTree(true).query(icp(predicted, true))
    return float(100 * distance.mean() / np.linalg.norm(right - left))


def icp(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """moving (P, 3) laid onto the cloud fixed (Q, 3): nearest points, the similarity that fits them best, and again
    (Besl and McKay, "A method for registration of 3-D shapes", PAMI 1992). Starts from where the points are, their
    means and sizes made equal."""
    tree = cKDTree(fixed)
    spread = lambda points: np.sqrt(np.square(points - points.mean(0)).sum(1).mean())  # noqa: E731
    placed = (moving - moving.mean(0)) * (spread(fixed) / spread(moving)) + fixed.mean(0)
    before = np.inf
    for _ in range(ICP_ROUNDS):
        distance, nearest = tree.query(placed)
        off = np.sqrt(np.square(distance).mean())      # what each round makes smaller; the mean may rise on the way
        if before - off < ICP_SETTLED * spread(fixed):
            break
        before = off
        fit = fit_rigid(placed, fixed[nearest])
        placed = fit.scale * placed @ fit.turn.T + fit.move
    return placed
