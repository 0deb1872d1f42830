"""Another light on a photographed face: official portraits know a soft light from the front and little else.

The label says how the skin lies, so a lamp drawn anywhere before the face brightens and darkens it as it would: shading
after Lambert, and shadows that the face throws on itself. Coarse on purpose, as it is drawn for every crop: the lamp sees
the face in squares of 0.8 cm, so that skin which slopes away from it is darkened too, by about as much as the half of what
true shadows take.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference_core.pose import HeadPose, compose
from inference_core.topology import Topology
from training.labels import LabelMesh

STEP = 3                        # every third cell of the map: 1,700 places on the skin
SHADING = 80                    # the sample in the shading, in pixels a side
SHADOWS = 26                    # the face as seen by the lamp, in pixels a side
DEEP_CM = 0.7                   # what lies so far behind what the lamp sees begins to be in shadow; twice as far it is
DARKEST, BRIGHTEST = 0.15, 2.2  # of what the picture had


@dataclass(frozen=True)
class Skin:
    """Every STEP-th cell of the map: sources, weights (M, 3) of label vertices; row, column (M,) in a grid of size a side."""

    sources: np.ndarray
    weights: np.ndarray
    row: np.ndarray
    column: np.ndarray
    size: int

    def places(self, canonical: np.ndarray) -> np.ndarray:
        """(6706, 3) label -> (M, 3)."""
        return (canonical[self.sources] * self.weights[..., None]).sum(1)


@dataclass(frozen=True)
class Lamp:
    """towards (3,) unit vector to it, x right, y up, z to the camera; colour (3,) and fill (3,) of lamp and surroundings,
    whose sum is 1 in the mean; wrap 0..1 how far it reaches around; shadow 0..1; softness of shading and shadows in pixels."""

    towards: np.ndarray
    colour: np.ndarray
    fill: np.ndarray
    wrap: float
    shadow: float
    softness: float


def skin_of(topology: Topology, mesh: LabelMesh) -> Skin:
    chosen = (topology.cells % STEP == 0).all(1)
    row, column = topology.cells[chosen].T // STEP
    return Skin(mesh.sources[chosen], mesh.weights[chosen].astype(np.float32), row, column, -(-topology.size // STEP))


def draw_lamp(rng: np.random.Generator) -> Lamp:
    """Anywhere before the face, more often from above than from below."""
    azimuth, height = rng.uniform(-0.45, 0.45) * np.pi, np.deg2rad(np.clip(rng.normal(25, 35), -60, 85))
    towards = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], np.float32)
    share = rng.uniform(0.25, 0.9)
    warm = np.exp(rng.normal(0, 0.08, (2, 3)))
    return Lamp(towards, (share * warm[0]).astype(np.float32), ((1 - share) * warm[1]).astype(np.float32),
                rng.uniform(0, 0.5), rng.uniform(0.3, 1), rng.uniform(0.7, 2.2))


def relight(image: np.ndarray, canonical: np.ndarray, pose: HeadPose, skin: Skin, lamp: Lamp) -> np.ndarray:
    """image (S, S, 3) uint8 whose face is the label canonical (6706, 3) cm by pose, in pixels -> the same under the lamp."""
    places = compose(skin.places(canonical), pose)                  # x right, y down, z to the camera
    normals = _normals(places, skin)
    upright = np.stack([places[:, 0], -places[:, 1], places[:, 2]], 1)
    wrapped = (normals @ lamp.towards + lamp.wrap) / (1 + lamp.wrap)
    lit = np.clip(wrapped, 0, None) * (1 - lamp.shadow * _in_shadow(upright, lamp.towards, pose.scale))
    seen = normals[:, 2] > 0.1
    gain = _spread(places[seen, :2] / len(image), lit[seen], lamp.softness)
    # the picture's levels are not light: a gamma of 2.2 lies between
    change = gain[..., None] * (lamp.colour / max(float(lit[seen].mean()), 0.2)) + lamp.fill
    change = np.clip(change, DARKEST ** 2.2, BRIGHTEST ** 2.2) ** np.float32(1 / 2.2)
    return cv2.multiply(image, cv2.resize(change, image.shape[1::-1]), dtype=cv2.CV_8U)


def _normals(places: np.ndarray, skin: Skin) -> np.ndarray:
    """(M, 3) unit, x right, y up, z to the camera; from the neighbours in the grid, 0 0 1 at its border."""
    grid = np.full((skin.size, skin.size, 3), np.nan, np.float32)
    grid[skin.row, skin.column] = places
    down, across = np.full_like(grid, np.nan), np.full_like(grid, np.nan)
    down[1:-1] = grid[2:] - grid[:-2]
    across[:, 1:-1] = grid[:, 2:] - grid[:, :-2]
    down, across = down[skin.row, skin.column], across[skin.row, skin.column]
    normal = np.stack([across[:, 1] * down[:, 2] - across[:, 2] * down[:, 1],
                       across[:, 2] * down[:, 0] - across[:, 0] * down[:, 2],
                       across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]], 1)
    length = np.sqrt((normal ** 2).sum(1))
    normal = np.where((length > 0)[:, None], normal / np.maximum(length, 1e-12)[:, None] * np.float32([1, -1, 1]), 0)
    normal[~np.isfinite(length)] = [0, 0, 1]
    return normal


def _in_shadow(upright: np.ndarray, towards: np.ndarray, scale: float) -> np.ndarray:
    """(M,) 0..1: whether something of the face lies between a place and the lamp."""
    side = np.cross(towards, [0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    across, above, near = upright @ side, upright @ np.cross(side, towards), upright @ towards
    cell = max(np.ptp(across), np.ptp(above)) / (SHADOWS - 1)
    x, y = (((along - along.min()) / cell).astype(np.intp) for along in (across, above))
    nearest = np.full((SHADOWS, SHADOWS), -np.inf, np.float32)
    np.maximum.at(nearest, (y, x), near)
    return np.clip((nearest[y, x] - near) / scale / DEEP_CM - 1, 0, 1)


def _spread(points: np.ndarray, values: np.ndarray, softness: float) -> np.ndarray:
    """Values at points (M, 2) of the unit square -> (SHADING, SHADING): near them their mean, far off that of wider and
    wider surroundings."""
    x, y = np.clip((points * SHADING).astype(np.intp), 0, SHADING - 1).T
    place = y * SHADING + x
    picture = np.stack([np.bincount(place, w, SHADING ** 2).reshape(SHADING, SHADING)
                        for w in (values, np.ones(len(values)))], -1).astype(np.float32)
    wide = cv2.GaussianBlur(picture, (0, 0), SHADING / 8) * 0.02 + picture.mean((0, 1)) * 1e-4
    near = cv2.GaussianBlur(picture, (0, 0), softness) + wide
    return near[..., 0] / near[..., 1]
