"""The constant half of the default network: the code of a canonical shape -> the canonical position map.

A plain product in NumPy, the same for every engine. The basis lies at the face model's vertices, a third of the grid's
cells, and every cell mixes three of them: a fifth of the time and of the file that a matrix over the whole grid takes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

MAX_SIZE, MAX_CODE, MAX_VERTICES, MAX_UNPACKED = 1024, 1000, 100_000, 256 << 20
SHAPES = dict(mean=("U", 3), basis=("C", "U", 3), sources=("S", "S", 3), weights=("S", "S", 3))
FLIP = np.float32([-1, 1, 1])
# Columns: however many threads share a product, their borders then fall between the same groups of columns, and every
# number is summed in the same order: a take that is resumed elsewhere is the same to the bit.
BLOCK = 1024
SYMMETRIC_CM = 1e-3             # what 16 bits make of a symmetric basis is a tenth of it


@dataclass(frozen=True, eq=False)
class ShapeDecoder:
    """Of a face's one half the H = `half` vertices' components, filled up with zeros to whole BLOCKs: even (E, 3 H),
    which a mirror leaves as they are, and odd (O, 3 H), which it turns round, with the places of their numbers in the
    code (E,) and (O,). mean (2 H, 4) with zeros in the last column, the other half's vertices behind. Without symmetry
    all are even, and mean is (H, 4). Of each cell its sources (3, S S), and weights (3, S S, 4). All float32 cm, but
    for indices."""

    even_places: np.ndarray
    even: np.ndarray
    odd_places: np.ndarray
    odd: np.ndarray
    mean: np.ndarray
    sources: np.ndarray
    weights: np.ndarray
    half: int
    size: int

    def __call__(self, code: np.ndarray) -> np.ndarray:
        """(C,) float32 -> (S, S, 3) float32 cm, canonical; cells outside the mesh repeat their nearest mesh vertex."""
        # half the basis is half the memory to read, which is what takes the time; rows of four numbers are gathered
        # twice as fast as three columns, and with mode "clip", as they were checked on reading, faster still
        half = self.half
        even = (code[self.even_places] @ self.even)[:3 * half].reshape(half, 3)
        odd = (code[self.odd_places] @ self.odd)[:3 * half].reshape(half, 3)
        vertices = np.empty_like(self.mean)
        np.add(even, odd, out=vertices[:half, :3])
        if len(vertices) > half:
            np.subtract(even, odd, out=vertices[half:, :3])
            vertices[half:, 0] *= -1
        vertices[:, 3] = 0
        vertices += self.mean
        cells = vertices.take(self.sources[0], 0, mode="clip")
        cells *= self.weights[0]
        part = np.empty_like(cells)
        for source, weight in zip(self.sources[1:], self.weights[1:]):
            vertices.take(source, 0, mode="clip", out=part)
            part *= weight
            cells += part
        return cells[:, :3].reshape(self.size, self.size, 3)


def read_decoder(data: bytes) -> ShapeDecoder:
    """From the bytes of an .npz with the arrays of SHAPES, and of a symmetric basis `mirror` (U,), the vertex that a
    mirror puts in the place of each. Raises ValueError saying what is wrong."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as z:
            if sum(info.file_size for info in z.zip.infolist()) > MAX_UNPACKED:
                raise ValueError("it unpacks to far too much")
            arrays = {key: z[key] for key in SHAPES}
            mirror = z["mirror"] if "mirror" in z.files else None
    except Exception as error:          # numpy and zipfile raise many kinds on a damaged file
        raise ValueError(f"not a decoder file: {error}") from error
    lengths = {}
    if arrays["basis"].ndim == 3:
        lengths = dict(zip("CUS", (*arrays["basis"].shape[:2], len(arrays["sources"]))))
    for key, shape in SHAPES.items():
        if arrays[key].shape != tuple(lengths.get(n, n) for n in shape):
            raise ValueError(f"{key} has shape {arrays[key].shape}")
    vertices, sources = lengths["U"], arrays["sources"].astype(np.int64)
    if not (lengths["S"] <= MAX_SIZE and lengths["C"] <= MAX_CODE and 0 < vertices <= MAX_VERTICES):
        raise ValueError(f"{lengths} are out of range")
    if sources.min(initial=0) < 0 or sources.max(initial=0) >= vertices:
        raise ValueError("a cell is made of vertices that are not there")
    if not all(np.isfinite(arrays[key]).all() for key in ("mean", "basis", "weights")):
        raise ValueError("a number in it is not finite")
    basis, mean = arrays["basis"].astype(np.float32), arrays["mean"].astype(np.float32)
    if mirror is None:
        even = np.ones(len(basis), bool)
        order, place = np.arange(vertices), np.arange(vertices)
        parts = basis, basis[:0]
    else:
        first, second, place = _halves(mirror, vertices)
        order = np.concatenate([first, second])
        here, there = basis[:, first], basis[:, second] * FLIP
        even = np.abs(here - there).max(axis=(1, 2), initial=0) <= np.abs(here + there).max(axis=(1, 2), initial=0)
        if np.abs(here - np.where(even, 1, -1)[:, None, None] * there).max(initial=0) > SYMMETRIC_CM:
            raise ValueError("its basis is not as symmetric as it says")
        parts = (here + there)[even] / 2, (here - there)[~even] / 2
    half = len(order) if mirror is None else len(order) // 2
    flat = [np.pad(part.reshape(len(part), 3 * half), ((0, 0), (0, -3 * half % BLOCK))) for part in parts]
    weights = arrays["weights"].reshape(-1, 3).T[..., None].astype(np.float32)
    return ShapeDecoder(np.flatnonzero(even), flat[0], np.flatnonzero(~even), flat[1],
                        np.pad(mean[order], ((0, 0), (0, 1))),
                        np.ascontiguousarray(place[sources].reshape(-1, 3).T, np.intp), np.repeat(weights, 4, 2),
                        half, lengths["S"])


def _halves(mirror: np.ndarray, vertices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The vertices of one half and of the middle, their mirror images, and the place of every vertex in both
    together."""
    if mirror.shape != (vertices,) or mirror.dtype.kind not in "ui":
        raise ValueError(f"mirror has shape {mirror.shape}")
    mirror = mirror.astype(np.int64)
    if not ((0 <= mirror) & (mirror < vertices)).all() or (mirror[mirror] != np.arange(vertices)).any():
        raise ValueError("its mirror does not lead back")
    first = np.flatnonzero(np.arange(vertices) <= mirror)
    place = np.empty(vertices, np.int64)
    place[mirror[first]] = len(first) + np.arange(len(first))
    place[first] = np.arange(len(first))                # those of the middle are in both halves
    return first, mirror[first], place
