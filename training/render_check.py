"""Does a network follow lids and lips, or does it answer the average face? By bands of yaw.

The mean distance between landmarks (NME) hardly sees whether an eye is shut. The slope of the predicted opening over
the true one does: 1 follows it, 0 answers the same opening always.
"""

from __future__ import annotations

import numpy as np

LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))            # iBUG 68, counted from 0
LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
WIDTH_PAIRS = ((48, 54),)
OPENINGS = {"lip": LIP_PAIRS, "eye": LID_PAIRS, "width": WIDTH_PAIRS}
BANDS = {"0-45": (0.0, 45.0), "45-90": (45.0, np.inf)}          # degrees of yaw to either side
FEWEST = 3
SMALLEST_SPREAD = 1e-6                                          # of the face's size
JAW_LINE = 17                                                   # the first landmarks; the other 51 are the inner face


def openings_report(pred_landmarks: np.ndarray, true_landmarks: np.ndarray, yaw_deg: np.ndarray) -> dict:
    """Landmarks (n, 68, 2 or 3) of one frame, x and y used; yaw (n,) degrees -> numbers for JSON, by band of yaw.

    n; nme68 and nme51: mean distance in % of sqrt(w h) of the true landmarks' box; lip, eye and width _corr and
    _slope: predicted against true opening over that size. None where fewer than three samples, or no spread.
    """
    predicted, true = (np.asarray(points, np.float64)[..., :2] for points in (pred_landmarks, true_landmarks))
    if predicted.shape != true.shape or true.ndim != 3 or true.shape[1] != 68 or len(yaw_deg) != len(true):
        raise ValueError(f"landmarks {predicted.shape} and {true.shape} and {len(yaw_deg)} yaws do not belong together")
    turned = np.abs(np.asarray(yaw_deg, np.float64))
    return {name: _band(predicted[rows], true[rows]) for name, (low, high) in BANDS.items()
            for rows in [(turned >= low) & (turned < high)]}


def _band(predicted: np.ndarray, true: np.ndarray) -> dict:
    enough = len(true) >= FEWEST
    report: dict = {"n": len(true), "nme68": None, "nme51": None}
    if enough:
        size = np.sqrt(np.prod(true.max(1) - true.min(1), axis=1))
        away = 100 * np.linalg.norm(predicted - true, axis=2) / size[:, None]
        report["nme68"], report["nme51"] = float(away.mean()), float(away[:, JAW_LINE:].mean())
    for name, pairs in OPENINGS.items():
        corr, slope = _follow(*(_opening(p, pairs) / size for p in (true, predicted))) if enough else (None, None)
        report[f"{name}_corr"], report[f"{name}_slope"] = corr, slope
    return report


def _opening(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    first, second = np.array(pairs).T
    return np.linalg.norm(points[:, first] - points[:, second], axis=2).mean(1)


def _follow(true: np.ndarray, predicted: np.ndarray) -> tuple[float | None, float | None]:
    """Correlation, and slope of predicted over true."""
    t, p = true - true.mean(), predicted - predicted.mean()
    spread, answered = np.sqrt((t @ t) / len(t)), np.sqrt((p @ p) / len(p))
    if spread < SMALLEST_SPREAD:
        return None, None
    together = (t @ p) / len(t)
    corr = float(together / (spread * answered)) if answered >= SMALLEST_SPREAD else None
    return corr, float(together / spread**2)
