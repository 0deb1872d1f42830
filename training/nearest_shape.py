"""How near the shapes that a network can say come to a given one: what its decoder alone costs."""

from __future__ import annotations

import numpy as np

from inference_core.decoder import ShapeDecoder
from inference_core.rigid import fit_rigid
from inference_core.topology import Topology

ROUNDS, CODE_PENALTY = 8, 1e-5          # cm2 of mean squared error for a code of unit length


class SayableShapes:
    """The canonical mesh of every code of one decoder: mean (N, 3) and basis (C, N, 3) cm."""

    def __init__(self, decoder: ShapeDecoder, topology: Topology) -> None:
        size = len(decoder.even_places) + len(decoder.odd_places)
        codes = np.concatenate([np.zeros((1, size)), np.eye(size)]).astype(np.float32)
        shapes = np.stack([topology.vertices(decoder(code)) for code in codes]).astype(np.float64)
        self.mean, self.basis = shapes[0], shapes[1:] - shapes[0]

    def nearest(self, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
        """truth (N, 3), known (N,) bool: of the shapes up to a similarity the one nearest to its known vertices, (N, 3);
        codes are held back by hardly anything, so that a network that sees everything could answer no better."""
        flat = self.basis[:, known].reshape(len(self.basis), -1)
        normal = flat @ flat.T + CODE_PENALTY * known.sum() * np.eye(len(flat))
        shape = self.mean
        for _ in range(ROUNDS):
            fit = fit_rigid(truth[known], shape[known])
            wanted = fit.scale * truth @ fit.turn.T + fit.move
            code = np.linalg.solve(normal, flat @ (wanted - self.mean)[known].ravel())
            shape = self.mean + np.tensordot(code, self.basis, 1)
        return shape
