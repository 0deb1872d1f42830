"""PRNet's UV index files, plain text: which texels of a position map are vertices, the triangles between them, and
which texels are the 68 landmarks.

face_ind.txt: N numbers, row x side + column, ascending; triangles.txt: T rows of three vertices, counted from 0;
uv_kpt_ind.txt: two rows of 68, the columns and the rows of the landmarks. Numbers may be written as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.errors import InputError

MAX_BYTES, MAX_SIDE, LANDMARKS = 64 << 20, 1024, 68
GIVE = "give the folder uv-data of PRNet, with face_ind.txt, triangles.txt and uv_kpt_ind.txt in it"


@dataclass(frozen=True, eq=False)
class IndexFiles:
    """side of the map; texels (N, 2) row, column, in row-major order; triangles (T, 3) vertices; landmarks (68, 2) row,
    column; canonical (N, 3) x right, y down, z towards the camera, any unit, of canonical_vertices.npy, None
    without."""

    side: int
    texels: np.ndarray
    triangles: np.ndarray
    landmarks: np.ndarray
    canonical: np.ndarray | None


def read_index_files(folder: Path, side: int = 256) -> IndexFiles:
    """side: of the maps that the files are about, 256 for PRNet's own. Raises InputError."""
    if not 2 <= side <= MAX_SIDE:
        raise InputError(f"maps of {side} texels a side are not read; give 2 to {MAX_SIDE}")
    flat = _whole_numbers(folder / "face_ind.txt", side * side)
    if len(flat) < 3 or not (np.diff(flat) > 0).all():
        raise InputError(f"{folder / 'face_ind.txt'}: its {len(flat)} texels are not in rising order; {GIVE}")
    triangles = _whole_numbers(folder / "triangles.txt", len(flat))
    if len(triangles) % 3 or not len(triangles):
        raise InputError(f"{folder / 'triangles.txt'}: its {len(triangles)} numbers are not rows of three; {GIVE}")
    marks = _whole_numbers(folder / "uv_kpt_ind.txt", side)
    if len(marks) != 2 * LANDMARKS:
        raise InputError(f"{folder / 'uv_kpt_ind.txt'}: {len(marks)} numbers, not two rows of {LANDMARKS}; {GIVE}")
    return IndexFiles(side, np.stack([flat // side, flat % side], 1), triangles.reshape(-1, 3),
                      marks.reshape(2, LANDMARKS)[::-1].T.copy(),
                      _canonical(folder / "canonical_vertices.npy", len(flat)))


def _whole_numbers(path: Path, end: int) -> np.ndarray:
    """All numbers of a text, each from 0 to end - 1."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than such a file can be ({MAX_BYTES >> 20} MB); {GIVE}")
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {GIVE}") from error
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError as error:
        raise InputError(f"{path}: not a text of numbers; {GIVE}") from error
    if not ((numbers >= 0) & (numbers < end) & (numbers == np.floor(numbers))).all():
        raise InputError(f"{path}: a number in it is not a whole one from 0 to {end - 1}; {GIVE}")
    return numbers.astype(np.int64)


def _canonical(path: Path, count: int) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, kind = read(file)
            if shape != (count, 3) or fortran or kind.str not in ("<f8", "<f4"):
                raise ValueError(f"{kind.str} {shape}, not numbers of shape ({count}, 3)")
            points = np.frombuffer(file.read(count * 3 * kind.itemsize), kind).reshape(shape).astype(np.float64)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: not the mean face of these texels ({error}); give PRNet's own file, or "
                         "none") from error
    if not np.isfinite(points).all() or np.ptp(points, axis=0).min() <= 0:
        raise InputError(f"{path}: a number in it is none, or it is flat; give PRNet's own file, or none")
    return points
