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

LARGEST = 8192
DEPTH_SIZE = 512                # pixels of the larger side of the face in the depth test
MARGIN = 0.012                  # of the face's larger side: how far off the mesh may lie from what the photo shows
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
    unwrap = rasterize(topology.uvs * np.float64(size) - 0.5, topology.triangles, (size, size))
    covered = unwrap.covered
    skin = _from_photo(image, vertices, topology, unwrap, size)
    seen = _seen(vertices, topology.triangles, unwrap, image.shape[:2])
    own = _feathered(_step(seen, *GRAZING), covered)
    mirrored = seen[:, ::-1]
    share = own * _step(_blurred(seen / np.maximum(mirrored, 1e-3), covered), *BETTER_SIDE)
    borrowed = (1 - share) * own[:, ::-1]
    matched = _matched(skin, own)
    known = share + borrowed
    mixed = (share[..., None] * skin + borrowed[..., None] * matched) / np.maximum(known, 1e-6)[..., None]
    filled = smooth_fill(mixed, known)
    return Texture(np.clip(np.rint(filled), 0, 255).astype(np.uint8), (share > 0.5) & covered)


def _from_photo(image, vertices, topology, unwrap: Raster, size: int) -> np.ndarray:
    """(size, size, 3) float32: the photo at each texel; where the photo is finer than the texture, means of it."""
    finer = _log2_pixels_per_texel(vertices, topology.uvs * np.float64(size), topology.triangles)
    level = np.clip(unwrap.interpolate(finer), 0, None)
    coarsest = int(np.ceil(np.clip(np.quantile(finer, 0.99), 0, 16)))
    low = np.clip(np.floor(vertices.min(0)[:2]) - 4, 0, np.array(image.shape[1::-1]) - 1).astype(int)
    high = np.clip(np.ceil(vertices.max(0)[:2]) + 5, low + 1, image.shape[1::-1]).astype(int)
    part = image[low[1]:high[1], low[0]:high[0]]
    x, y = (unwrap.interpolate(vertices[:, axis] - low[axis]) for axis in (0, 1))
    out = np.zeros((size, size, 3), np.float32)
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
    reach = int(np.ceil(MARGIN * DEPTH_SIZE))
    points = np.c_[(vertices[:, :2] - low) * scale + reach, vertices[:, 2] * scale]
    width, height = np.ceil(points.max(0)[:2]).astype(int) + 1 + reach
    raster = rasterize(points, triangles, (height, width))
    nearest = np.where(raster.covered, raster.interpolate(points[:, 2]), BEHIND_ALL).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    edge = cv2.dilate(_nearer_edges(nearest), disc)
    inner = cv2.erode(_without_holes(raster.covered), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0)

    toward = np.clip(unwrap.interpolate(vertex_normals(upright(vertices), triangles)[:, 2]), 0, 1)
    x, y, depth = np.moveaxis(unwrap.interpolate(points), 2, 0)
    column, row = np.clip(np.rint(x).astype(int), 0, width - 1), np.clip(np.rint(y).astype(int), 0, height - 1)
    slope = np.sqrt(1 - toward**2) / np.maximum(toward, 1e-3)
    behind = (nearest[row, column] > depth + 1 + slope) | (edge[row, column] > depth + reach * (slope + 1))
    at = [unwrap.interpolate(vertices[:, axis]) for axis in (0, 1)]
    inside = (at[0] >= -0.5) & (at[1] >= -0.5) & (at[0] <= photo[1] - 0.5) & (at[1] <= photo[0] - 0.5)
    return toward * (unwrap.covered & inside & ~behind & (inner[row, column] > 0))


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
