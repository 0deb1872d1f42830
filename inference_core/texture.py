"""The skin of a face out of its photo, laid out in the unwrap of the topology.

Every texel knows where in the photo it lies (the position map), and how well the photo shows it there: not at all where
something is in front of it or it turns away, badly where it is seen at a grazing angle. What the photo does not show
comes from the mirrored side of the face, its brightness matched, and what neither side shows, from the skin around,
with its grain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.errors import InputError
from inference_core.grain import grain
from inference_core.raster import Raster, rasterize
from inference_core.smooth_fill import smooth_fill
from inference_core.visibility import seen_by_photo

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.topology import Topology

LARGEST, AT_ONCE, ROWS = 8192, 2048, 512         # texels a side; more than so many a side are done in rows
GRAZING = 0.12, 0.30            # cosine between skin and view: below the first nothing is taken, above the second all
BETTER_SIDE = 0.25, 0.5         # share of the mirrored side's cosine: below the first the mirrored side is taken
FEATHER = 1 / 90                # of the texture's side: how softly the parts meet
MATCH_SIZE = 64                 # texels of the map of brightness between the two sides
MOST_LIGHT, MOST_TINT = 0.7, 0.12       # of its logarithm: light differs by a factor of 2, a colour by an eighth
LARGEST_REMAP, BLUR_SIZE = 32_000, 512        # pixels: what OpenCV takes; what is softened at once
DARK = 12.0                     # added to values before their ratio is taken, so that black does not count


@dataclass(frozen=True, eq=False)
class Texture:
    """image (size, size, 3) uint8 RGB, first row v = 0, filled everywhere; visible (size, size) bool: the photo shows
    this texel, it was not filled in."""

    image: np.ndarray
    visible: np.ndarray


def sample_texture(image: np.ndarray, face: Face, size: int = 1024) -> Texture:
    """image (H, W, 3) uint8 RGB, the photo of the face -> its skin, size texels a side. Raises InputError for a size
    that cannot be made."""
    if not 1 <= size <= LARGEST:
        raise InputError(f"a texture of {size} pixels cannot be made; give 1 to {LARGEST}")
    return sampled(image, face, size, unwrapped(face.topology, min(size, AT_ONCE)))[0]


def unwrapped(topology: Topology, size: int) -> Raster:
    """The mesh in texels."""
    return rasterize(topology.uvs * np.float64(size) - 0.5, topology.triangles, (size, size))


def sampled(image: np.ndarray, face: Face, size: int, unwrap: Raster) -> tuple[Texture, np.ndarray]:
    """The skin, and the cosine between skin and view where the photo surely shows the texel, or 0, in as many texels as
    unwrap has: `size`, at most AT_ONCE."""
    topology, vertices = face.topology, np.asarray(face.vertices_image, np.float64)
    at_once = len(unwrap.front)
    skin = _from_photo(image, vertices, topology, unwrap, at_once)
    seen, surely = seen_by_photo(vertices, topology, unwrap, image)
    filled, share = _filled(skin, seen, surely, unwrap.covered)
    if size > at_once:
        filled, share = _refined(image, vertices, topology, filled, share, size)
    return Texture(filled, share > 0.5), surely


def _filled(skin, seen, surely, covered) -> tuple[np.ndarray, np.ndarray]:
    """The whole skin (size, size, 3) uint8, and how much of each texel is its own (size, size) float32 in [0, 1]."""
    own, mirrored = _feathered(_step(seen, *GRAZING), covered), surely[:, ::-1]
    better = np.where(mirrored > 0, surely / np.maximum(mirrored, 1e-3), 1)
    share = own * _step(_blurred(np.minimum(better, 1), covered), *BETTER_SIDE) * covered
    borrowed = (1 - share) * own[:, ::-1]
    known = share + borrowed
    mixed = share[..., None] * skin + borrowed[..., None] * _matched(skin, _step(surely, *GRAZING))
    mixed /= np.maximum(known, 1e-6)[..., None]
    return _bytes(_continued(mixed, known)), share


def _continued(skin: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The colours around, softly, into what is not known, and the skin's grain on them."""
    rough = (1 - known) * grain(np.log(np.maximum(skin.mean(2), 0) + DARK), known)
    return (smooth_fill(skin, known) + DARK) * np.exp(rough)[..., None] - DARK


def _refined(image, vertices, topology, coarse: np.ndarray, share: np.ndarray,
             size: int) -> tuple[np.ndarray, np.ndarray]:
    """A larger copy of a skin with what the photo shows sampled again, some rows at a time to bound the memory."""
    out = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    share = cv2.resize(share, (size, size), interpolation=cv2.INTER_LINEAR)
    texels = topology.uvs * np.float64(size) - 0.5
    for top in range(0, size, ROWS):
        rows = slice(top, min(top + ROWS, size))
        band = rasterize(texels - [0, top], topology.triangles, (rows.stop - top, size))
        weight = (share[rows] * band.covered)[..., None]
        out[rows] = _bytes(out[rows] + weight * (_from_photo(image, vertices, topology, band, size) - out[rows]))
    return out, share


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _from_photo(image, vertices, topology, unwrap: Raster, size: int) -> np.ndarray:
    """(H, size, 3) float32: the photo at each texel; where the photo is finer than the texture, means of it."""
    finer = _log2_pixels_per_texel(vertices, topology.uvs * np.float64(size), topology.triangles)
    level = np.clip(unwrap.interpolate(finer), 0, None)
    coarsest = int(np.ceil(np.clip(np.quantile(finer, 0.99), 0, 16)))
    low = np.clip(np.floor(vertices.min(0)[:2]) - 4, 0, np.array(image.shape[1::-1]) - 1).astype(int)
    high = np.clip(np.ceil(vertices.max(0)[:2]) + 5, low + 1, image.shape[1::-1]).astype(int)
    part = image[low[1]:high[1], low[0]:high[0]]
    x, y = (unwrap.interpolate(vertices[:, axis] - low[axis]) for axis in (0, 1))
    out = np.zeros((*level.shape, 3), np.float32)
    for step in range(coarsest + 1):
        while max(part.shape[:2]) > LARGEST_REMAP:
            part = _halved(part)
        share = np.clip(1 - np.abs(np.minimum(level, coarsest) - step), 0, 1)
        if share.any():
            across, down = np.array(part.shape[1::-1]) / (high - low)
            at = (x + 0.5) * np.float32(across) - 0.5, (y + 0.5) * np.float32(down) - 0.5
            way = cv2.INTER_CUBIC if step == 0 else cv2.INTER_LINEAR
            out += share[..., None] * cv2.remap(part, *at, way, borderMode=cv2.BORDER_REPLICATE)
        part = _halved(part)
    return out


def _halved(picture):
    height, width = (max(side // 2, 1) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _log2_pixels_per_texel(vertices, texels, triangles) -> np.ndarray:
    """(N,) float32: how many pixels of the photo a texel is long, from the areas of the triangles around."""
    in_photo, in_texture = (np.bincount(triangles.ravel(), np.repeat(_area(points, triangles), 3), len(points))
                            for points in (vertices, texels))
    return (0.5 * np.log2(np.maximum(in_photo, 1e-9) / np.maximum(in_texture, 1e-9))).astype(np.float32)


def _area(points, triangles):
    a, b, c = (points[triangles[:, i], :2] for i in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    return np.abs(ux * vy - uy * vx)


def _matched(skin: np.ndarray, surely: np.ndarray) -> np.ndarray:
    """The mirrored skin in the colours of this side: both are compared, softly, where the photo shows both."""
    mirrored, both = skin[:, ::-1], surely * surely[:, ::-1]
    ratio = np.log((skin + DARK) / (mirrored + DARK))
    small = (MATCH_SIZE, MATCH_SIZE)
    share = cv2.resize(both, small, interpolation=cv2.INTER_AREA)
    ratio = cv2.resize(ratio * both[..., None], small, interpolation=cv2.INTER_AREA)
    ratio = smooth_fill(ratio / np.maximum(share, 1e-6)[..., None], share)
    ratio = cv2.GaussianBlur(ratio, (0, 0), MATCH_SIZE / 20)
    light = ratio.mean(2, keepdims=True)
    ratio = np.clip(light, -MOST_LIGHT, MOST_LIGHT) + np.clip(ratio - light, -MOST_TINT, MOST_TINT)
    ratio = cv2.resize(ratio, skin.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return (mirrored + DARK) * np.exp(ratio) - DARK


def _feathered(share: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Fades towards its edges, from the inside alone: nothing comes in where there was nothing."""
    return np.minimum(share, np.clip(2 * _blurred(share, covered) - 1, 0, 1))


def _blurred(values: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Softened over the covered texels; those that are not do not count."""
    side = min(len(values), BLUR_SIZE)
    part, share = (cv2.resize(np.float32(v), (side, side), interpolation=cv2.INTER_AREA)
                   for v in (values * covered, covered))
    part, share = (cv2.GaussianBlur(v, (0, 0), max(FEATHER * side, 0.5)) for v in (part, share))
    return cv2.resize(part / np.maximum(share, 1e-6), values.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
