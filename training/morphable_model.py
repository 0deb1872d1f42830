"""The Basel face model with 3DDFA's expressions, as PRNet's route has it, and the 3DMM parameters of 300W-LP: MATLAB
files, read within bounds, nothing in them ever run.

Model file (as face3d's scripts write it): a struct `model` with shapeMU, expMU (3 V, 1), shapePC (3 V, 199), expPC (3
V, 29), x y z of one vertex after another; tri (3, T), tri_mouth (3, M) and kpt_ind (1, 68), counted from 1. UV file:
`UV` (V, 2), v up. A sample: Pose_Para (1, 7) pitch, yaw, roll in radians, tx, ty, tz, scale; Shape_Para (199, 1),
Exp_Para (29, 1).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from inference_core.errors import InputError

MAX_MODEL_BYTES, MAX_SAMPLE_BYTES = 2 << 30, 16 << 20       # packed, and unpacked as well
MAX_VERTICES, MAX_SHAPES, LANDMARKS = 200_000, 1000, 68
HEADER, COMPRESSED, CHUNK = 128, 15, 1 << 20                # of the format MATLAB 5
MODEL_SAYS = "give the model file of PRNet's route (BFM.mat), made with its own scripts from the Basel face model"


@dataclass(frozen=True, eq=False)
class MorphableModel:
    """mean (V, 3), shape (V 3, S), expression (V 3, E) in the model's unit, x to the subject's left, y up, z forward;
    triangles (T, 3) with those that close the mouth, landmarks (68,) vertices, counted from 0; uvs (V, 2) in [0, 1], v
    up."""

    mean: np.ndarray
    shape: np.ndarray
    expression: np.ndarray
    triangles: np.ndarray
    landmarks: np.ndarray
    uvs: np.ndarray

    def vertices(self, sample: Sample3DMM) -> np.ndarray:
        """(V, 3) as the sample stands in its picture: x right, y up from the picture's lower edge, in pixels."""
        offset = self.shape @ sample.shape + self.expression @ sample.expression
        turned = (self.mean + offset.reshape(-1, 3)) @ rotation_3ddfa(*sample.angles_rad).T
        return sample.scale * turned + sample.shift


@dataclass(frozen=True, eq=False)
class Sample3DMM:
    """angles_rad (3,) pitch, yaw, roll; shift (3,) pixels; scale pixels a unit; shape (S,), expression (E,)."""

    angles_rad: np.ndarray
    shift: np.ndarray
    scale: float
    shape: np.ndarray
    expression: np.ndarray

    @property
    def yaw_deg(self) -> float:
        return float(np.rad2deg(self.angles_rad[1]))


def rotation_3ddfa(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """(3, 3) in the convention of 3DDFA (Zhu et al., "Face Alignment Across Large Poses", CVPR 2016): turns of the
    axes, about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def read_model(model_file: Path, uv_file: Path) -> MorphableModel:
    """Raises InputError naming the file and what is wrong."""
    found = _read(model_file, MAX_MODEL_BYTES, ("model",), MODEL_SAYS)["model"]
    if found.dtype.names is None or found.size != 1:
        raise InputError(f"{model_file}: its `model` is no struct; {MODEL_SAYS}")
    missing = {"shapeMU", "shapePC", "expMU", "expPC", "tri", "tri_mouth", "kpt_ind"} - set(found.dtype.names)
    if missing:
        raise InputError(f"{model_file}: its `model` lacks {', '.join(sorted(missing))}; {MODEL_SAYS}")
    fields = {name: found[name].item() for name in found.dtype.names}
    get = lambda name, shape: _numbers(model_file, fields[name], name, shape, MODEL_SAYS)  # noqa: E731
    mean = get("shapeMU", (None, 1))
    count = len(mean) // 3
    if len(mean) % 3 or not 3 <= count <= MAX_VERTICES:
        raise InputError(f"{model_file}: shapeMU has {len(mean)} numbers, not three for each of up to {MAX_VERTICES} "
                         f"vertices; {MODEL_SAYS}")
    triangles = np.concatenate([_indices(model_file, get(name, (3, None)).T, name, count)
                                for name in ("tri", "tri_mouth")])
    uvs = _numbers(uv_file, _read(uv_file, MAX_SAMPLE_BYTES, ("UV",), MODEL_SAYS)["UV"], "UV", (count, 2), MODEL_SAYS)
    if uvs.min() < 0 or uvs.max() > 1:
        raise InputError(f"{uv_file}: UV holds numbers outside 0 to 1; {MODEL_SAYS}")
    return MorphableModel((mean + get("expMU", (len(mean), 1))).reshape(-1, 3), get("shapePC", (len(mean), None)),
                          get("expPC", (len(mean), None)), triangles,
                          _indices(model_file, get("kpt_ind", (1, LANDMARKS))[0], "kpt_ind", count), uvs)


def read_sample(path: Path, model: MorphableModel) -> Sample3DMM:
    """A .mat of 300W-LP or AFLW2000-3D. Raises InputError."""
    says = "fetch it again, or take it out and give a new folder with -o"
    found = _read(path, MAX_SAMPLE_BYTES, ("Pose_Para", "Shape_Para", "Exp_Para"), says)
    pose = _numbers(path, found["Pose_Para"], "Pose_Para", (1, 7), says)[0]
    shape = _numbers(path, found["Shape_Para"], "Shape_Para", (model.shape.shape[1], 1), says)[:, 0]
    expression = _numbers(path, found["Exp_Para"], "Exp_Para", (model.expression.shape[1], 1), says)[:, 0]
    if not 0 < pose[6] < 1e3 or np.abs(pose[:3]).max() > 2 * np.pi or np.abs(pose[3:6]).max() > 1e6:
        raise InputError(f"{path}: Pose_Para is no pose of a head ({', '.join(f'{v:g}' for v in pose)}); {says}")
    return Sample3DMM(pose[:3], pose[3:6], float(pose[6]), shape, expression)


def _read(path: Path, limit: int, names: tuple[str, ...], says: str) -> dict[str, np.ndarray]:
    try:
        if path.stat().st_size > limit:
            raise InputError(f"{path}: larger than such a file can be ({limit >> 20} MB); {says}")
        with path.open("rb") as file:
            _check_unpacked(file, limit)
            file.seek(0)
            found = loadmat(file, variable_names=names, struct_as_record=True, squeeze_me=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {says}") from error
    except InputError:
        raise
    except Exception as error:          # SciPy raises many kinds on a damaged file
        raise InputError(f"{path}: not a MATLAB file that can be read ({str(error)[:200]}); {says}") from error
    for name in names:
        if not isinstance(found.get(name), np.ndarray):
            raise InputError(f"{path}: holds no {name}; {says}")
    return found


def _check_unpacked(file, limit: int) -> None:
    """ValueError where the file is not of MATLAB 5 to 7, or unpacks to more than the limit: before SciPy unpacks it."""
    header = file.read(HEADER)
    if len(header) < HEADER or header[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("not of MATLAB's format 5 to 7")
    order, total = "little" if header[126:] == b"IM" else "big", 0
    while len(tag := file.read(8)) == 8:
        kind, size = int.from_bytes(tag[:4], order), int.from_bytes(tag[4:], order)
        if kind != COMPRESSED:
            total += size
            file.seek(size, 1)
        else:
            unpacker, left = zlib.decompressobj(), size
            while left and not unpacker.eof:
                part = file.read(min(CHUNK, left))
                if not part:
                    raise ValueError("cut off")
                left -= len(part)
                while part and total <= limit:
                    total += len(unpacker.decompress(part, CHUNK))
                    part = unpacker.unconsumed_tail
                if total > limit:
                    break
            file.seek(left, 1)
        if total > limit:
            raise ValueError(f"it unpacks to more than {limit >> 20} MB")


def _numbers(path: Path, value, name: str, shape: tuple, says: str) -> np.ndarray:
    """float64 of a shape; None: any length."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name} holds no numbers; {says}")
    if value.ndim != len(shape) or any(want not in (None, have) for have, want in zip(value.shape, shape)) \
            or (shape[-1] is None and not 0 < value.shape[-1] <= (MAX_SHAPES if shape[0] != 3 else 10 * MAX_VERTICES)):
        wanted = tuple(want or "n" for want in shape)
        raise InputError(f"{path}: {name} has the shape {value.shape}, not {wanted}; {says}")
    value = value.astype(np.float64)
    if not np.isfinite(value).all():
        raise InputError(f"{path}: a number in {name} is none; {says}")
    return value


def _indices(path: Path, value: np.ndarray, name: str, count: int) -> np.ndarray:
    """Counted from 1 in the file, from 0 here."""
    if (value != np.floor(value)).any() or value.min() < 1 or value.max() > count:
        raise InputError(f"{path}: {name} names vertices outside 1 to {count}; {MODEL_SAYS}")
    return value.astype(np.int64) - 1
