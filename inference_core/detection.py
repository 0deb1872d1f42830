"""Where faces are: detectors tried in stages that cost more and more, until one finds a face.

The detector is dlib's frontal face detector (Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection",
CVPR 2005; King, "Max-Margin Object Detection", 2015). It sees faces of 80 pixels and more that stand upright and look
somewhere near the camera; so small, cut off and turned ones are brought into that form. Of heads turned by more than 45
degrees it misses most; half of those OpenCV's profile cascade finds (Viola & Jones, CVPR 2001), almost without alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from inference_core.crop import Crop, crop_around


@dataclass(frozen=True)
class Square:
    """Where the crop of the networks lies about a box: side / larger side of the box; its centre above and to the right
    of the box's, in larger sides; turn_deg: how far the head is turned clockwise. Up and right are the turned head's."""

    side: float
    up: float
    right: float
    turn_deg: float


# dlib's detector is five, each for a view, and the cascade is one more. The squares were measured, left and right made
# alike, with python -m benchmarks.detector_box build/pool/portraits-train-1
SQUARES = {
    "front": Square(1.45, -0.03, 0.0, 0.0),
    "looks left": Square(1.35, -0.07, 0.14, 0.0),       # towards the left edge of the picture
    "looks right": Square(1.35, -0.07, -0.14, 0.0),
    "tilted left": Square(1.42, -0.03, 0.0, -24.0),
    "tilted right": Square(1.42, -0.03, 0.0, 24.0),
    "profile left": Square(1.24, -0.11, 0.0, 0.0),
    "profile right": Square(1.24, -0.11, 0.0, 0.0),
    "network": Square(1.0, 0.0, 0.0, 0.0),              # network_search.py: the box is the crop already
}

QUICK, TURNED, THOROUGH, FINEST = 640, 960, 1280, 2400      # longest side in pixels that the detector is given
MAX_GROW = 4.0                  # a small picture is enlarged at most so many times
MARGIN = 0.3                    # of repeated border round pictures that a face fills, in picture sides
TURNS_DEG = (60, -60, 90, -90, 30, -30, 180)
SURE_SCORE = 0.4                # badges and coins reach 0.3; most faces are above 0.5
CASCADE_STEP, CASCADE_NEIGHBOURS, CASCADE_SMALLEST = 1.1, 4, 48
SAME = 0.35                     # boxes that overlap by this share of the smaller one are one face
SMALLEST = 16                   # pictures with a shorter side than this hold no face
USUAL_STAGES = 3                # that find several faces of a picture: quick, thorough, profiles


@dataclass(frozen=True)
class Detection:
    """box (left, top, right, bottom) in image pixels; score: dlib's, higher is surer, above 0 a face, 0 where the
    profile cascade found it; view: which of the detectors found it, a key of SQUARES; angle_deg: how far clockwise the
    head is turned in the picture that was turned back to find it; the box is then the one of the turned picture, about
    the same centre."""

    box: tuple[float, float, float, float]
    score: float
    view: str = "front"
    angle_deg: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether the detector alone can be believed; else a network's presence should decide."""
        return self.score >= SURE_SCORE

    @property
    def size(self) -> float:
        """Larger side in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def crop(self) -> Crop:
        """The square that a network is shown."""
        square = SQUARES[self.view]
        angle = np.deg2rad(self.angle_deg + square.turn_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        middle = np.array([self.box[0] + self.box[2], self.box[1] + self.box[3]]) / 2
        away = np.array([[cos, -sin], [sin, cos]]) @ [square.right, -square.up]
        return crop_around(middle + self.size * away, self.size * square.side, -angle)


def detect_faces(image: np.ndarray, *, all_faces: bool = False) -> list[Detection]:
    """image (H, W, 3) uint8 RGB -> the faces, sure ones first, then largest first; [] where none is found.

    Stops at the first stage (see `search`) that finds a sure one, with all_faces not before small faces and profiles
    have been looked for. Where no stage finds a sure one, the unsure ones are given.
    """
    found: list[Detection] = []
    for number, stage in enumerate(search(image), 1):
        found = merged(found + stage)
        if any(one.sure for one in found) and (number >= USUAL_STAGES or not all_faces):
            break
    return found


def search(image: np.ndarray) -> Iterator[list[Detection]]:
    """What each stage finds, merged: the picture scaled to a bounded size; larger; profiles; with a border; turned;
    larger still."""
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return
    # everything is looked for in one bounded copy: a picture of a hundred million pixels is scaled down once
    grey = _scaled(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), min(FINEST / max(height, width), 1))
    stages: tuple[Callable[[], list[Detection]], ...] = (
        lambda: _look(grey, QUICK),
        lambda: _look(grey, THOROUGH),
        lambda: _look_for_profiles(grey),
        lambda: _look(grey, QUICK, margin=MARGIN),
        lambda: [found for angle in TURNS_DEG for found in _look(grey, TURNED, angle_deg=angle)],
        lambda: _look(grey, FINEST))
    for stage in stages:
        yield [_enlarged(d, width / grey.shape[1], height / grey.shape[0]) for d in merged(stage())]


def _look(grey: np.ndarray, longest: int, angle_deg: float = 0.0, margin: float = 0.0) -> list[Detection]:
    """One run of the detector on the picture scaled to a longest side, turned by -angle_deg, with a border."""
    height, width = grey.shape
    scaled = _scaled(grey, min(longest / max(height, width), MAX_GROW))
    back = np.array([width, height]) / scaled.shape[::-1]
    turn, shift, canvas = _turning(scaled.shape, angle_deg, margin)
    if angle_deg or margin:
        # repeated pixels of a turned picture would make long stripes
        border = cv2.BORDER_CONSTANT if angle_deg else cv2.BORDER_REPLICATE
        scaled = cv2.warpAffine(scaled, np.c_[turn, shift], canvas, borderMode=border, borderValue=128)
    found = []
    for box, score, view in zip(*_detector().run(np.ascontiguousarray(scaled), 0, 0.0)):
        low, high = np.array([box.left(), box.top()], float), np.array([box.right(), box.bottom()], float)
        middle = (turn.T @ ((low + high) / 2 - shift) + 0.5) * back - 0.5
        half = (high - low) / 2 * back.mean()
        # a box whose middle lies outside the picture is one of repeated border
        if (middle >= 0).all() and (middle < [width, height]).all():
            found.append(Detection((*map(float, middle - half), *map(float, middle + half)), float(score),
                                   list(SQUARES)[view], float(angle_deg)))
    return found


def _look_for_profiles(grey: np.ndarray) -> list[Detection]:
    cascade = _profile_cascade()
    if cascade is None:
        return []
    height, width = grey.shape
    scaled = _scaled(grey, min(QUICK / max(height, width), MAX_GROW))
    back = np.array([width, height] * 2) / (scaled.shape[::-1] * 2)
    found = []
    for view, picture in (("profile left", scaled), ("profile right", np.ascontiguousarray(scaled[:, ::-1]))):
        boxes = cascade.detectMultiScale(picture, CASCADE_STEP, CASCADE_NEIGHBOURS, minSize=(CASCADE_SMALLEST,) * 2)
        for x, y, w, h in boxes:
            left = x if view == "profile left" else scaled.shape[1] - x - w
            box = (np.array([left, y, left + w, y + h], float) + 0.5) * back - 0.5
            found.append(Detection((float(box[0]), float(box[1]), float(box[2]), float(box[3])), 0.0, view))
    return found


def _turning(shape: tuple[int, int], angle_deg: float,
             margin: float) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Turn (2, 2), shift (2,), canvas (width, height): the picture turned about its middle, on a canvas that holds it."""
    height, width = shape
    cos, sin = np.cos(np.deg2rad(-angle_deg)), np.sin(np.deg2rad(-angle_deg))
    border = 2 * margin * max(height, width)
    canvas = (int(np.ceil(abs(cos) * width + abs(sin) * height + border)),
              int(np.ceil(abs(sin) * width + abs(cos) * height + border)))
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn, (np.array(canvas) - 1) / 2 - turn @ ((np.array([width, height]) - 1) / 2), canvas


def _enlarged(found: Detection, across: float, down: float) -> Detection:
    """From the pixels of the scaled picture to those of the whole one."""
    left, top, right, bottom = found.box
    return replace(found, box=((left + 0.5) * across - 0.5, (top + 0.5) * down - 0.5,
                               (right + 0.5) * across - 0.5, (bottom + 0.5) * down - 0.5))


def _scaled(grey: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return grey
    size = tuple(max(round(side * scale), 1) for side in grey.shape[::-1])
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def merged(found: list[Detection]) -> list[Detection]:
    """Of boxes that overlap the surest stays; sure ones first, then largest first."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        if not any(overlapping(one, other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda d: (not d.sure, -d.size))


def overlapping(one: Detection, other: Detection) -> bool:
    """Whether two detections are one face."""
    a, b = one.box, other.box
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((r[2] - r[0]) * (r[3] - r[1]) for r in (a, b))
    return max(wide, 0.0) * max(high, 0.0) > SAME * max(smaller, 1e-9)


@lru_cache(maxsize=1)
def _profile_cascade():
    """None where OpenCV was built without it."""
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    if folder is None or not hasattr(cv2, "CascadeClassifier"):
        return None
    cascade = cv2.CascadeClassifier(folder + "haarcascade_profileface.xml")
    return None if cascade.empty() else cascade


@lru_cache(maxsize=1)
def _detector():
    import dlib
    return dlib.get_frontal_face_detector()
