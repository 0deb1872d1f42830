"""From a label (the narrow face's 6706 vertices) to what networks learn: mesh, landmarks, a thinned set of points.

A network sees the label through about 1,600 vertices, closed under the mirror, dense where the grid is dense (lids and
lips): as exact as all of them for a smooth face, at a quarter of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.paths import weights_dir
from inference_core.topology import Topology
from training.face_model import NARROW_VERTICES

POINTS = 1600
OPENING_WEIGHT = 4.0                 # lids and lips count this many times
# pairs of the 68 landmarks whose distance is an opening or a width, and how much each counts
GAPS = ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65), (48, 54), (31, 35), (51, 57))
GAP_WEIGHTS = (4.0, 4.0, 4.0, 4.0, 1.0, 1.0, 1.0, 2.5, 0.5, 0.5)


@dataclass(frozen=True)
class LabelMesh:
    """How the mesh hangs on the face model: mesh vertex = sum of weights (N, 3) x label vertices[sources (N, 3)]."""

    sources: np.ndarray
    weights: np.ndarray

    def __call__(self, canonical: np.ndarray) -> np.ndarray:
        """(..., 6706, 3) label -> (..., N, 3) mesh vertices."""
        return (canonical[..., self.sources, :] * self.weights[..., None]).sum(-2)

    def landmark_matrix(self, topology: Topology) -> np.ndarray:
        """(68, 6706): the landmarks as weighted sums of label vertices."""
        matrix = np.zeros((68, NARROW_VERTICES))
        for row, (vertices, weights) in enumerate(zip(topology.landmark_vertices, topology.landmark_weights)):
            for vertex, weight in zip(vertices, weights):
                np.add.at(matrix[row], self.sources[vertex], weight * self.weights[vertex])
        return matrix


@dataclass(frozen=True)
class TrainingPoints:
    """vertices (P,) of the label, ascending; mirror (P,) partner of each; weights (P,) mean 1; landmarks (68, P)."""

    vertices: np.ndarray
    mirror: np.ndarray
    weights: np.ndarray
    landmarks: np.ndarray


def label_mesh(path: Path | None = None) -> LabelMesh:
    """Read from topology.npz."""
    with np.load(path or weights_dir() / "topology.npz", allow_pickle=False) as z:
        return LabelMesh(z["source_vertices"], z["source_weights"])


def training_points(topology: Topology, mesh: LabelMesh, mirror: np.ndarray, count: int = POINTS) -> TrainingPoints:
    """mirror (6706,) of the face model. Landmarks' vertices first, then the point farthest from all chosen in the unwrap."""
    matrix = mesh.landmark_matrix(topology)
    place, openness = _per_label_vertex(topology, mesh)
    reachable = np.flatnonzero(~np.isnan(place[:, 0]) & ~np.isnan(place[mirror, 0]))
    chosen = np.unique(np.r_[np.flatnonzero(matrix.any(0)), mirror[matrix.any(0)]])
    distance = np.full(NARROW_VERTICES, -1.0)
    distance[reachable] = np.inf
    for vertex in chosen:
        distance = np.minimum(distance, ((place - place[vertex]) ** 2).sum(1), where=distance > 0, out=distance)
    chosen = list(chosen)
    while len(chosen) < count:
        vertex = int(np.argmax(distance))
        for new in {vertex, int(mirror[vertex])}:
            chosen.append(new)
            distance = np.minimum(distance, ((place - place[new]) ** 2).sum(1), where=distance > 0, out=distance)
            distance[new] = -1
    vertices = np.sort(np.array(chosen))
    weights = 1 + (OPENING_WEIGHT - 1) * openness[vertices]
    index = np.full(NARROW_VERTICES, -1)
    index[vertices] = np.arange(len(vertices))
    return TrainingPoints(vertices, index[mirror[vertices]], (weights / weights.mean()).astype(np.float32),
                          matrix[:, vertices].astype(np.float32))


def opening_share(topology: Topology, mesh: LabelMesh) -> np.ndarray:
    """(6706,) 1 on lids and lips, 0 elsewhere, between at their borders."""
    return _per_label_vertex(topology, mesh)[1]


def _per_label_vertex(topology: Topology, mesh: LabelMesh) -> tuple[np.ndarray, np.ndarray]:
    """Of each label vertex: its place in the unwrap (6706, 2), NaN where no mesh vertex uses it, and whether it is lid or lip."""
    total, place, open_ = np.zeros(NARROW_VERTICES), np.zeros((NARROW_VERTICES, 2)), np.zeros(NARROW_VERTICES)
    opening = topology.regions["left_lids"] | topology.regions["right_lids"] | topology.regions["lips"]
    for corner in range(3):
        source, weight = mesh.sources[:, corner], mesh.weights[:, corner]
        np.add.at(total, source, weight)
        np.add.at(place, source, weight[:, None] * topology.uvs)
        np.add.at(open_, source, weight * opening)
    used = total > 1e-3
    place[used] /= total[used][:, None]
    place[~used] = np.nan
    return place, np.where(used, open_ / np.maximum(total, 1e-3), 0)
