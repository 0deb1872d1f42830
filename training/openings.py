"""How far lids, lips and the corners of the mouth stand apart in canonical landmarks, as linear functions of them."""

from __future__ import annotations

import numpy as np

from training.scores import LID_PAIRS, LIP_PAIRS, WIDTH_PAIRS

# name -> pairs of landmarks, axis of the canonical frame along which they part, sign
OPENINGS = {"right lid": (LID_PAIRS[:2], 1, 1), "left lid": (LID_PAIRS[2:], 1, 1), "lips": (LIP_PAIRS, 1, 1),
            "mouth width": (WIDTH_PAIRS, 0, -1)}


def openings(landmarks: np.ndarray) -> np.ndarray:
    """Canonical landmarks (..., 68, 3) cm -> (..., 4), in the order of OPENINGS; linear, below 0 where parts overlap."""
    part = lambda pairs, axis, sign: sign * np.mean(        # noqa: E731
        [landmarks[..., a, axis] - landmarks[..., b, axis] for a, b in pairs], 0)
    return np.stack([part(*definition) for definition in OPENINGS.values()], -1)
