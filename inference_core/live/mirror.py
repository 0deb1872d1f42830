"""A face as a mirror shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference_core.pose import HeadPose
from inference_core.topology import Topology

FLIP = np.array([-1, 1, 1], np.float32)


def mirrored_vertices(vertices_canonical: np.ndarray, topology: Topology) -> np.ndarray:
    """(N, 3) float32 cm, in the same order: each vertex where the mirror image of its partner is, so that the mesh
    keeps its outside."""
    return vertices_canonical[topology.mirror] * FLIP


def mirrored_pose(pose: HeadPose, width: int) -> HeadPose:
    """The pose in the mirror image of a picture of so many pixels."""
    flip = FLIP.astype(np.float64)
    shift = np.array([width - 1 - pose.shift[0], pose.shift[1]])
    return replace(pose, rotation=flip[:, None] * np.asarray(pose.rotation) * flip, shift=shift)
