"""Where faces are: dlib's HOG detector, tried in stages that cost more and more, until one finds a face.

The detector is dlib's frontal face detector (Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection",
CVPR 2005; King, "Max-Margin Object Detection", 2015). It sees faces of 80 pixels and more that stand upright and look
somewhere near the camera; so small, cut off and turned ones are brought into that form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from inference_core.crop import Crop, crop_around, crop_from_box

# The square round dlib's box that matches the crop of the landmarks on which the networks are trained; medians of
# python -m benchmarks.detector_box build/pool/portraits-train-1
BOX_CROP_SCALE = 1.5            # side / larger side of the box
BOX_CROP_UP = 0.0               # centre above the box's centre, in box heights

QUICK, THOROUGH, FINEST = 640, 1280, 2400       # longest side in pixels that the detector is given
MAX_GROW = 4.0                  # a small picture is enlarged at most so many times
MARGIN = 0.3                    # of repeated border round pictures that a face fills, in picture sides
TURNS_DEG = (30, -30, 60, -60, 90, -90, 180)
TURNED_SCORE = 0.3              # a turned picture must convince more: it shows the detector what it never learned
SAME = 0.35                     # boxes that overlap by this share of the smaller one are one face
SMALLEST = 16                   # pictures with a shorter side than this hold no face


@dataclass(frozen=True)
class Detection:
    """box (left, top, right, bottom) in image pixels; score: dlib's, higher is surer, above 0 a face;
    angle_deg: how far the head is turned clockwise in the picture, to the nearest that was tried; then the box is the
    one of the turned picture about the same centre."""

    box: tuple[float, float, float, float]
    score: float
    angle_deg: float = 0.0

    @property
    def size(self) -> float:
        """Larger side in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def crop(self) -> Crop:
        """The square that a network is shown."""
        return crop_of_box(self.box, self.angle_deg)


def crop_of_box(box, angle_deg: float = 0.0) -> Crop:
    """The crop of a face's box in image pixels; angle_deg: how far the head is turned clockwise."""
    upright = crop_from_box(box, scale=BOX_CROP_SCALE, up=BOX_CROP_UP)
    if not angle_deg:
        return upright
    angle = np.deg2rad(angle_deg)
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    raised = upright.to_image(np.array([0.5, 0.5])) - middle
    turned = middle + [raised[0] * np.cos(angle) - raised[1] * np.sin(angle),
                       raised[0] * np.sin(angle) + raised[1] * np.cos(angle)]
    return crop_around(turned, 1 / upright.scale, -angle)


def detect_faces(image: np.ndarray, *, small_faces: bool = False) -> list[Detection]:
    """image (H, W, 3) uint8 RGB -> the faces, largest first; [] where none is found.

    Stops at the first stage that finds a face: the picture scaled to a bounded size, then larger, then with a border,
    then turned, then larger still. small_faces: does not stop at the first one, but looks for smaller faces too.
    """
    if min(image.shape[:2]) < SMALLEST:
        return []
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found = _look(grey, QUICK)
    if small_faces or not found:
        found = _merge(found + _look(grey, THOROUGH))
    if not found:
        found = _look(grey, QUICK, margin=MARGIN)
    for angle in () if found else TURNS_DEG:
        found += [d for d in _look(grey, QUICK, angle_deg=angle) if d.score > TURNED_SCORE]
    if not found:
        found = _look(grey, FINEST)
    return _merge(found)


def _look(grey: np.ndarray, longest: int, angle_deg: float = 0.0, margin: float = 0.0) -> list[Detection]:
    """One run of the detector on the picture scaled to a longest side, turned by -angle_deg, with a border."""
    height, width = grey.shape
    scale = min(longest / max(height, width), MAX_GROW)
    scaled = _scaled(grey, scale)
    # from the scaled picture to what the detector sees: turned about its middle, on a canvas that holds all of it
    angle = np.deg2rad(-angle_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    h, w = scaled.shape
    border = margin * max(h, w)
    canvas_w = int(np.ceil(abs(cos) * w + abs(sin) * h + 2 * border))
    canvas_h = int(np.ceil(abs(sin) * w + abs(cos) * h + 2 * border))
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([canvas_w - 1, canvas_h - 1]) / 2 - turn @ (np.array([w - 1, h - 1]) / 2)
    if angle_deg or margin:
        border_mode = cv2.BORDER_REPLICATE if not angle_deg else cv2.BORDER_CONSTANT
        scaled = cv2.warpAffine(scaled, np.c_[turn, shift], (canvas_w, canvas_h), borderMode=border_mode, borderValue=128)
    boxes, scores, _ = _detector().run(np.ascontiguousarray(scaled), 0, 0.0)
    found = []
    ratio = np.array([width, height]) / [w, h]
    for box, score in zip(boxes, scores):
        low, high = np.array([box.left(), box.top()], float), np.array([box.right(), box.bottom()], float)
        middle = (turn.T @ ((low + high) / 2 - shift) + 0.5) * ratio - 0.5
        half = (high - low) / 2 / scale
        # a box whose middle lies outside the picture is one of repeated border
        if (middle >= 0).all() and (middle < [width, height]).all():
            found.append(Detection((*map(float, middle - half), *map(float, middle + half)), float(score), float(angle_deg)))
    return found


def _scaled(grey: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return grey
    size = tuple(max(round(side * scale), 1) for side in grey.shape[::-1])
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _merge(found: list[Detection]) -> list[Detection]:
    """Of boxes that overlap the surest stays; largest first."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        if all(_overlap(one.box, other.box) < SAME for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda d: -d.size)


def _overlap(a, b) -> float:
    """Shared area as a share of the smaller box."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((r[2] - r[0]) * (r[3] - r[1]) for r in (a, b))
    return max(wide, 0.0) * max(high, 0.0) / max(smaller, 1e-9)


@lru_cache(maxsize=1)
def _detector():
    import dlib
    return dlib.get_frontal_face_detector()
