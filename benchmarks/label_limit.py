"""What the training's labels of real photos would score themselves: FaceMesh's points through the fitted face model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.pose import compose
from training.face_model import NARROW_VERTICES, load_face_model
from training.fitting import SKIN_POINTS, FaceFitter, load_anchors
from training.head_mesh import build_head_mesh


class LabelLimit:
    """The face model's fit to the FaceMesh points of one photo, as the labels of the portraits are made
    (training/portraits.py), read as the 68 landmarks."""

    def __init__(self, face_model: Path, correspondence: Path) -> None:
        model = load_face_model(face_model)
        self._fitter, self._mesh = FaceFitter(model, load_anchors(correspondence)), build_head_mesh(model)

    def __call__(self, points: np.ndarray) -> np.ndarray | None:
        """points (478, 3) pixels, z towards the camera -> (68, 2) pixels; None where FaceMesh found none."""
        if not np.isfinite(points).all():
            return None
        fit = self._fitter.fit(points * [1, 1, -1])
        shape = self._mesh.shapes(fit.identity[None], fit.expression[None])[0, :NARROW_VERTICES]
        moves = self._mesh.spread_residuals(fit.residual[None, :SKIN_POINTS])[0, :NARROW_VERTICES]
        return self._mesh.landmarks(compose(shape.astype(np.float64), fit.pose)[:, :2] + moves)
