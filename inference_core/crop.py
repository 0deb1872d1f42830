"""The square that a network sees: from a face's box or landmarks to a similarity, and back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LANDMARK_CROP_SCALE = 1.5       # side / larger side of the 68 landmarks' box; networks may see less (Network.view)
LANDMARK_CROP_UP = 0.08         # centre above the box's centre, in box heights
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
UPRIGHT_MIN_SHARE = 0.15        # eyes nearer together than this share of the face (a profile) give no eye line


@dataclass(frozen=True)
class Crop:
    """matrix (3, 3) float64: image pixels -> unit square of the crop; a similarity."""

    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """Crop units per image pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def angle_rad(self) -> float:
        """How far the picture is turned, clockwise positive, when it is cut."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    def to_crop(self, points_image: np.ndarray) -> np.ndarray:
        """(..., 2 or 3) image -> crop; z is scaled alone."""
        return _move(self.matrix, self.scale, points_image)

    def to_image(self, points_crop: np.ndarray) -> np.ndarray:
        """(..., 2 or 3) crop -> image; z is scaled alone."""
        return _move(np.linalg.inv(self.matrix), 1 / self.scale, points_crop)

    def scaled(self, times: float) -> Crop:
        """About the same centre, with a side `times` as long."""
        middle = np.array([[1 / times, 0, 0.5 - 0.5 / times], [0, 1 / times, 0.5 - 0.5 / times], [0, 0, 1]])
        return Crop(middle @ self.matrix)

    def lowered(self, share: float) -> Crop:
        """Moved down along its own side by this share of it."""
        return Crop(np.array([[1, 0, 0], [0, 1, -share], [0, 0, 1]]) @ self.matrix) if share else self

    def cut(self, image: np.ndarray, size: int, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """(H, W, 3) uint8 -> (size, size, 3) uint8. Outside, the picture's border is repeated, as in training, or what
        `border` of OpenCV says.

        A picture that must shrink by more than half is first reduced by whole factors, averaging what falls together:
        warping alone would skip pixels.
        """
        step = self.scale * size            # crop pixels per image pixel
        factor = int(min(1 / step, 64)) if step < 0.5 else 1
        image, left, top = self._needed(image, factor)
        matrix = np.array([[size, 0, -0.5], [0, size, -0.5], [0, 0, 1]]) @ self.matrix
        matrix = matrix @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
        if factor > 1:
            height, width = (max(s // factor, 1) for s in image.shape[:2])
            part = image[:height * factor, :width * factor]
            image = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
            grow = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
            matrix = matrix @ grow
        return cv2.warpAffine(image, matrix[:2], (size, size), flags=cv2.INTER_LINEAR, borderMode=border)

    def _needed(self, image: np.ndarray, factor: int) -> tuple[np.ndarray, int, int]:
        """The part of the picture that the square covers, with its left and top: OpenCV warps no picture more than
        32,767 pixels wide, and a small face needs little of a large one. At least some pixels, where they lie
        outside."""
        corners = self.to_image(np.array([[0.0, 0.0], [1, 0], [0, 1], [1, 1]]))
        limit, margin = np.array(image.shape[1::-1]), 3 * factor
        low = np.clip(np.floor(corners.min(0)) - margin, 0, np.maximum(limit - margin, 0))
        low = low.astype(int) // factor * factor
        high = np.clip(np.ceil(corners.max(0)) + margin, np.minimum(low + margin, limit), limit).astype(int)
        return image[low[1]:high[1], low[0]:high[0]], int(low[0]), int(low[1])


def crop_around(centre_image, side: float, angle_rad: float = 0.0) -> Crop:
    """A square crop: centre and side in image pixels; the picture is turned by the angle, clockwise positive."""
    cos, sin = np.cos(angle_rad) / side, np.sin(angle_rad) / side
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = 0.5 - turn @ np.asarray(centre_image, np.float64)
    return Crop(np.array([[*turn[0], shift[0]], [*turn[1], shift[1]], [0, 0, 1]]))


def crop_from_box(box, *, scale: float, up: float) -> Crop:
    """box = (left, top, right, bottom) in image pixels; side = scale x its larger side, centre raised by up x
    height."""
    left, top, right, bottom = map(float, box)
    centre = ((left + right) / 2, (top + bottom) / 2 - up * (bottom - top))
    return crop_around(centre, scale * max(right - left, bottom - top))


def crop_from_landmarks(landmarks_image: np.ndarray, *, upright: bool) -> Crop:
    """The crop about a face; a network sees its own part of it. upright: turned so that the eye line is level."""
    points = np.asarray(landmarks_image, np.float64)[:, :2]
    angle = -eye_line_rad(points) if upright else 0.0
    cos, sin = np.cos(angle), np.sin(angle)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    low, high = turned.min(0), turned.max(0)
    centre = (low + high) / 2 - [0, LANDMARK_CROP_UP * (high - low)[1]]
    back = centre @ np.array([[cos, -sin], [sin, cos]])
    return crop_around(back, max(LANDMARK_CROP_SCALE * float((high - low).max()), 1e-6), angle)


def eye_line_rad(points: np.ndarray) -> float:
    """Angle of the line from the right to the left eye; clockwise in the picture positive. 0 when a profile hides
    it."""
    across = points[LEFT_EYE].mean(0) - points[RIGHT_EYE].mean(0)
    if np.linalg.norm(across) < UPRIGHT_MIN_SHARE * np.ptp(points, axis=0).max():
        return 0.0
    return float(np.arctan2(across[1], across[0]))


def restore(position_map_crop: np.ndarray, crop: Crop) -> np.ndarray:
    """Position map (..., 3) of the crop -> of the image, same dtype; NaN stays NaN."""
    return crop.to_image(position_map_crop).astype(position_map_crop.dtype)


def _move(matrix, scale, points):
    points = np.asarray(points)
    plane = points[..., :2] @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([plane, points[..., 2:] * scale], -1)
