"""NumPy's .npz with every number of a take, for one's own programs: np.load(path, allow_pickle=False).

position (n, N, 3) float32 cm, canonical: the vertices without the head's pose; landmarks (n, 68, 3) float32 image
pixels; pose (n, 4, 4) float64: canonical cm -> image pixels (x right, y down, z towards the camera) without
perspective, which divides x and y, seen from the pose's shift, by 1 - inverse_distance * z / scale; time_s, confidence
(n,) float64; valid (n,) bool; index (n,) int64 in the source. Where no face was seen the numbers are NaN. Also
rotation, scale, shift, inverse_distance, box, yaw_pitch_roll_deg, interpolated (n,) bool: short gaps that smoothing
has filled in, the topology's cells, faces and uvs, and with a skin texture (S, S, 3) uint8 and visible (S, S) bool.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inference_core.files import written_beside

FORMAT = 1


def write(take, path: Path, options, on_frame) -> list[Path]:
    """A frame at a time, so that a long take needs no more memory than a short one."""
    topology, count = take.topology, len(take)
    angles = np.full((count, 3), np.nan)
    for row in np.flatnonzero(take.valid):
        angles[row] = take.pose(row).yaw_pitch_roll_deg
    small = dict(
        format=np.int32(FORMAT), topology=np.str_(topology.name), topology_sha256=np.str_(topology.sha256),
        fps=np.float64(take.header.fps), size=np.int32(take.header.size), index=take.index, time_s=take.time_s,
        valid=take.valid, interpolated=getattr(take, "interpolated", np.zeros(count, bool)), confidence=take.confidence,
        box=take.box, pose=matrices(take), rotation=take.rotation,
        scale=take.scale, shift=take.shift, inverse_distance=take.inverse_distance, yaw_pitch_roll_deg=angles,
        cells=topology.cells, faces=topology.faces, uvs=topology.uvs)
    if options.texture is not None:
        small |= dict(texture=options.texture.image, visible=options.texture.visible)
    landmarks = np.full((count, 68, 3), np.nan, np.float32)
    with written_beside(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        _add_rows(archive, "position", (count, len(topology.cells), 3), _positions(take, landmarks, on_frame))
        for name, values in (small | {"landmarks": landmarks}).items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)
    return [path]


def matrices(take) -> np.ndarray:
    """(n, 4, 4) float64: canonical cm -> image pixels, without perspective; NaN where no face was seen."""
    out = np.zeros((len(take), 4, 4))
    out[:, :3, :3] = take.rotation * take.scale[:, None, None] * np.array([1, -1, 1])[:, None]
    out[:, :2, 3], out[:, 3, 3] = take.shift, 1
    out[~take.valid] = np.nan
    return out


def _positions(take, landmarks: np.ndarray, on_frame) -> Iterator[np.ndarray]:
    """Fills `landmarks` on the way."""
    nothing = np.full((len(take.topology.cells), 3), np.nan, np.float32)
    for row in range(len(take)):
        if take.valid[row]:
            landmarks[row] = take.landmarks_image(row)
        yield take.canonical(row) if take.valid[row] else nothing
        on_frame()


def _add_rows(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], rows: Iterator[np.ndarray]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_2_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for row in rows:
            file.write(np.ascontiguousarray(row, "<f4").tobytes())
