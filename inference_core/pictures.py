"""Pictures to judge a capture by: mesh and landmarks over the photo, depth, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.crop import crop_around
from inference_core.mesh import upright, vertex_normals
from inference_core.raster import rasterize
from inference_core.topology import Topology

if TYPE_CHECKING:
    from inference_core.regression import Face

WIRE, OUTLINE, POINT = (120, 225, 255), (255, 196, 84), (255, 255, 255)         # RGB
WIRE_STRENGTH, OUTLINE_STRENGTH, POINT_STRENGTH = 0.38, 0.85, 1.0
LINES_ACROSS, LEAST_SPACING = 64, 5.0   # lines of the mesh across a large face; pixels between two of them
POINT_RADIUS, LINE_WIDTH, WIRE_WIDTH = 0.0055, 0.0035, 0.0016       # of the face's larger side
FINEST, SHARPEST = 4, 4096              # a small face is drawn enlarged and reduced again, up to this side in pixels
SHIFT = 4                               # OpenCV's fixed point: sixteenths of a pixel
# the 68 landmarks: first, last, closed
PARTS = ((0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False), (36, 41, True),
         (42, 47, True), (48, 59, True), (60, 67, True))
PAPER, INK, FONT = (28, 29, 32), (222, 222, 222), cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(image: np.ndarray, faces: Sequence[Face], *, mesh: bool = True, landmarks: bool = True) -> np.ndarray:
    """The photo (H, W, 3) uint8 RGB with the mesh as a fine net where it faces the camera, and the 68 landmarks -> the
    same size. Lines are as fine as the face is large."""
    out = image.copy()
    for face in faces:
        _draw(out, face.topology, np.asarray(face.vertices_image), np.asarray(face.landmarks_image), mesh, landmarks)
    return out


def draw_close_up(image: np.ndarray, face: Face, size: int = 640, *, mesh: bool = True,
                  landmarks: bool = True) -> np.ndarray:
    """The face alone, enlarged or reduced, with its overlay -> (size, size, 3) uint8 RGB."""
    low, high = (f(face.vertices_image[:, :2], axis=0) for f in (np.min, np.max))
    crop = crop_around((low + high) / 2, 1.25 * float((high - low).max()))
    out = crop.cut(image, size)
    vertices, points = (crop.to_crop(p) * size - [0.5, 0.5, 0] for p in (face.vertices_image, face.landmarks_image))
    _draw(out, face.topology, vertices, points, mesh, landmarks)
    return out


def depth_picture(face: Face, shape: tuple[int, int]) -> np.ndarray:
    """Depth of the face as the photo sees it -> (H, W) uint16: 65535 the nearest point, falling linearly to 6553 at the
    farthest, 0 where there is no face."""
    vertices = np.asarray(face.vertices_image, np.float64)
    raster = rasterize(vertices, face.topology.triangles, shape)
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    share = (raster.interpolate(vertices[:, 2]) - low) / max(high - low, 1e-9)
    return np.where(raster.covered, np.rint(65535 * (0.1 + 0.9 * np.clip(share, 0, 1))), 0).astype(np.uint16)


def contact_sheet(tiles: Sequence[np.ndarray], labels: Sequence[str] | None = None, *, columns: int = 6,
                  size: int = 240) -> np.ndarray:
    """Pictures (h, w, 3) uint8 RGB side by side, each fitted whole into a square of `size`, its label below."""
    if not tiles:
        return np.full((size, size, 3), PAPER, np.uint8)
    gap, line = max(size // 40, 2), max(size // 10, 12) if labels else 0
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (size + line + gap) + gap, columns * (size + gap) + gap, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = gap + number // columns * (size + line + gap), gap + number % columns * (size + gap)
        fitted = _fitted(tile, size)
        down, right = (size - fitted.shape[0]) // 2, (size - fitted.shape[1]) // 2
        sheet[top + down:top + down + fitted.shape[0], left + right:left + right + fitted.shape[1]] = fitted
        if labels and number < len(labels):
            _write(sheet, labels[number], (left, top + size + round(0.75 * line)), size, line)
    return sheet


def _draw(out: np.ndarray, topology: Topology, vertices: np.ndarray, landmarks: np.ndarray, mesh: bool,
          points: bool) -> None:
    """Changes `out`. Works on the part of the picture that the face covers."""
    side = float(np.ptp(vertices[:, :2], axis=0).max())
    if not np.isfinite(side):
        return
    margin = 3 + 2 * POINT_RADIUS * side
    low = np.floor(np.clip(vertices.min(0)[:2] - margin, 0, out.shape[1::-1])).astype(int)
    high = np.ceil(np.clip(vertices.max(0)[:2] + margin + 1, 0, out.shape[1::-1])).astype(int)
    if (high <= low).any():
        return
    part = out[low[1]:high[1], low[0]:high[0]]
    finer = int(np.clip(SHARPEST // max(part.shape[:2]), 1, FINEST))
    place = lambda p: (p[:, :2] - low + 0.5) * finer - 0.5      # noqa: E731
    if mesh:
        lines = _wires(topology, _spacing(side, topology.size))
        toward = vertex_normals(upright(vertices), topology.triangles)[:, 2] > 0.05
        seen = lines[toward[lines].all(1)]
        width = max(1, round(WIRE_WIDTH * side * finer))
        _blend(part, finer, WIRE, WIRE_STRENGTH, lambda mask: cv2.polylines(
            mask, list(_fixed(place(vertices))[seen]), False, 255, width, cv2.LINE_AA, SHIFT))
    if points:
        at, radius = _fixed(place(landmarks)), round(max(POINT_RADIUS * side, 0.9) * finer * 2**SHIFT)
        thick = max(1, round(LINE_WIDTH * side * finer))
        _blend(part, finer, OUTLINE, OUTLINE_STRENGTH, lambda mask: [
            cv2.polylines(mask, [at[first:last + 1]], closed, 255, thick, cv2.LINE_AA, SHIFT)
            for first, last, closed in PARTS])
        _blend(part, finer, POINT, POINT_STRENGTH, lambda mask: [
            cv2.circle(mask, tuple(map(int, p)), radius, 255, cv2.FILLED, cv2.LINE_AA, SHIFT) for p in at])


def _blend(part: np.ndarray, finer: int, colour, strength: float, paint) -> None:
    """Lay a colour over `part` through a mask that `paint` draws at `finer` times its size."""
    height, width = part.shape[:2]
    mask = np.zeros((height * finer, width * finer), np.uint8)
    paint(mask)
    share = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)[..., None] * np.float32(strength / 255)
    part[:] = np.rint(part + share * (np.float32(colour) - part)).astype(np.uint8)


def _spacing(side: float, cells: int) -> int:
    """How many cells lie between two lines of the net."""
    return max(round(cells / min(LINES_ACROSS, max(side / LEAST_SPACING, 8))), 1)


@lru_cache(maxsize=8)
def _wires(topology: Topology, step: int) -> np.ndarray:
    """(L, 2) vertices of the pieces of every step-th row and column of the grid, and of the rims."""
    number = np.full((topology.size, topology.size), -1)
    number[tuple(topology.cells.T)] = np.arange(len(topology.cells))
    half = np.arange(topology.size // 2 - 1 - step // 2, -1, -step)
    chosen = np.concatenate([half, topology.size - 1 - half])       # alike on both sides
    pieces = [_rims(topology)]
    for grid in (number, number.T):
        pieces.append(np.stack([grid[chosen, :-1], grid[chosen, 1:]], -1).reshape(-1, 2))
    lines = np.concatenate(pieces)
    return np.unique(np.sort(lines[(lines >= 0).all(1)], 1), axis=0)


def _rims(topology: Topology) -> np.ndarray:
    """(E, 2) edges that only one face has: outline, eyes, mouth."""
    triangles = topology.triangles
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(points, -1e5, 1e5) * 2**SHIFT).astype(np.int32)


def _fitted(tile: np.ndarray, size: int) -> np.ndarray:
    scale = size / max(tile.shape[:2])
    width, height = (max(round(side * scale), 1) for side in tile.shape[1::-1])
    return cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _write(sheet: np.ndarray, text: str, place: tuple[int, int], width: int, line: int) -> None:
    """One line of text, shortened until it fits."""
    scale = 0.026 * line
    while len(text) > 1 and cv2.getTextSize(text, FONT, scale, 1)[0][0] > width:
        text = text[:-1]
    cv2.putText(sheet, text, place, FONT, scale, INK, 1, cv2.LINE_AA)
