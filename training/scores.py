"""How far predicted landmarks lie from the true ones, and whether openings are followed: what every report is made of.

The mean distance between landmarks (NME) hardly sees whether an eye is shut. The slope of the predicted opening over
the true one does: 1 follows it, 0 answers the same opening always.
"""

from __future__ import annotations

import numpy as np

LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))            # iBUG 68, counted from 0
LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
WIDTH_PAIRS = ((48, 54),)
OPENINGS = {"lip": LIP_PAIRS, "eye": LID_PAIRS, "width": WIDTH_PAIRS}
EYES = ((*LID_PAIRS[:2], (36, 39)), (*LID_PAIRS[2:], (42, 45)))          # two gaps and the corners of each
SHUT, OPEN = 0.2, 0.5                                           # of the opening at rest
JAW_LINE = 17                                                   # the first landmarks; the other 51 are the inner face
FEWEST = 3                                                      # faces that a correlation needs
SMALLEST_SPREAD = 1e-6                                          # of the face's size


def face_size(points: np.ndarray) -> np.ndarray:
    """(n, 68, 2) -> (n,): sqrt(w h) of the landmarks' box."""
    return np.sqrt(np.prod(points.max(1) - points.min(1), axis=1))


def landmark_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(n, 68, 2) each -> (n, 68): distances in % of the true face's size. The mean of a row is its NME."""
    return 100 * np.linalg.norm(predicted - true, axis=2) / face_size(true)[:, None]


def opening(points: np.ndarray, name: str) -> np.ndarray:
    """(n, 68, 2), a key of OPENINGS -> (n,): mean distance of its pairs, in the points' unit."""
    first, second = np.array(OPENINGS[name]).T
    return np.linalg.norm(points[:, first] - points[:, second], axis=2).mean(1)


def opening_scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, float | None]:
    """(n, 68, 2) each -> NAME_corr and NAME_slope of each opening, predicted against true, both over the true face's
    size. None where fewer than three faces, or no spread."""
    scores: dict[str, float | None] = {}
    for name in OPENINGS:
        corr = slope = None
        if len(true) >= FEWEST:
            size = face_size(true)
            corr, slope = follow(opening(true, name) / size, opening(predicted, name) / size)
        scores[f"{name}_corr"], scores[f"{name}_slope"] = corr, slope
    return scores


def eye_openings(points: np.ndarray) -> np.ndarray:
    """(..., 68, 3) in any frame -> (..., 2): how far the lids of the right and of the left eye stand apart, over the eye's
    width; along the face's height alone: lids that meet have their edges one before the other, not one on the other."""
    middle = lambda *rows: points[..., rows, :].mean(-2)  # noqa: E731
    across = middle(42, 45) - middle(36, 39)
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    up = middle(36, 39, 42, 45) - middle(48, 54)
    up -= (up * across).sum(-1, keepdims=True) * across
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    gap = lambda a, b: np.abs(((points[..., a, :] - points[..., b, :]) * up).sum(-1))  # noqa: E731
    width = lambda a, b: np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)  # noqa: E731
    return np.stack([(gap(a, b) + gap(c, d)) / 2 / width(*corners) for (a, b), (c, d), corners in EYES], -1)


def shut_eyes(predicted: np.ndarray, true: np.ndarray, neutral: np.ndarray) -> dict[str, float | int | None]:
    """(n, 68, 3) each, and a face at rest (68, 3): how many eyes are truly shut (less than SHUT of the opening at rest; lids
    are thick, so that their landmarks never meet), what is left of the opening in the truth and in the answer, in % of that
    at rest, in the mean; and in the answer where the partner is open: winks."""
    rest = eye_openings(neutral)
    answered, truly = eye_openings(predicted) / rest, eye_openings(true) / rest
    shut = truly < SHUT
    wink = shut & (truly[:, ::-1] > OPEN)
    mean = lambda of, chosen: float(100 * of[chosen].mean()) if chosen.any() else None  # noqa: E731
    return dict(shut_n=int(shut.sum()), shut_true=mean(truly, shut), shut_left=mean(answered, shut),
                wink_n=int(wink.sum()), wink_left=mean(answered, wink))


def follow(true: np.ndarray, predicted: np.ndarray) -> tuple[float | None, float | None]:
    """Correlation, and slope of predicted over true."""
    t, p = true - true.mean(), predicted - predicted.mean()
    spread, answered = np.sqrt((t @ t) / len(t)), np.sqrt((p @ p) / len(p))
    if spread < SMALLEST_SPREAD:
        return None, None
    together = (t @ p) / len(t)
    corr = float(together / (spread * answered)) if answered >= SMALLEST_SPREAD else None
    return corr, float(together / spread**2)
