"""MediaPipe's short-range face detector, run by OpenCV: one look at a square of the picture takes a millisecond or two.

BlazeFace (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019,
arXiv:1907.05047), the file of the mediapipe wheel as it is. It sees faces that take up a fifth of the square and more,
from the front to the profile, tilted by up to 45 degrees or so.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from inference_core.crop import Crop
from inference_core.errors import WeightsError
from inference_core.weights import WeightsFile, detector_file

SIZE = 128
GRIDS = ((16, 2), (8, 6))       # cells a side, answers of each cell
MOST_LOGIT = 50.0
RIGHT_EYE, LEFT_EYE, MOUTH = 0, 1, 3        # of the six points that come with every box


@dataclass(frozen=True)
class Sighting:
    """centre (x, y) and side of the square box in pixels of the picture; roll_rad: how far the head is turned
    clockwise; score in [0, 1]."""

    centre: tuple[float, float]
    side: float
    roll_rad: float
    score: float


def look(image: np.ndarray, square: Crop, least_score: float) -> list[Sighting]:
    """What is seen in a square of the picture (H, W, 3) uint8 RGB, any number of times each face, surest first; nothing
    where the weights folder brings no such detector. Raises WeightsError where its file is missing or altered."""
    file = detector_file()
    if file is None:
        return []
    scores, boxes = _run(file, square.cut(image, SIZE, border=cv2.BORDER_CONSTANT))
    chosen = np.flatnonzero(scores >= least_score)
    return [_sighting(boxes[i], float(scores[i]), square) for i in chosen[np.argsort(-scores[chosen])]]


def _sighting(numbers: np.ndarray, score: float, square: Crop) -> Sighting:
    """From the unit square to the picture. The roll comes from the line of the eyes and the way from there to the mouth
    together: in a profile the eyes are too near each other to tell."""
    centre, points = square.to_image(numbers[:2]), square.to_image(numbers[4:].reshape(6, 2))
    across = points[LEFT_EYE] - points[RIGHT_EYE]
    down = points[MOUTH] - (points[RIGHT_EYE] + points[LEFT_EYE]) / 2
    roll = math.atan2(across[1] - down[0], across[0] + down[1])
    return Sighting((float(centre[0]), float(centre[1])), float(max(numbers[2:4])) / square.scale, roll, score)


def _run(file: WeightsFile, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S, S, 3) uint8 -> scores (896,) in [0, 1], and (896, 16) centre, size and six points in the unit square."""
    blob = seen.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(127.5) - 1
    network, lock = _network(file)
    with lock:
        network.setInput(blob)
        logits, numbers = network.forward(["classificators", "regressors"])
    scores = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -MOST_LOGIT, MOST_LOGIT)))
    boxes = numbers.reshape(-1, 16).astype(np.float64) / SIZE
    boxes[:, :2] += _anchors()
    boxes[:, 4:] += np.tile(_anchors(), 6)
    return scores, boxes


@lru_cache(maxsize=1)
def _anchors() -> np.ndarray:
    """(896, 2): the middle of the cell that each answer belongs to."""
    places = []
    for cells, answers in GRIDS:
        y, x = np.mgrid[:cells, :cells]
        places.append(np.repeat((np.stack([x.ravel(), y.ravel()], 1) + 0.5) / cells, answers, axis=0))
    return np.concatenate(places)


@lru_cache(maxsize=2)
def _network(file: WeightsFile) -> tuple[cv2.dnn.Net, threading.Lock]:
    data = np.frombuffer(file.read(), np.uint8)
    try:
        return cv2.dnn.readNetFromTFLite(data), threading.Lock()
    except (cv2.error, AttributeError) as error:
        raise WeightsError(f"{file.path}: this OpenCV ({cv2.__version__}) cannot load the face detector; install "
                           "opencv-python-headless 4.10 or newer") from error
