"""The skin of a face out of its photo, laid out in the unwrap of the topology.

Every texel knows where in the photo it lies (the position map), and how well the photo shows it there: not at all where
something is in front of it or it turns away, badly where it is seen at a grazing angle. What the photo does not show
comes from the mirrored side of the face, its brightness matched, and what neither side shows, from the skin around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.errors import InputError
from inference_core.mesh import upright, vertex_normals
from inference_core.raster import Raster, rasterize
from inference_core.smooth_fill import smooth_fill

if TYPE_CHECKING:
    from inference_core.regression import Face

LARGEST, AT_ONCE, ROWS = 8192, 2048, 512         # texels a side; more than so many a side are done in rows
DEPTH_SIZE = 512                # pixels of the larger side of the face in the depth test
MARGIN, OUTLINE = 0.012, 0.022  # of the face's larger side: how far off the mesh may lie at edges, at its outline
GRAZING = 0.12, 0.30            # cosine between skin and view: below the first nothing is taken, above the second all
BETTER_SIDE = 0.25, 0.5         # share of the mirrored side's cosine: below the first the mirrored side is taken
FEATHER = 1 / 90                # of the texture's side: how softly the parts meet
MATCH_SIZE = 64                 # texels of the map of brightness between the two sides
MOST_MATCH = 1.1                # of its logarithm: a factor of 3
LARGEST_REMAP, BLUR_SIZE = 32_000, 512        # pixels: what OpenCV takes; what is softened at once
JUMP, BEHIND_ALL = 6.0, -1e9    # pixels of depth between neighbours that make an edge; where there is nothing
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
    topology, vertices = face.topology, np.asarray(face.vertices_image, np.float64)
    at_once = min(size, AT_ONCE)
    unwrap = rasterize(topology.uvs * np.float64(at_once) - 0.5, topology.triangles, (at_once, at_once))
    skin = _from_photo(image, vertices, topology, unwrap, at_once)
    seen = _seen(vertices, topology.triangles, unwrap, image.shape[:2])
    filled, share = _filled(skin, seen, unwrap.covered)
    if size > at_once:
        filled, share = _refined(image, vertices, topology, filled, share, size)
    return Texture(filled, share > 0.5)


def _filled(skin: np.ndarray, seen: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole skin (size, size, 3) uint8, and how much of each texel is its own (size, size) float32 in [0, 1]."""
    own = _feathered(_step(seen, *GRAZING), covered)
    share = own * _step(_blurred(seen / np.maximum(seen[:, ::-1], 1e-3), covered), *BETTER_SIDE) * covered
    borrowed = (1 - share) * own[:, ::-1]
    known = share + borrowed
    mixed = (share[..., None] * skin + borrowed[..., None] * _matched(skin, own)) / np.maximum(known, 1e-6)[..., None]
    return _bytes(smooth_fill(mixed, known)), share


def _refined(image, vertices, topology, coarse: np.ndarray, share: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
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


def _seen(vertices, triangles, unwrap: Raster, photo: tuple[int, int]) -> np.ndarray:
    """(size, size) float32: the cosine between skin and view where the photo shows the texel, 0 where it does not.

    The mesh never lies on the photo to the pixel, so what lies just behind an edge of something nearer, or just inside
    the outline of the face, counts as hidden: its texels would show the other side of that edge.
    """
    low = vertices.min(0)[:2]
    scale = DEPTH_SIZE / max(np.ptp(vertices[:, :2], axis=0).max(), 1e-9)
    reach, border = (int(np.ceil(share * DEPTH_SIZE)) for share in (MARGIN, OUTLINE))
    points = np.c_[(vertices[:, :2] - low) * scale + border, vertices[:, 2] * scale]
    width, height = np.ceil(points.max(0)[:2]).astype(int) + 1 + border
    raster = rasterize(points, triangles, (height, width))
    nearest = np.where(raster.covered, raster.interpolate(points[:, 2]), BEHIND_ALL).astype(np.float32)
    edge = cv2.dilate(_nearer_edges(nearest), _disc(reach))
    inner = cv2.erode(_without_holes(raster.covered), _disc(border), borderType=cv2.BORDER_CONSTANT, borderValue=0)

    toward = np.clip(unwrap.interpolate(vertex_normals(upright(vertices), triangles)[:, 2]), 0, 1)
    x, y, depth = np.moveaxis(unwrap.interpolate(points), 2, 0)
    column, row = np.clip(np.rint(x).astype(int), 0, width - 1), np.clip(np.rint(y).astype(int), 0, height - 1)
    slope = np.sqrt(1 - toward**2) / np.maximum(toward, 1e-3)
    behind = (nearest[row, column] > depth + 1 + slope) | (edge[row, column] > depth + reach * (slope + 1))
    at = [unwrap.interpolate(vertices[:, axis]) for axis in (0, 1)]
    inside = (at[0] >= -0.5) & (at[1] >= -0.5) & (at[0] <= photo[1] - 0.5) & (at[1] <= photo[0] - 0.5)
    return toward * (unwrap.covered & inside & ~behind & (inner[row, column] > 0))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _nearer_edges(nearest: np.ndarray) -> np.ndarray:
    """(H, W): the depth of the nearer side along each jump in depth, BEHIND_ALL elsewhere."""
    edges = np.full_like(nearest, BEHIND_ALL)
    for axis in (0, 1):
        first, second = (np.take(nearest, np.arange(nearest.shape[axis])[part], axis) for part in
                         (slice(None, -1), slice(1, None)))
        jump = np.where(np.abs(first - second) > JUMP, np.maximum(first, second), BEHIND_ALL)
        for part in (slice(None, -1), slice(1, None)):
            view = edges[part] if axis == 0 else edges[:, part]
            np.maximum(view, jump, out=view)
    return edges


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the mask with eyes and mouth closed, where lids and lips are to be kept to their edge."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED)


def _matched(skin: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The mirrored skin in the colours of this side: both are compared, softly, where the photo shows both."""
    mirrored, both = skin[:, ::-1], own * own[:, ::-1]
    ratio = np.log((skin + DARK) / (mirrored + DARK))
    small = (MATCH_SIZE, MATCH_SIZE)
    share = cv2.resize(both, small, interpolation=cv2.INTER_AREA)
    ratio = cv2.resize(ratio * both[..., None], small, interpolation=cv2.INTER_AREA)
    ratio = smooth_fill(ratio / np.maximum(share, 1e-6)[..., None], share)
    ratio = cv2.GaussianBlur(ratio, (0, 0), MATCH_SIZE / 32)
    ratio = cv2.resize(np.clip(ratio, -MOST_MATCH, MOST_MATCH), skin.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return (mirrored + DARK) * np.exp(ratio) - DARK


def _feathered(share: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Fades towards its edges, from the inside alone: nothing comes in where there was nothing."""
    return np.minimum(share, np.clip(2 * _blurred(share, covered) - 1, 0, 1))


def _blurred(values: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Softened over the covered texels; those that are not do not count."""
    side = min(len(values), BLUR_SIZE)
    part, share = (cv2.resize(np.float32(v), (side, side), interpolation=cv2.INTER_AREA) for v in (values * covered, covered))
    part, share = (cv2.GaussianBlur(v, (0, 0), max(FEATHER * side, 0.5)) for v in (part, share))
    return cv2.resize(part / np.maximum(share, 1e-6), values.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
