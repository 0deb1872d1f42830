"""Lids and lips are bodies: where they meet they stop.

The default network's code comes from a linear layer, without bounds, so that an answer about a shut eye errs to both
sides: half of the lids stay open by what the other half pass each other by. `with_contacts` adds what skin does, behind
that layer: an opening (the mean of its pairs of landmarks: a single pair of crooked lips may still pass) below that of
lids or lips that touch becomes that one. In training (`training.losses`) the same is done where the truth touches, so
that a network may answer "shut" with all its strength; where the truth is open it is not, as an eye that is open and
answered shut would never learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from training.openings import OPENINGS, openings

# opening: (touching when it measures this, touching in the truth up to this), cm. Shut lids of the labels keep 0 to 10 %
# of their opening at rest, which is 0.8 cm on average (the mean face's 0.5 has all the blinks in it); which share it is is
# drawn by chance, so all of them may be answered alike. Lips of the labels overlap or part by up to 0.2 mm
TOUCH_CM = {"right lid": (0.03, 0.08), "left lid": (0.03, 0.08), "lips": (0.0, 0.03)}
ROWS = [list(OPENINGS).index(name) for name in TOUCH_CM]


@dataclass(frozen=True)
class Contacts:
    """For a shape basis of C components and the K openings of TOUCH_CM: opening = middle (K,) + code @ matrix (C, K), cm;
    floor (K,) where they touch, truly_below (K,) where they do in the truth; back (K, C) parts each by 1 cm and leaves
    the others, while the code moves as little as it can. landmarks (K, 68): opening = landmarks @ canonical y."""

    middle: np.ndarray
    matrix: np.ndarray
    floor: np.ndarray
    truly_below: np.ndarray
    back: np.ndarray
    landmarks: np.ndarray

    def settled(self, code: np.ndarray) -> np.ndarray:
        """(..., C) -> (..., C): openings below their floor are at it; others stay as they are."""
        return code + np.maximum(self.floor - self.middle - code @ self.matrix, 0) @ self.back


def contacts(mean_landmarks: np.ndarray, basis_landmarks: np.ndarray) -> Contacts:
    """From the canonical landmarks (68, 3) cm of the mean and (C, 68, 3) of each component of a basis."""
    matrix = openings(basis_landmarks)[:, ROWS]
    floor, truly_below = np.array(list(TOUCH_CM.values())).T
    height = np.eye(68)[:, :, None] * [0.0, 1.0, 0.0]
    middle, landmarks = openings(mean_landmarks)[ROWS], openings(height)[:, ROWS].T
    return Contacts(middle, matrix, floor, truly_below, np.linalg.pinv(matrix), landmarks)


def contact_layers(touching: Contacts) -> tuple[layers.Dense, layers.Dense]:
    """(passed, back): passed(code (B, C)) -> (B, K) cm that each opening is below its floor by; code + back(passed(code)) is
    settled(code)."""
    components, kinds = touching.matrix.shape
    passed = layers.Dense(kinds, activation="relu", name="passed_each_other")
    back = layers.Dense(components, use_bias=False, name="pushed_back")
    passed.build((None, components))
    back.build((None, kinds))
    passed.set_weights([-touching.matrix, touching.floor - touching.middle])
    back.set_weights([touching.back])
    return passed, back


def with_contacts(model: keras.Model, touching: Contacts) -> keras.Model:
    """The default network with its contact layers behind the code."""
    passed, back = contact_layers(touching)
    outputs = dict(model.output)
    code = outputs["code"]
    outputs["code"] = layers.Add(name="touching")([code, back(passed(code))])
    return keras.Model(model.inputs[0], outputs, name=model.name)
