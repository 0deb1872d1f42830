"""The last stage of the search: the network itself looks for a face where the detector found none.

A coarse grid of squares over the picture is shown to the network, and the best few are followed: each pass sees the
crop of the last answer. A presence output that learned from faces also believes in dogs, cats and round things, so
what is followed must hold still: looked at from crops moved, sized, turned and mirrored, a face gives the same
landmarks, and what is none wanders. The figures are measured with python -m benchmarks.finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from inference_core.crop import Crop, crop_around, crop_from_landmarks, restore
from inference_core.detection import SMALLEST, STAGES, SURE_SCORE, Detection, merged, search
from inference_core.engine import Network

NETWORK_STAGE = len(STAGES)
ALL_STAGES = (*STAGES, NETWORK_STAGE)
LONGEST = 480                   # pixels of the picture's longest side that is looked at
# Squares from the whole of the shorter side down. Presence survives a square 0.8 to 1.7 times the right one, and a
# centre 0.15 to 0.25 sides off.
LARGEST, RATIO, SMALLEST_SHARE, STEP, INSET, MAX_SQUARES = 1.1, 1.5, 0.3, 0.3, 0.3, 250
APART = 0.2                     # sides; nearer squares lead to one face
FOLLOWED, LEAST_FIRST, PASSES = 6, 0.05, 3
LEAST_LAST = 0.9                # presence after the passes
# (right, down, in sides; times the side; turned, radians; mirrored): about as far as training moved crops
PROBES = ((0.1, 0.0, 1.0, 0.0, False), (-0.1, 0.0, 1.0, 0.0, True), (0.0, 0.1, 1.0, 0.0, True),
          (0.0, -0.1, 1.0, 0.0, False), (0.0, 0.0, 1.2, 0.0, True), (0.0, 0.0, 0.87, 0.0, False),
          (0.0, 0.0, 1.0, 0.25, False), (0.0, 0.0, 1.0, -0.25, True))
STEADINESS_WEIGHT = 4.0
# with what a detector is sure of 5 of 231 pictures without a face, most of cats and dogs
LEAST_CERTAINTY = 22.0
# Turned further than this a face holds less still, but hardly anything else is taken for a face so far turned.
TURNED_DEG, TURNED_ALLOWANCE = 60.0, 4.0


def all_stages(image: np.ndarray, network: Network,
               stages: Sequence[int] = ALL_STAGES) -> Iterator[list[Detection]]:
    """`detection.search`, and last what the network itself finds, where it has a presence output."""
    yield from search(image, [stage for stage in stages if stage != NETWORK_STAGE])
    if NETWORK_STAGE in stages and network.tells_presence:
        yield find(image, network)


def find(image: np.ndarray, network: Network) -> list[Detection]:
    """image (H, W, 3) uint8 RGB -> faces of which the network is certain, as detections of the view "network"."""
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return []
    scale = min(LONGEST / max(height, width), 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    found = []
    for crop in _promising(small, network):
        followed = follow(small, crop, network)
        if followed is not None and certainty(small, followed, network) >= LEAST_CERTAINTY:
            found.append(_detection(followed, width / size[0]))
    return merged(found)


def squares(width: int, height: int) -> list[Crop]:
    """The grid: at most MAX_SQUARES, the large ones first."""
    found: list[Crop] = []
    side = LARGEST * min(width, height)
    while side >= SMALLEST_SHARE * min(width, height):
        level = [crop_around((x, y), side) for y in _line(height, side) for x in _line(width, side)]
        if found and len(found) + len(level) > MAX_SQUARES:
            break
        found += level[::math.ceil(len(level) / MAX_SQUARES)]       # of a very long picture not every one
        side /= RATIO
    return found


def follow(image: np.ndarray, crop: Crop, network: Network) -> Crop | None:
    """Where a face is after some passes; None where the network does not believe in it."""
    for _ in range(PASSES):
        landmarks = _answer(image, crop, network)[0]
        if not (np.isfinite(landmarks).all() and np.ptp(landmarks, axis=0).min() > 1):
            return None
        crop = crop_from_landmarks(landmarks, upright=True)
        if not _lies_in(crop, image):
            return None
    return crop if _presence(image, crop, network) >= LEAST_LAST else None


def certainty(image: np.ndarray, crop: Crop, network: Network) -> float:
    """How certainly a face fills a crop: the mean log odds of presence over the probes, and how little the landmarks
    move between them, as the logarithm of their mean distance in sides of the face."""
    known, _ = _answer(image, crop, network)
    face = max(float(np.ptp(known, axis=0).max()), 1e-6)
    middle, side = crop.to_image(np.array([0.5, 0.5])), 1 / crop.scale
    odds, moved = [], []
    for right, down, times, turn, mirrored in PROBES:
        probe = crop_around(middle + side * np.array([right, down]), side * times, crop.angle_rad + turn)
        landmarks, presence = _answer(image, probe, network, mirrored)
        presence = min(max(presence, 1e-9), 1 - 1e-9)
        odds.append(math.log(presence / (1 - presence)))
        moved.append(float(np.linalg.norm(landmarks - known, axis=1).mean()) / face)
    certain = float(np.mean(odds)) - STEADINESS_WEIGHT * math.log(max(float(np.mean(moved)), 1e-3))
    return certain if math.isfinite(certain) else -math.inf


def certain_enough(certain: float, yaw_deg: float, least: float = LEAST_CERTAINTY) -> bool:
    """Whether a find of this certainty and head pose can be believed."""
    return certain >= least - (TURNED_ALLOWANCE if abs(yaw_deg) > TURNED_DEG else 0.0)


def _line(length: int, side: float) -> np.ndarray:
    """Centres of squares along a side of the picture, so that the outer ones reach out of it by a fifth."""
    low, high = min(INSET * side, length / 2), max(length - INSET * side, length / 2)
    return np.linspace(low, high, math.ceil((high - low) / (STEP * side)) + 1) if high > low else np.array([low])


def _promising(image: np.ndarray, network: Network) -> list[Crop]:
    """The few squares that may hold a face, none near another."""
    tried = [(_presence(image, crop, network), crop) for crop in squares(*image.shape[1::-1])]
    kept: list[Crop] = []
    for presence, crop in sorted(tried, key=lambda one: -one[0]):
        if presence < LEAST_FIRST or len(kept) == FOLLOWED:
            break
        middle = _middle(crop)
        if all(math.dist(middle, _middle(other)) > APART / max(crop.scale, other.scale) for other in kept):
            kept.append(crop)
    return kept


def _answer(image: np.ndarray, crop: Crop, network: Network, mirrored: bool = False) -> tuple[np.ndarray, float]:
    """Landmarks (68, 2) in image pixels and presence, of the crop or of its mirror picture."""
    topology, view = network.topology, network.view(crop)
    seen = view.cut(image, network.input_size)
    answer = network.predict(np.ascontiguousarray(seen[:, ::-1]) if mirrored else seen)
    vertices = topology.vertices(answer.position_map_crop)
    if mirrored:
        vertices = vertices[topology.mirror] * np.float32([-1, 1, 1]) + np.float32([1, 0, 0])
    return topology.landmarks(restore(vertices, view))[:, :2].astype(np.float64), answer.presence


def _presence(image: np.ndarray, crop: Crop, network: Network) -> float:
    return network.presence(network.view(crop).cut(image, network.input_size))


def _lies_in(crop: Crop, image: np.ndarray) -> bool:
    """Whether the middle lies in the picture and the size is one that a face in it can have."""
    (x, y), (height, width) = _middle(crop), image.shape[:2]
    return 0 <= x < width and 0 <= y < height and SMALLEST < 1 / crop.scale < 3 * max(width, height)


def _middle(crop: Crop) -> tuple[float, float]:
    x, y = crop.to_image(np.array([0.5, 0.5]))
    return float(x), float(y)


def _detection(crop: Crop, enlarge: float) -> Detection:
    """The crop as the box of a detection, whose `crop` it is again. Sure, because it was tested harder than others."""
    x, y = ((value + 0.5) * enlarge - 0.5 for value in _middle(crop))
    half = enlarge / crop.scale / 2
    return Detection((x - half, y - half, x + half, y + half), SURE_SCORE, "network", -math.degrees(crop.angle_rad))
