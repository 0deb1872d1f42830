"""A clip as one way of seeing gives it, in the same few arrays for every way, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference_core.regression import Face
from inference_core.rigid import fit_rigid
from inference_core.take import TakeRows
from inference_core.topology import Topology, load_topology

# upper and lower points of both eyes, of the inner lips, and the outer corners of the eyes: iBUG 68 and FaceMesh
IBUG = (((37, 41), (38, 40), (43, 47), (44, 46)), (62, 66), (36, 45))
FACEMESH = (((160, 144), (158, 153), (385, 380), (387, 373)), (13, 14), (33, 263))
ROUNDS = 3
EYE_SPAN_CM = 8.9               # the outer eye corners of the mean face: FaceMesh tells no centimetres


@dataclass(frozen=True, eq=False)
class Seen:
    """n frames. points (n, P, 3) image pixels; shapes (n, P, 3) in the head's own frame; size (n,) of the inner face in
    the picture; lids, lips (n,) how far they are open. shapes, lids and lips are in inter-ocular distances (between the
    outer corners), which are span_cm and in the picture span_pixels long."""

    points: np.ndarray
    shapes: np.ndarray
    size: np.ndarray
    lids: np.ndarray
    lips: np.ndarray
    span_cm: float
    span_pixels: float


def of_faces(faces: Sequence[Face]) -> Seen:
    topology = faces[0].topology
    return _of_canonical(np.stack([face.vertices_canonical for face in faces]),
                         np.stack([face.vertices_image for face in faces]), topology)


def of_take(take: TakeRows) -> Seen:
    rows = range(len(take))
    return _of_canonical(np.stack([take.canonical(row) for row in rows]),
                         np.stack([take.vertices_image(row) for row in rows]), take.topology)


def of_facemesh(points: np.ndarray) -> Seen:
    """points (n, 468, 3) image pixels. The head's own frame: each frame laid onto their mean by the inner face."""
    topology = load_topology()
    part, weights = topology.regions["rigid"], topology.facemesh_weights[:468]
    inner = (part[topology.facemesh_vertices[:468]] * weights).sum(1) > 0.5
    mean, shapes = points[0], points
    for _ in range(ROUNDS):
        shapes = np.stack([fit_rigid(mean[inner], frame[inner]).undone(frame) for frame in points])
        mean = shapes.mean(0)
    return _seen(points, shapes, points[:, inner], shapes, FACEMESH, None)


def _of_canonical(shapes: np.ndarray, points: np.ndarray, topology: Topology) -> Seen:
    landmarks = np.stack([topology.landmarks(shape) for shape in shapes])
    return _seen(points, shapes, points[:, topology.regions["rigid"]], landmarks, IBUG, 1.0)


def _seen(points, shapes, inner, landmarks, table, cm: float | None) -> Seen:
    """cm: of one unit of the shapes; None: not known."""
    lids, lips, (right, left) = table
    span = float(np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=-1).mean())
    size = np.sqrt(np.square(inner - inner.mean(1, keepdims=True)).sum(-1).mean(1))
    shape_size = np.sqrt(np.square(shapes[0] - shapes[0].mean(0)).sum(-1).mean())
    picture_size = np.sqrt(np.square(points[0] - points[0].mean(0)).sum(-1).mean())
    opened = np.mean([np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=-1) for a, b in lids], 0)
    lips_open = np.linalg.norm(landmarks[:, lips[0]] - landmarks[:, lips[1]], axis=-1)
    return Seen(points, shapes / span, size, opened / span, lips_open / span, span * cm if cm else EYE_SPAN_CM,
                span * picture_size / shape_size)
