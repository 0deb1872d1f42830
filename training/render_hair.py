"""Hair for rendered faces: a shell around skull and neck, sunk into the skin where there is none.

Where a head of hair ends is a level of a drawn height field over the shell; the kernel `comb` turns that edge into
strands. Ears are bridged, so that long hair may cover them and short hair leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

AXIS_Z, AXIS_TOP, AXIS_BOTTOM = -8.0, 3.0, -14.0        # hair stands off a line inside skull and neck (cm, canonical)
SHELL_LOW, SHELL_FRONT = -21.0, 3.0                     # the shell ends here: above the shoulders, before the face
EAR_SIDE, EAR_Y, EAR_Z = 7.2, (-9.0, 3.0), (-13.0, -4.0)
BURIED_CM = 0.6                                         # where there is no hair its shell lies this deep in the skin


@dataclass(frozen=True)
class HairShell:
    """vertices (H,): model vertex under each of the shell's; triangles (K,): rows of the model's triangles that the
    shell repeats; ears, rim: shell vertices on the ears and around them; bridge (ears, rim): weights."""

    vertices: np.ndarray
    triangles: np.ndarray
    ears: np.ndarray
    rim: np.ndarray
    bridge: np.ndarray

    def base(self, shape: np.ndarray) -> np.ndarray:
        """(H, 3) the head without ears under the shell; shape (V, 3) canonical."""
        out = shape[self.vertices]
        out[self.ears] = self.bridge @ out[self.rim]
        return out


@dataclass(frozen=True)
class HairStyle:
    """thickness cm; edge: how high on the skull it begins; fringe: how much that sinks at the middle of the forehead;
    length: height it hangs down to behind, None = short; front: how far forward long hair comes;
    waves: (3, 2) their direction and frequency, wave: their strength 0..1."""

    thickness: float
    edge: float
    fringe: float
    length: float | None
    front: float
    waves: np.ndarray
    wave: float


def build_hair_shell(mean: np.ndarray, triangles: np.ndarray, skin: np.ndarray) -> HairShell:
    """mean (V, 3) canonical; triangles (T, 3); skin (T,) bool: on the outside of head and neck."""
    x, y, z = mean.T
    inside = (y > SHELL_LOW) & (z < SHELL_FRONT) & ((0.75 * y - 0.62 * z > 1.0) | (z < -1.0))
    rows = np.flatnonzero(skin & inside[triangles].all(1))
    vertices = np.unique(triangles[rows])
    local = np.full(len(mean), -1)
    local[vertices] = np.arange(len(vertices))
    ear = (np.abs(x) > EAR_SIDE) & (y > EAR_Y[0]) & (y < EAR_Y[1]) & (z > EAR_Z[0]) & (z < EAR_Z[1])
    is_ear = ear[vertices]
    edges = local[triangles[rows]][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    links = coo_matrix((np.ones(len(edges)), edges.T), shape=[len(vertices)] * 2)
    links = ((links + links.T) > 0).astype(np.float64).tocsr()
    ears = np.flatnonzero(is_ear)
    rim = np.flatnonzero(~is_ear & (links[:, ears].sum(1).A1 > 0))
    # each ear vertex the mean of its neighbours, the rim held: a membrane over the ear
    laplacian = (diags(links.sum(1).A1) - links).tocsr()[ears]
    bridge = spsolve(laplacian[:, ears].tocsc(), -laplacian[:, rim].toarray())
    return HairShell(vertices, rows, ears, rim, bridge.astype(np.float32))


def draw_style(rng: np.random.Generator) -> HairStyle | None:
    """None: a shaven head."""
    if rng.random() < 0.15:
        return None
    long = rng.random() < 0.4
    return HairStyle(
        thickness=rng.uniform(1.0, 3.0) if long else rng.uniform(0.2, 2.2), edge=rng.uniform(1.0, 6.5),
        fringe=rng.uniform(-1, 2.5), length=rng.uniform(-20, -8) if long else None, front=rng.uniform(-7, -1.5),
        waves=rng.normal(0, 0.8, (3, 2)).astype(np.float32), wave=rng.random())


def grow(shell: HairShell, shape: np.ndarray, style: HairStyle) -> tuple[np.ndarray, np.ndarray]:
    """The shell's vertices (H, 3) and how far inside the hair's edge each lies (H,) in cm, negative outside."""
    base = shell.base(shape)
    x, y, z = base.T
    wave = np.sin(base @ style.waves).mean(1) * style.wave
    inside = 0.75 * y - 0.62 * z - style.edge + style.fringe * np.exp(-(x / 3) ** 2) + wave
    if style.length is not None:
        inside = np.maximum(inside, np.minimum(style.front - z, y - style.length) + wave)
    lift = style.thickness * np.clip(inside / 2.0, 0, 1) ** 0.5 * (1 + 0.35 * wave)
    out = base - np.stack([0 * x, np.clip(y, AXIS_BOTTOM, AXIS_TOP), 0 * z + AXIS_Z], 1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    height = np.where(inside > -1.0, lift + 0.08, -BURIED_CM)
    return (base + out * height[:, None]).astype(np.float32), inside.astype(np.float32)
