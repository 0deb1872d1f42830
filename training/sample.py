"""What every source of training samples gives: a picture, the face's shape, and the pose that puts it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inference_core.pose import HeadPose

SAMPLE_SIZE = 248           # pixels a side: a crop of 1.35 times the face keeps 176 of them, more than the network sees
SAMPLE_MARGIN = 1.9         # side / larger side of the 68 landmarks' box
SAMPLE_UP = 0.08            # centre above the box's centre, in box heights


@dataclass(frozen=True)
class Sample:
    """image (248, 248, 3) uint8 RGB; canonical (6706, 3) float32 cm, the narrow face's vertices
    (face_model.NARROW_VERTICES, the model's own order) in the canonical frame;
    pose in pixels of the image: compose(canonical, pose) lies on the picture."""

    image: np.ndarray
    canonical: np.ndarray
    pose: HeadPose


class SampleSource(Protocol):
    """Anything that can make samples; the same seed gives the same samples."""

    name: str

    def samples(self, count: int, seed: int) -> Iterator[Sample]: ...


def sample_frame(landmarks: np.ndarray) -> tuple[float, np.ndarray]:
    """Scale and offset from the plane of landmarks (68, 2+) to a sample's pixels: x' = scale x + offset."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    centre = (low + high) / 2 - [0.0, SAMPLE_UP * (high - low)[1]]
    scale = SAMPLE_SIZE / (SAMPLE_MARGIN * float((high - low).max()))
    return scale, SAMPLE_SIZE / 2 - 0.5 - scale * centre
