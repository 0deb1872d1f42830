"""What happens between a stored sample and the network: an exact similarity, then damage to the picture alone.

Only similarities and the mirror move the picture, so the label (a canonical shape and a head pose with perspective)
stays exact. Everything else changes pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.sample import SAMPLE_UP

CROP_SIDE = 1.35                # x larger side of the 68 landmarks' box: less border, more pixels of the face
SIDE_SD, SHIFT_SD = 0.08, 0.037
ROLL_SD_DEG, WILD_ROLL_DEG, WILD_ROLL_SHARE = 12.0, 60.0, 0.08


@dataclass(frozen=True)
class Placement:
    """A similarity from a sample's pixels to the crop's unit square, after an optional mirror of the sample.

    crop = scale * turn @ pixel + shift, with `turn` (2, 2) a rotation.
    """

    scale: float
    turn: np.ndarray
    shift: np.ndarray
    mirror: bool

    def points(self, points: np.ndarray) -> np.ndarray:
        return self.scale * points @ self.turn.T + self.shift

    def cut(self, image: np.ndarray, size: int) -> np.ndarray:
        """The crop as (size, size, 3) uint8; outside the sample its border is repeated."""
        image = image[:, ::-1] if self.mirror else image
        matrix = np.c_[size * self.scale * self.turn, size * self.shift - 0.5]
        return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def pose(self, rotation, scale, shift, inverse_distance, width: int):
        """The head pose in crop units: rotation (3, 3), scale, shift (2,), inverse distance."""
        if self.mirror:
            flip = np.array([-1.0, 1.0, 1.0])
            rotation = rotation * flip[:, None] * flip
            shift = np.array([width - 1 - shift[0], shift[1]])
        # the picture's y points down, the camera's up
        upright = np.eye(3)
        upright[:2, :2] = self.turn * [[1, -1], [-1, 1]]
        return upright @ rotation, scale * self.scale, self.points(shift), inverse_distance


def draw_placement(rng: np.random.Generator, landmarks: np.ndarray, width: int, steady: bool = False,
                   crop_side: float = CROP_SIDE) -> Placement:
    """A crop as tracking would cut it, with its errors. landmarks (68, 2) in the sample's pixels; steady: no errors;
    crop_side in larger sides of the landmarks' box."""
    mirror = not steady and rng.random() < 0.5
    if mirror:
        landmarks = np.c_[width - 1 - landmarks[:, 0], landmarks[:, 1]]
    roll = 0.0
    if not steady:
        roll = rng.normal(0, ROLL_SD_DEG)
        if rng.random() < WILD_ROLL_SHARE:
            roll = rng.uniform(-WILD_ROLL_DEG, WILD_ROLL_DEG)
    cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    turn = np.array([[cos, -sin], [sin, cos]])
    turned = landmarks @ turn.T
    low, high = turned.min(0), turned.max(0)
    side = crop_side * float((high - low).max())
    centre = (low + high) / 2 - [0, SAMPLE_UP * (high - low)[1]]
    if not steady:
        centre = centre + rng.normal(0, SHIFT_SD, 2) * side
        side *= float(np.exp(rng.normal(0, SIDE_SD)))
    return Placement(1 / side, turn, 0.5 - centre / side, mirror)


def damage(rng: np.random.Generator, image: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Colour, light, blur, low resolution, occluder, noise, JPEG: (S, S, 3) uint8 -> the same. texture: another picture."""
    size = len(image)
    if rng.random() < 0.35:
        image = _occlude(rng, image, texture)
    x = image
    if rng.random() < 0.3:
        x = np.clip(x * _side_light(rng, size), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        x = np.repeat(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    x = cv2.LUT(x, _tones(rng))
    if rng.random() < 0.25:
        small = max(int(size * rng.uniform(0.22, 0.7)), 24)
        how = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
        x = cv2.resize(cv2.resize(x, (small, small), interpolation=how), (size, size),
                       interpolation=cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        x = _blur(rng, x)
    if rng.random() < 0.3:
        strength = rng.uniform(1, 18)
        noise = rng.standard_normal((size, size, 3 if rng.random() < 0.7 else 1), np.float32)
        x = np.clip(x + np.float32(strength) * noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = int(rng.uniform(12, 75))
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return x


def _tones(rng):
    """(256, 1, 3) uint8: what gamma, the colour of the light and the exposure make of each level. One look into a table
    costs a tenth of the sums."""
    level = np.arange(256, dtype=np.float32)[:, None, None].repeat(3, 2)
    if rng.random() < 0.5:
        level = 255 * (level / 255) ** np.float32(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.7:
        level = level * np.exp(rng.normal(0, 0.1, 3)).astype(np.float32)
    gain, lift = np.exp(rng.normal(0, 0.18)), rng.normal(0, 10)
    return np.clip((level - 128) * gain + 128 + lift, 0, 255).astype(np.uint8)


def _side_light(rng, size):
    angle = rng.uniform(0, 2 * np.pi)
    line = np.linspace(-1, 1, size, dtype=np.float32)
    across = np.float32(np.cos(angle)) * line[None, :] + np.float32(np.sin(angle)) * line[:, None]
    sharpness = np.float32(rng.uniform(0.5, 4))
    return (1 + np.float32(rng.uniform(0.15, 0.6)) * np.tanh(sharpness * (across - np.float32(rng.uniform(-0.4, 0.4)))))[..., None]


def _blur(rng, x):
    if rng.random() < 0.5:
        return cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.8))
    length, angle = int(rng.integers(3, 10)), rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    for t in np.linspace(-middle, middle, 4 * length):
        kernel[int(round(middle + t * np.sin(angle))), int(round(middle + t * np.cos(angle)))] = 1
    return cv2.filter2D(x, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _occlude(rng, image, texture):
    """One box, ellipse or bar, plain or textured, most often over the lower half or the sides."""
    size = len(image)
    mask = np.zeros((size, size), np.uint8)
    centre = tuple(int(v) for v in rng.uniform(0.05, 0.95, 2) * size)
    axes = tuple(int(v) for v in rng.uniform(0.06, 0.26, 2) * size)
    angle = rng.uniform(0, 180)
    kind = rng.random()
    if kind < 0.5:
        cv2.ellipse(mask, centre, axes, angle, 0, 360, 255, -1)
    elif kind < 0.85:
        corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), angle))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)
    else:
        along = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]) * size
        ends = [tuple(int(v) for v in np.array(centre) + sign * along) for sign in (-1, 1)]
        cv2.line(mask, *ends, 255, int(rng.uniform(0.02, 0.09) * size) + 1)
    if rng.random() < 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2))
    if rng.random() < 0.5:
        cover = cv2.resize(texture, (size, size))[::-1]
    else:
        cover = np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), image.shape)
    alpha = mask[..., None].astype(np.float32) / 255
    return (image * (1 - alpha) + cover * alpha).astype(np.uint8)


def draw_nonface(rng: np.random.Generator, image: np.ndarray, landmarks: np.ndarray, size: int,
                 crop_side: float = CROP_SIDE) -> np.ndarray:
    """A crop that holds no whole face where a face should be: beside it, far too near or far, or broken into tiles."""
    low, high = landmarks.min(0), landmarks.max(0)
    side, centre = crop_side * float((high - low).max()), (low + high) / 2
    kind = rng.random()
    if kind < 0.4:
        angle = rng.uniform(0, 2 * np.pi)
        centre = centre + side * rng.uniform(0.45, 0.8) * np.array([np.cos(angle), np.sin(angle)])
        side *= rng.uniform(0.6, 1.2)
    elif kind < 0.65:
        side *= rng.uniform(0.12, 0.42)
        centre = centre + rng.uniform(-0.5, 0.5, 2) * (high - low)
    turn = np.eye(2)
    place = Placement(1 / side, turn, 0.5 - centre / side, False)
    crop = place.cut(image, size)
    if kind >= 0.65:
        count = int(rng.integers(3, 7))
        edges = np.linspace(0, size, count + 1).astype(int)
        cell = size // count
        tiles = [cv2.resize(crop[a:b, c:d], (cell, cell)) for a, b in zip(edges, edges[1:]) for c, d in zip(edges, edges[1:])]
        order = rng.permutation(len(tiles))
        rows = [np.hstack([tiles[k] for k in order[r * count:(r + 1) * count]]) for r in range(count)]
        crop = cv2.resize(np.vstack(rows), (size, size))
    return crop
