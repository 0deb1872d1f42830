"""Where faces are: detectors tried in stages that cost more and more, until one finds a face.

The first is MediaPipe's short-range detector (`short_range`), which sees any head of a fifth of the square that it is
shown: so it is shown the whole picture, its halves, quarters and eighths, and the whole turned. Between these comes
dlib's frontal face detector (Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005; King,
"Max-Margin Object Detection", 2015), which works also where a weights folder brings no detector. What either is not
sure of is for a network's presence to decide.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from inference_core import short_range
from inference_core.crop import Crop, crop_around
from inference_core.dlib_module import load_dlib
from inference_core.weights import detector_file


@dataclass(frozen=True)
class Square:
    """Where the crop of the networks lies about a box: side / larger side of the box; its centre above and to the right
    of the box's, in larger sides; turn_deg: how far the head is turned clockwise. Up and right are the turned
    head's."""

    side: float
    up: float
    right: float
    turn_deg: float


# dlib's detector is five, each for a view. The squares were measured, left and right made alike, with
# python -m benchmarks.detector_box build/pool/portraits-train-1
SQUARES = {
    "front": Square(1.45, -0.03, 0.0, 0.0),
    "looks left": Square(1.35, -0.07, 0.14, 0.0),       # towards the left edge of the picture
    "looks right": Square(1.35, -0.07, -0.14, 0.0),
    "tilted left": Square(1.42, -0.03, 0.0, -24.0),
    "tilted right": Square(1.42, -0.03, 0.0, 24.0),
    "short range": Square(1.48, -0.02, 0.0, 0.0),
    "network": Square(1.0, 0.0, 0.0, 0.0),              # network_search.py: the box is the crop already
}

# of dlib: longest side in pixels that it is given; a small picture is enlarged at most so many times
QUICK, THOROUGH, MAX_GROW = 640, 1280, 4.0
# of the short-range detector: parts of the longest side; squares overlap by this share of one; none smaller in pixels
WHOLE, HALVES, QUARTERS, EIGHTHS = 1, 2, 4, 8
OVERLAP, SMALLEST_SQUARE = 0.4, 96
TURNS_DEG = (90, -90, 180, 45, -45)
BORDER = 1.6                    # the square round a face that fills the picture, in longest sides
LONGEST = 2400                  # pixels; larger pictures are scaled down before they are looked at
LEAST_SCORE = 0.6               # of the short-range detector, 0 of dlib's
# Of 323 pictures without a face, most of them cats and dogs, dlib's detector is above in none and the other in one
# (python -m benchmarks.finding); of what is below, a network must be certain.
SURE_SCORE, SURE_SHORT_RANGE = 0.6, 0.87
SAME = 0.35                     # boxes that overlap by this share of the smaller one are one face
SMALLEST = 16                   # pictures with a shorter side than this hold no face
STAGES, DLIB_STAGES = range(7), (3, 6)      # of `search`
USUAL_STAGES = 3                # that find several faces of a picture: whole, halves, quarters

_dlib_lock = threading.Lock()   # its detector keeps the picture in itself: two threads at once end the program


@dataclass(frozen=True)
class Detection:
    """box (left, top, right, bottom) in image pixels; score: the detector's own, higher is surer; view: which of the
    detectors found it, a key of SQUARES; angle_deg: how far clockwise the head is turned; the box is then the one of
    the picture turned back, about the same centre."""

    box: tuple[float, float, float, float]
    score: float
    view: str = "front"
    angle_deg: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether the detector can be believed; else a network should be certain (`regression.believed`)."""
        return self.score >= (SURE_SHORT_RANGE if self.view == "short range" else SURE_SCORE)

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
    """image (H, W, 3) uint8 RGB -> the faces, largest first; [] where none is found.

    Stops at the first stage (see `search`) that finds a sure one, with all_faces not before small faces have been
    looked for. Where no stage finds a sure one, the unsure ones are given.
    """
    found: list[Detection] = []
    for number, stage in enumerate(search(image), 1):
        found = merged(found + stage)
        if any(one.sure for one in found) and (number >= USUAL_STAGES or not all_faces):
            break
    return [one for one in found if one.sure] or found


def search(image: np.ndarray, stages: Sequence[int] = STAGES) -> Iterator[list[Detection]]:
    """What each of these stages finds, merged. 0: the whole picture; 1: its halves; 2: its quarters; 3: dlib's
    detector; 4: the whole with a border and turned; 5: its eighths; 6: dlib's detector on the picture enlarged. Only
    dlib's where the weights folder brings no detector.

    Raises WeightsError where the detector's file is missing or altered.
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        return
    # everything is looked for in one bounded copy: a picture of a hundred million pixels is scaled down once
    small = _scaled(image, min(LONGEST / max(height, width), 1))
    looks: tuple[Callable[[], list[Detection]], ...] = (
        lambda: _look(small, _squares(small, WHOLE)),
        lambda: _look(small, _squares(small, HALVES)),
        lambda: _look(small, _squares(small, QUARTERS)),
        lambda: _look_for_fronts(small, QUICK),
        lambda: _look(small, _turned_and_bordered(small)),
        lambda: _look(small, _squares(small, EIGHTHS)),
        lambda: _look_for_fronts(small, THOROUGH))
    if detector_file() is None:
        stages = [stage for stage in stages if stage in DLIB_STAGES]
    for stage in stages:
        yield [_enlarged(d, width / small.shape[1], height / small.shape[0]) for d in merged(looks[stage]())]


def _squares(image: np.ndarray, parts: int) -> list[Crop]:
    """Squares with a side of the longest one's part, that cover the picture and overlap; [] where they get too
    small."""
    height, width = image.shape[:2]
    side = max(height, width) / parts
    if parts > 1 and side < SMALLEST_SQUARE:
        return []
    return [crop_around((x, y), side) for y in _line(height, side) for x in _line(width, side)]


def _line(length: int, side: float) -> np.ndarray:
    """Centres of squares along a side of the picture."""
    if length <= side:
        return np.array([(length - 1) / 2])
    count = math.ceil((length - side) / ((1 - OVERLAP) * side)) + 1
    return np.linspace((side - 1) / 2, length - (side + 1) / 2, count)


def _turned_and_bordered(image: np.ndarray) -> list[Crop]:
    """The whole picture with a border round it, and turned."""
    height, width = image.shape[:2]
    middle, side = ((width - 1) / 2, (height - 1) / 2), max(height, width)
    return [crop_around(middle, BORDER * side)] + \
        [crop_around(middle, side, np.deg2rad(turn)) for turn in TURNS_DEG] + \
        [crop_around((x, y), side / HALVES, np.deg2rad(turn))
         for turn in TURNS_DEG[:3] for y in _line(height, side / HALVES) for x in _line(width, side / HALVES)]


def _look(image: np.ndarray, squares: Sequence[Crop]) -> list[Detection]:
    """The short-range detector in squares of the picture; a face is where its middle lies in the picture."""
    height, width = image.shape[:2]
    found = []
    for square in squares:
        for seen in short_range.look(image, square, LEAST_SCORE):
            (x, y), half = seen.centre, seen.side / 2
            if 0 <= x < width and 0 <= y < height:
                found.append(Detection((x - half, y - half, x + half, y + half), seen.score, "short range",
                                       math.degrees(seen.roll_rad)))
    return found


def _look_for_fronts(image: np.ndarray, longest: int) -> list[Detection]:
    """dlib's detector on the picture scaled to a longest side."""
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scaled = _scaled(grey, min(longest / max(height, width), MAX_GROW))
    across, down = width / scaled.shape[1], height / scaled.shape[0]
    found = []
    with _dlib_lock:
        answers = _detector().run(np.ascontiguousarray(scaled), 0, 0.0)
    for box, score, view in zip(*answers):
        corners = (float(box.left()), float(box.top()), float(box.right()), float(box.bottom()))
        found.append(_enlarged(Detection(corners, float(score), list(SQUARES)[view]), across, down))
    return found


def _enlarged(found: Detection, across: float, down: float) -> Detection:
    """From the pixels of the scaled picture to those of the whole one."""
    left, top, right, bottom = found.box
    return replace(found, box=((left + 0.5) * across - 0.5, (top + 0.5) * down - 0.5,
                               (right + 0.5) * across - 0.5, (bottom + 0.5) * down - 0.5))


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    size = tuple(max(round(side * scale), 1) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


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
def _detector():
    return load_dlib().get_frontal_face_detector()
