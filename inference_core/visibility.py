"""What of a face the photo shows: not what turns away, lies behind something nearer, or outside the picture."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.mesh import upright, vertex_normals
from inference_core.raster import Raster, rasterize

DEPTH_SIZE = 512                # pixels of the larger side of the face in the depth test
# Of the face's larger side: how far off the mesh may lie at edges, at its outline. The second pair is for where the
# mirrored side can take over: turned faces fit least well at their far outline, and lose nothing there.
MARGINS = (0.012, 0.022), (0.022, 0.040)
JUMP, BEHIND_ALL = 6.0, -1e9    # pixels of depth between neighbours that make an edge; where there is nothing


def seen_by_photo(vertices, triangles, unwrap: Raster, photo: tuple[int, int]) -> list[np.ndarray]:
    """(size, size) float32 for each of MARGINS: the cosine between skin and view where the photo shows the texel, or 0.

    The mesh never lies on the photo to the pixel, so what lies just behind an edge of something nearer, or just inside
    the outline of the face, counts as hidden: its texels would show the other side of that edge.
    """
    low = vertices.min(0)[:2]
    scale = DEPTH_SIZE / max(np.ptp(vertices[:, :2], axis=0).max(), 1e-9)
    margins = np.ceil(np.array(MARGINS) * DEPTH_SIZE).astype(int)
    border = margins.max()
    points = np.c_[(vertices[:, :2] - low) * scale + border, vertices[:, 2] * scale]
    width, height = np.ceil(points.max(0)[:2]).astype(int) + 1 + border
    raster = rasterize(points, triangles, (height, width))
    nearest = np.where(raster.covered, raster.interpolate(points[:, 2]), BEHIND_ALL).astype(np.float32)
    edges, closed = _nearer_edges(nearest), _without_holes(raster.covered)

    toward = np.clip(unwrap.interpolate(vertex_normals(upright(vertices), triangles)[:, 2]), 0, 1)
    x, y, depth = np.moveaxis(unwrap.interpolate(points), 2, 0)
    column, row = np.clip(np.rint(x).astype(int), 0, width - 1), np.clip(np.rint(y).astype(int), 0, height - 1)
    slope = np.sqrt(1 - toward**2) / np.maximum(toward, 1e-3)
    at = [unwrap.interpolate(vertices[:, axis]) for axis in (0, 1)]
    inside = (at[0] >= -0.5) & (at[1] >= -0.5) & (at[0] <= photo[1] - 0.5) & (at[1] <= photo[0] - 0.5)
    shown = toward * (unwrap.covered & inside & (nearest[row, column] <= depth + 1 + slope))
    answers = []
    for reach, outline in margins:
        edge = cv2.dilate(edges, _disc(reach))
        inner = cv2.erode(closed, _disc(outline), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        answers.append(shown * ((inner[row, column] > 0) & (edge[row, column] <= depth + reach * (slope + 1))))
    return answers


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
