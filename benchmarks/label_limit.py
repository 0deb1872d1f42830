"""What the training's labels of real photos would score themselves: FaceMesh's points, averaged over many looks, through
the fitted face model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference_core.pose import compose
from training.face_model import NARROW_VERTICES, load_face_model
from training.fitting import SKIN_POINTS, FaceFitter, load_anchors
from training.head_mesh import build_head_mesh
from training.relabel import averaged_points, mirror_partners


class LabelLimit:
    """The face model's fit to the FaceMesh points of photos, as the labels of the portraits are made (training/relabel.py,
    training/portraits.py), read as the 68 landmarks."""

    def __init__(self, face_model: Path, correspondence: Path, python: Path) -> None:
        model, anchors = load_face_model(face_model), load_anchors(correspondence)
        self._partners, self._python = mirror_partners(anchors.pick(model.neutral)), python
        self._fitter, self._mesh = FaceFitter(model, anchors), build_head_mesh(model)

    def __call__(self, photos: Sequence[np.ndarray], points: np.ndarray) -> list[np.ndarray | None]:
        """photos (H, W, 3) uint8 RGB; points (n, 478, 3) pixels of each, z towards the camera, from a single look
        -> (68, 2) pixels of each; None where FaceMesh found none."""
        averaged, _ = averaged_points(photos, points, self._partners, self._python)
        return [self.landmarks(of) if np.isfinite(of).all() else None for of in averaged]

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """points (478, 3) pixels, z towards the camera -> (68, 2) pixels."""
        fit = self._fitter.fit(points * [1, 1, -1])
        shape = self._mesh.shapes(fit.identity[None], fit.expression[None])[0, :NARROW_VERTICES]
        moves = self._mesh.spread_residuals(fit.residual[None, :SKIN_POINTS])[0, :NARROW_VERTICES]
        return self._mesh.landmarks(compose(shape.astype(np.float64), fit.pose)[:, :2] + moves)
