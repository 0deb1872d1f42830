"""A morphable model of a few vertices in the file format, shapes and index base of PRNet's route, and samples like
300W-LP's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

GRID, SHAPES, EXPRESSIONS = 24, 199, 29
UNIT = 1000.0                       # the Basel model counts in micrometres: a head is 2e5 high


def write_model(folder: Path, **changes) -> tuple[Path, Path]:
    """BFM.mat and BFM_UV.mat; changes: fields of the struct that are to be otherwise, None to leave one out."""
    from original_files import landmark_places
    rng = np.random.default_rng(0)
    v, u = np.mgrid[:GRID, :GRID] / (GRID - 1)          # v down, u right, as a face is seen
    places = landmark_places()
    uv = np.concatenate([np.stack([u, v], -1).reshape(-1, 2), places[:, ::-1]])      # 68 vertices of their own
    x, y = (uv[:, 0] - 0.5) * 170, (0.5 - uv[:, 1]) * 210
    z = 60 - (x / 85)**2 * 60 - (y / 105)**2 * 30 + 25 * np.exp(-(x / 15)**2 - ((y + 10) / 30)**2)
    mean = np.stack([x, y, z], 1) * UNIT
    number = np.arange(GRID * GRID).reshape(GRID, GRID)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    split = len(triangles) - 114                        # the last close the mouth, in a field of their own
    fields = dict(
        shapeMU=mean.reshape(-1, 1), shapePC=rng.normal(0, 1, (mean.size, SHAPES)).astype(np.float32),
        shapeEV=np.ones((SHAPES, 1)), expMU=np.zeros((mean.size, 1)),
        expPC=rng.normal(0, 1, (mean.size, EXPRESSIONS)), expEV=np.ones((EXPRESSIONS, 1)),
        tri=(triangles[:split].T + 1).astype(np.float64), tri_mouth=(triangles[split:].T + 1).astype(np.uint16),
        kpt_ind=(np.arange(68)[None] + GRID * GRID + 1).astype(np.int32))
    fields = {name: value for name, value in (fields | changes).items() if value is not None}
    savemat(folder / "BFM.mat", {"model": fields}, do_compression=True)
    savemat(folder / "BFM_UV.mat", {"UV": np.stack([uv[:, 0], 1 - uv[:, 1]], 1)}, do_compression=True)
    return folder / "BFM.mat", folder / "BFM_UV.mat"


def write_samples(folder: Path, yaws_deg, size: int = 200) -> Path:
    """NAME.mat and NAME.jpg for each, in subfolders as the data set has them."""
    for number, yaw in enumerate(yaws_deg):
        rng = np.random.default_rng(number)
        place = folder / ("AFW", "HELEN")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pose = np.array([[rng.normal(0, 0.05), np.deg2rad(yaw), rng.normal(0, 0.05), 100, 95, 0, 5e-4]])
        parameters = dict(Pose_Para=pose, Shape_Para=rng.normal(0, 300, (SHAPES, 1)),
                          Exp_Para=rng.normal(0, 300, (EXPRESSIONS, 1)),
                          Tex_Para=np.zeros((199, 1)), roi=np.array([[1, 1, 200, 200]]), pt2d=np.zeros((2, 68)))
        savemat(place / f"{number:03}.mat", parameters, do_compression=number % 2 == 0)
        picture = cv2.GaussianBlur(rng.integers(0, 256, (size, size, 3), np.uint8), (0, 0), 6)
        cv2.imwrite(str(place / f"{number:03}.jpg"), picture)
    (folder / "notes.mat").write_bytes(b"without a picture: not a sample")
    return folder
