"""Expressions to train on: random weights of the face model's expression shapes.

`sample_expression` gives a whole face from nothing (for renders). `vary_expression` changes a given one (for
portraits), moving lids to a drawn *opening* instead of a drawn weight: two people with the same weight do not
have equally closed eyes, and openings are what the labels must get right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model import NARROW_VERTICES, FaceModel
from training.scores import LID_PAIRS, LIP_PAIRS

SIDES = ("L", "R")
SIDE_PAIRS = {"R": LID_PAIRS[:2], "L": LID_PAIRS[2:]}
LOWEST_JAW = -0.15
LIP_OVERLAP_CM = 0.02                       # lips may press into each other by this much
MOUTH_FAMILIES = ("mouthSmile", "mouthPucker", "mouthFunnel", "mouthFrown", "mouthStretch", "mouthRoll",
                  "mouthPress", "mouthLowerDown", "mouthUpperUp", "mouthLeft", "mouthRight", "jawLeft",
                  "jawRight", "mouthDimple", "mouthShrug", "cheekPuff")
UPPER_FACE = ("brow", "eye", "cheekSquint", "cheekRaiser", "noseSneer")
IDENTITY_JITTER = 0.25


def sample_expression(rng: np.random.Generator, face_model: FaceModel) -> np.ndarray:
    """Random expression weights (E,) float32 in face_model's order, each in 0..1; some mouths at rest."""
    weights = np.zeros(len(face_model.expression_names), np.float32)
    if rng.random() < 0.75:
        _add_mouth(rng, face_model.expression_names, weights)
    if rng.random() < 0.5:
        _add_brows(rng, face_model.expression_names, weights)
    for side, share in draw_lid_shares(rng).items():
        shape, strength = ("eyeBlink_", 1 - share) if share < 1 else ("eyeWide_", 2.5 * (share - 1))
        weights[face_model.expression_index(shape + side)] = min(strength, 1)
    if rng.random() < 0.5:
        _add_gaze(rng, face_model, weights)
    return weights


def draw_lid_shares(rng: np.random.Generator) -> dict[str, float]:
    """Share of the present lid opening to move each eye to, by side; empty = leave the lids as they are."""
    pick = rng.random()
    if pick < 0.26:                                             # both closed, or nearly
        share = rng.uniform(0, 0.15)
        return {side: float(np.clip(share + rng.normal(0, 0.02), 0, 1)) for side in SIDES}
    if pick < 0.47:                                             # wink; most are shut, the open eye may be wide
        closed, other = SIDES if rng.random() < 0.5 else SIDES[::-1]
        return {closed: rng.uniform(0, 0.1 if rng.random() < 0.6 else 0.4), other: rng.uniform(0.65, 1.1)}
    if pick < 0.72:                                             # half closed
        share = rng.uniform(0.15, 0.85)
        return {side: share + rng.normal(0, 0.05) for side in SIDES}
    if pick < 0.88:                                             # wide open
        share = rng.uniform(1.05, 1.4)
        return {side: share + rng.normal(0, 0.03) for side in SIDES}
    return {}


def _add_mouth(rng, names, weights):
    if rng.random() < 0.65:
        weights[names.index("jawOpen")] = rng.uniform(0.03, 1) ** 1.3
    for family in rng.choice(MOUTH_FAMILIES, 2 if rng.random() < 0.3 else 1, replace=False):
        strength = rng.uniform(0.2, 0.9)
        _set_family(rng, names, weights, family, strength, spread=0.1)


def _add_brows(rng, names, weights):
    raised = ("browInnerUp", "browOuterUp") if rng.random() < 0.6 else ("browDown",)
    for family in raised:
        _set_family(rng, names, weights, family, rng.uniform(0.2, 1), spread=0.2)
    if rng.random() < 0.3:
        _set_family(rng, names, weights, "cheekSquint", rng.uniform(0, 0.8), spread=0.1)
    if rng.random() < 0.2:
        _set_family(rng, names, weights, "noseSneer", rng.uniform(0, 0.8), spread=0.1)


def _add_gaze(rng, model, weights):
    across, up = rng.normal(0, 0.4, 2)
    shapes = ("eyeLookOut_L", "eyeLookIn_R") if across > 0 else ("eyeLookIn_L", "eyeLookOut_R")
    for shape in shapes:
        weights[model.expression_index(shape)] = min(abs(across), 1)
    for side in SIDES:
        weights[model.expression_index(("eyeLookUp_" if up > 0 else "eyeLookDown_") + side)] = min(abs(up), 1)


def _set_family(rng, names, weights, family, strength, spread):
    for i, name in enumerate(names):
        if name.startswith(family):
            weights[i] = np.clip(strength + rng.normal(0, spread), 0, 1)


@dataclass(frozen=True)
class Openings:
    """Lid and lip openings (cm, canonical y), linear: opening = rest + identity . a + expression . e."""

    rest: np.ndarray                # (5,): lids L, R, then three places along the lips
    identity: np.ndarray            # (5, 100)
    expression: np.ndarray          # (5, E)

    def measure(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        return self.rest + self.identity @ identity + self.expression @ expression


def measure_openings(model: FaceModel, landmarks) -> Openings:
    """landmarks: function from (..., 6706, 3) vertices to the 68 points (..., 68, 3)."""
    pairs = [SIDE_PAIRS[side] for side in SIDES] + [(pair,) for pair in LIP_PAIRS]

    def gaps(points):
        y = landmarks(points[..., :NARROW_VERTICES, :])[..., 1]
        return np.stack([np.mean([y[..., a] - y[..., b] for a, b in some], 0) for some in pairs])
    return Openings(gaps(model.neutral), gaps(model.identity), gaps(model.expression))


def vary_expression(rng: np.random.Generator, model: FaceModel, openings: Openings, identity: np.ndarray,
                    expression: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, bool]:
    """A changed expression for one person, and whether the mouth changed.

    `others` (n, E) are expressions of other people to borrow from. Lid weights may leave 0..1: they are what
    brings this person's lids to the drawn opening.
    """
    names = model.expression_names
    weights = expression.copy()
    lower = np.array([not name.startswith(UPPER_FACE) for name in names])
    brows = np.array([name.startswith("brow") for name in names])
    pick = rng.random()
    changed = pick < 0.78
    if pick < 0.16:                                             # towards rest: takes most smiles away
        weights[lower] *= rng.uniform(0, 0.6)
    elif pick < 0.34:
        weights[lower] = others[rng.integers(len(others)), lower]
    elif changed:
        weights[lower] *= rng.uniform(0, 0.7)
        _add_mouth(rng, names, weights)
    if rng.random() < 0.4:
        weights[brows] = others[rng.integers(len(others)), brows]
        if rng.random() < 0.5:
            _add_brows(rng, names, weights)
    _move_lids(rng, model, openings, identity, expression, weights)
    if changed:
        _settle_lips(model, openings, identity, weights, close=rng.random() < 0.2)
    return weights, changed


def _move_lids(rng, model, openings, identity, expression, weights):
    present = openings.measure(identity, expression)
    for side, share in draw_lid_shares(rng).items():
        row = SIDES.index(side)
        missing = present[row] * share - openings.measure(identity, weights)[row]
        shape = model.expression_index(("eyeBlink_" if share < 1 else "eyeWide_") + side)
        weights[shape] += missing / openings.expression[row, shape]


def _settle_lips(model, openings, identity, weights, close):
    """Lips that would pass through each other are parted by the jaw; `close` brings parted lips together."""
    jaw = model.expression_index("jawOpen")
    gaps = openings.measure(identity, weights)[2:]
    # by the first place to touch
    needed = float(((-LIP_OVERLAP_CM - gaps) / openings.expression[2:, jaw]).max())
    if needed > 0 or close:
        weights[jaw] = max(weights[jaw] + needed, LOWEST_JAW)
