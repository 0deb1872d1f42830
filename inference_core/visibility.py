"""What of a face the photo shows: not what turns away, lies behind something nearer, or outside the picture, and
not what is behind the head, where the mesh reaches beyond it."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.mesh import upright, vertex_normals
from inference_core.outline import AROUND, background_within
from inference_core.raster import Raster, rasterize
from inference_core.topology import Topology

DEPTH_SIZE = 512                # pixels of the larger side of the face in the depth test
# Of the face's larger side: how far off the mesh may lie at edges, at its outline. The second pair is for where the
# mirrored side can take over: turned faces fit least well at their far outline, and lose nothing there.
MARGINS = (0.012, 0.022), (0.022, 0.040)
# The outline is one beyond which the head turns away where the skin stands so oblique to the view (cosine) and is not
# within so much of the unwrap from the mesh's own end at ears and temples, where skin and hair go on.
OBLIQUE, END = 0.35, 0.06
NEAR = 4                        # pixels around the part of the photo that is looked at
JUMP, BEHIND_ALL = 6.0, -1e9    # pixels of depth between neighbours that make an edge; where there is nothing


def seen_by_photo(vertices, topology: Topology, unwrap: Raster, photo: np.ndarray) -> list[np.ndarray]:
    """vertices (N, 3) float64 in pixels of the photo (H, W, 3) uint8; unwrap: the mesh in texels -> (size, size)
    float32 for each of MARGINS: the cosine between skin and view where the photo shows the texel, or 0.

    The mesh never lies on the photo to the pixel, so what lies just behind an edge of something nearer, or just inside
    the outline of the face, counts as hidden: its texels would show the other side of that edge.
    """
    triangles, low = topology.triangles, vertices.min(0)[:2]
    scale = DEPTH_SIZE / max(np.ptp(vertices[:, :2], axis=0).max(), 1e-9)
    margins = np.ceil(np.array(MARGINS) * DEPTH_SIZE).astype(int)
    border = max(margins.max(), round(AROUND * DEPTH_SIZE))
    points = np.c_[(vertices[:, :2] - low) * scale + border, vertices[:, 2] * scale]
    width, height = np.ceil(points.max(0)[:2]).astype(int) + 1 + border
    raster = rasterize(points, triangles, (height, width))
    nearest = np.where(raster.covered, raster.interpolate(points[:, 2]), BEHIND_ALL).astype(np.float32)
    edges, closed = _nearer_edges(nearest), _without_holes(raster.covered)
    facing = vertex_normals(upright(vertices), triangles)[:, 2]
    to_end = np.minimum(topology.uvs[:, 0], 1 - topology.uvs[:, 0])
    turning = (raster.interpolate(facing) < OBLIQUE) & (raster.interpolate(to_end) > END)
    turning |= raster.interpolate(1 - topology.uvs[:, 1]) < END         # and under the chin
    on_grid, there = _on_grid(photo, low, scale, border, (width, height))
    behind = background_within(on_grid, there, closed, turning & (_eroded(closed, 1) < closed), DEPTH_SIZE)

    toward = np.clip(unwrap.interpolate(facing), 0, 1)
    x, y, depth = np.moveaxis(unwrap.interpolate(points), 2, 0)
    column, row = np.clip(np.rint(x).astype(int), 0, width - 1), np.clip(np.rint(y).astype(int), 0, height - 1)
    slope = np.sqrt(1 - toward**2) / np.maximum(toward, 1e-3)
    at = [unwrap.interpolate(vertices[:, axis]) for axis in (0, 1)]
    inside = (at[0] >= -0.5) & (at[1] >= -0.5) & (at[0] <= photo.shape[1] - 0.5) & (at[1] <= photo.shape[0] - 0.5)
    shown = toward * (unwrap.covered & inside & ~behind[row, column]
                      & (nearest[row, column] <= depth + 1 + slope))
    answers = []
    for reach, outline in margins:
        edge = cv2.dilate(edges, _disc(reach))
        inner = _eroded(closed, outline)
        answers.append(shown * ((inner[row, column] > 0) & (edge[row, column] <= depth + reach * (slope + 1))))
    return answers


def _on_grid(photo, low, scale: float, border: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The photo on the pixels of the depth test (H, W, 3) uint8, and where it has any (H, W) bool."""
    shrunk = min(2 * scale, 1.0)                # by area first: what is left to OpenCV's warp takes single pixels
    photo, start = _needed(photo, low - border / scale, low + (np.array(size) - border) / scale, NEAR / shrunk)
    if shrunk < 1:
        photo = cv2.resize(photo, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    left, top = border - (low - start) * scale + (scale / shrunk - scale) / 2
    matrix = np.array([[scale / shrunk, 0, left], [0, scale / shrunk, top]])
    there = cv2.warpAffine(np.ones(photo.shape[:2], np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    return cv2.warpAffine(photo, matrix, size, borderMode=cv2.BORDER_REPLICATE), there > 0


def _needed(photo, low, high, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The part of the photo from low to high (2,) and a margin, and its left and top: OpenCV warps no picture more than
    32,766 pixels wide. At least the margin, where they lie outside."""
    limit = np.array(photo.shape[1::-1])
    first = np.clip(np.floor(low - margin), 0, np.maximum(limit - np.ceil(margin), 0)).astype(int)
    end = np.clip(np.ceil(high + margin), np.minimum(first + np.ceil(margin), limit), limit).astype(int)
    return photo[first[1]:end[1], first[0]:end[0]], first


def _eroded(mask: np.ndarray, radius: int) -> np.ndarray:
    return cv2.erode(mask, _disc(radius), borderType=cv2.BORDER_CONSTANT, borderValue=0)


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
