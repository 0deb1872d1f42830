"""Other proportions than the face model's: children's, and free ones, as smooth moves of a whole head.

The model is made from adults, and real skin in the pools from portraits of adults. Put on them, these moves show a
network heads where the shape cannot be guessed from whose skin it is: it has to be seen. Places and lengths are
canonical centimetres of the mean head: eyes at (3.1, -0.6), tip of the nose at (0, -3.9), mouth at -7.6, chin at -12.
"""

from __future__ import annotations

import numpy as np

EYES, EYE_REACH = ((3.1, -0.6), (-3.1, -0.6)), 1.6
# a child's face beside an adult's, in strengths of the moves: short below, flat, wide, with large eyes
CHILD = dict(lower_length=-1.3, middle_length=-1.1, forehead=1.0, face_width=0.5, face_depth=-0.5, eye_size=1.1,
             nose_tip=-1.1, nose_bridge=-1.1, nose_width=-0.3, mouth_width=-0.7, lips=0.4, jaw_width=-0.6, chin=-0.8, cheeks=1.2,
             brow_ridge=-1.0)
CHILD_SHARE, YOUNGEST_CHILD, FREE_SHARE, FREE_SD = 0.2, 1.2, 0.3, 0.9


def proportion_moves(points: np.ndarray) -> dict[str, np.ndarray]:
    """Of the mean head's points (V, 3) cm: {name: (V, 3) float32 cm}, each at strength 1, about one standard deviation."""
    x, y, z = points.astype(np.float64).T
    none = np.zeros_like(x)

    def near(at, reach):
        """1 at a place (x, y) and its mirror image, fading with the distances of reach (x, y)."""
        return np.exp(-((np.abs(x) - at[0]) / reach[0]) ** 2 / 2 - ((y - at[1]) / reach[1]) ** 2 / 2) * _rise(z, -5, -1)

    def across(move):
        return np.stack([move, none, none], 1)

    def up(move):
        return np.stack([none, move, none], 1)

    def forward(move):
        return np.stack([none, none, move], 1)

    moves = dict(
        face_width=across(0.05 * x), face_depth=forward(0.05 * (z + 5)),
        lower_length=up(0.09 * np.minimum(y + 4.5, 0)), middle_length=up(0.1 * np.clip(y + 1.3, -3.2, 0)),
        forehead=up(0.08 * np.maximum(y - 0.8, 0)) + forward(0.3 * near((0, 5), (4, 2.5))),
        eye_size=_eye_size(points), eye_distance=across(0.22 * np.sign(x) * near(EYES[0], (1.9, 1.9))),
        nose_width=across(0.13 * x * near((0, -4.6), (1.8, 1.1))), nose_tip=forward(0.4 * near((0, -4), (1.1, 1.5))),
        nose_bridge=forward(0.3 * near((0, -1.3), (0.9, 1.6))),
        mouth_width=across(0.09 * x * near((0, -7.6), (3, 1.2))), lips=up(0.18 * (y + 7.5) * near((0, -7.5), (2.2, 0.9))),
        jaw_width=across(0.07 * x * _rise(-y, 4, 9)), chin=forward(0.4 * near((0, -11), (2.2, 1.6))),
        cheeks=(forward(0.3 * near((4.3, -5.5), (1.8, 2))) + across(0.3 * np.sign(x) * near((5, -5.5), (1.8, 2)))),
        brow_ridge=forward(0.22 * near((2.6, 1.1), (2, 0.9))))
    return {name: move.astype(np.float32) for name, move in moves.items()}


def draw_strengths(rng: np.random.Generator, names: list[str]) -> np.ndarray:
    """(M,) float32 strength of each move for one head: a child's at some age, free ones, or none."""
    pick = rng.random()
    strengths = np.zeros(len(names))
    if pick < CHILD_SHARE:
        young = rng.uniform(0.2, YOUNGEST_CHILD)
        strengths = np.array([CHILD.get(name, 0.0) * young for name in names]) + rng.normal(0, 0.3, len(names))
    elif pick < CHILD_SHARE + FREE_SHARE:
        strengths = np.clip(rng.normal(0, FREE_SD, len(names)), -2, 2)
    return strengths.astype(np.float32)


class Proportions:
    """The moves of one head mesh, as one matrix: call with a batch's generators."""

    def __init__(self, mean_head: np.ndarray) -> None:
        moves = proportion_moves(mean_head)
        self._names, self._matrix = list(moves), np.stack(list(moves.values())).reshape(len(moves), -1)

    def __call__(self, rngs: list[np.random.Generator]) -> np.ndarray:
        """(n, V, 3) float32 cm to add to n shapes of the mesh."""
        # head by head: a product of the batch sums in another order when the batch is another
        heads = [draw_strengths(rng, self._names) @ self._matrix for rng in rngs]
        return np.stack(heads).reshape(len(rngs), -1, 3)


def _eye_size(points: np.ndarray) -> np.ndarray:
    """Lids and eyeballs grow about the eyes' middles, to the sides and forwards: growing upwards would part shut lids."""
    out = np.zeros(points.shape)
    for eye in EYES:
        middle = np.array([*eye, 0.0])
        away = points - middle
        fade = np.exp(-(away[:, :2] ** 2).sum(1) / (2 * EYE_REACH**2)) * _rise(points[:, 2], -5, -2)
        out += 0.1 * away * fade[:, None] * [1, 0, 1]
    return out


def _rise(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
