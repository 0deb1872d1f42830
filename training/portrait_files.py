"""Reading the portraits (tars of JPEGs with FaceMesh points) and their fits, made once and kept."""

from __future__ import annotations

import hashlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference_core.pose import HeadPose
from training.face_model import FaceModel
from training.fitting import VIEWING_DISTANCE_CM, FaceFit, FaceFitter, load_anchors
from training.progress import Progress

FIT_VERSION = 2
FREE_TARS = ("portraits_", "historic_")             # public domain or CC0; other tars only when asked for
# sources whose licence is stated for the photos themselves (grade A); the others' is inferred from who made them
STATED_SOURCES = ("interfaces_pexels_cc0", "gpo_225x275", "gpo_200x250_older")
HELDOUT_SHARE = 10                                  # one name in ten
MAX_PHOTO_BYTES, MAX_PHOTO_SIDE = 4 << 20, 1024
BARE_SKIN, SKIN_PATCH = (50, 280, 205, 425, 151, 9), 3      # FaceMesh points; pixels to either side
MAX_FIT_ERROR, MAX_FIT_YAW_DEG = 0.015, 45.0


@dataclass(frozen=True)
class Portrait:
    """jpeg: the file's bytes; points (478, 3) float64, FaceMesh in the photo's pixels."""

    name: str
    jpeg: bytes
    points: np.ndarray

    def photo(self) -> np.ndarray:
        """(h, w, 3) uint8 RGB."""
        image = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if image is None or max(image.shape[:2]) > MAX_PHOTO_SIDE:
            raise ValueError(f"{self.name}: is no JPEG of at most {MAX_PHOTO_SIDE} pixels a side")
        return np.ascontiguousarray(image[..., ::-1])

    def skin_lightness(self) -> float:
        """CIE L* of cheeks and forehead as photographed, 0..100: the skin's and the light's share are not told apart."""
        photo = self.photo()
        height, width = photo.shape[:2]
        x, y = np.round(self.points[list(BARE_SKIN), :2].T).astype(int)
        patch = np.arange(-SKIN_PATCH, SKIN_PATCH + 1)
        rows = np.clip(y[:, None, None] + patch[:, None], 0, height - 1)
        columns = np.clip(x[:, None, None] + patch, 0, width - 1)
        colours = np.median(photo[rows, columns].reshape(len(x), -1, 3), 1).astype(np.float32) / 255
        return float(np.median(cv2.cvtColor(colours[None], cv2.COLOR_RGB2LAB)[0, :, 0]))


def is_heldout(name: str) -> bool:
    """A fixed tenth of the portraits, chosen by a hash of the file name."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % HELDOUT_SHARE == 0


def read_portraits(folder: Path, other_licences: bool = False, stated_only: bool = False,
                   better_points: Path | None = None) -> list[Portrait]:
    """All portraits of a folder with landmarks.npz and tars, in its order; ValueError names a bad file. stated_only: of
    STATED_SOURCES alone. better_points: file of training.relabel, whose points take the place of the folder's."""
    table = Path(folder) / "landmarks.npz"
    if not table.is_file():
        raise ValueError(f"{table}: not found; give the folder of landmarks.npz and the portraits' tars")
    with np.load(table, allow_pickle=False) as z:
        names, tars, points = z["name"].astype(str), z["tar"].astype(str), z["facemesh"]
        if stated_only and not {"source", "source_names"} <= set(z.files):
            raise ValueError(f"{table}: does not say whose the portraits are (source, source_names); leave --grade-a out")
        wanted = np.isin(z["source_names"][z["source"]], STATED_SOURCES) if stated_only else np.ones(len(names), bool)
    if better_points:
        points = _replaced(points, names, better_points)
    found: dict[int, Portrait] = {}
    for tar in np.unique(tars):
        file = Path(folder) / Path(tar).name
        if not other_licences and not tar.startswith(FREE_TARS):
            continue
        if not file.is_file():
            raise ValueError(f"{file}: listed in landmarks.npz but not there; fetch it again")
        with tarfile.open(file) as box:
            members = {m.name: m for m in box if m.isfile() and m.size <= MAX_PHOTO_BYTES}
            for i in np.flatnonzero((tars == tar) & wanted):
                if names[i] not in members:
                    raise ValueError(f"{file}: lacks {names[i]}, which landmarks.npz lists; fetch it again")
                jpeg = box.extractfile(members[names[i]]).read()
                found[i] = Portrait(names[i], jpeg, points[i].astype(np.float64))
    return [found[i] for i in sorted(found)]


def _replaced(points: np.ndarray, names: np.ndarray, file: Path) -> np.ndarray:
    """Points (n, 478, 3) with those of the file where it knows the name."""
    if not file.is_file():
        raise ValueError(f"{file}: no such points of portraits; make them with python -m training.relabel")
    with np.load(file, allow_pickle=False) as z:
        if not {"name", "points"} <= set(z.files) or z["points"].shape != (len(z["name"]), *points.shape[1:]):
            raise ValueError(f"{file}: holds no points of portraits; make them with python -m training.relabel")
        better = dict(zip(z["name"].astype(str), z["points"]))
    return np.stack([better.get(name, of) for name, of in zip(names, points.astype(np.float32))])


@dataclass(frozen=True)
class Fits:
    """Fits of n portraits, one row each; see fitting.FaceFit."""

    identity: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    residual: np.ndarray
    error: np.ndarray

    def row(self, i: int) -> FaceFit:
        pose = HeadPose(self.rotation[i], float(self.scale[i]), self.shift[i], 1 / VIEWING_DISTANCE_CM)
        return FaceFit(self.identity[i], self.expression[i], pose, self.residual[i], float(self.error[i]))

    @property
    def good(self) -> np.ndarray:
        """(n,) bool: fitted well enough to be a label."""
        yaw = np.degrees(np.arctan2(self.rotation[:, 0, 2], self.rotation[:, 2, 2]))
        return (self.error < MAX_FIT_ERROR) & (np.abs(yaw) < MAX_FIT_YAW_DEG)


def load_or_fit(portraits: list[Portrait], model: FaceModel, correspondence: Path, cache_dir: Path) -> Fits:
    """Fits from the cache, or made now (0.03 s each) and written there; a cache of other data is not used."""
    file = Path(cache_dir) / f"portrait_fits_{_key(portraits, model, correspondence)}.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as z:
            return Fits(**{k: z[k] for k in z.files})
    fitter = FaceFitter(model, load_anchors(correspondence))
    rows, progress = [], Progress("portraits: fits", len(portraits))
    for done, portrait in enumerate(portraits):
        rows.append(fitter.fit(portrait.points))
        progress.advance(done + 1)
    progress.close()
    stack = lambda get: np.array([get(row) for row in rows], np.float32)  # noqa: E731
    fits = Fits(stack(lambda r: r.identity), stack(lambda r: r.expression), stack(lambda r: r.pose.rotation),
                stack(lambda r: r.pose.scale), stack(lambda r: r.pose.shift), stack(lambda r: r.residual),
                stack(lambda r: r.error))
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}.partial.npz")
    try:
        np.savez_compressed(beside, **vars(fits))
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)
    return fits


def _key(portraits, model, correspondence) -> str:
    digest = hashlib.sha256(f"{FIT_VERSION} {model.expression_names}".encode())
    digest.update(Path(correspondence).read_bytes())
    for array in (model.neutral, model.identity[::10], model.expression):
        digest.update(np.ascontiguousarray(array))
    for portrait in portraits:
        digest.update(portrait.name.encode())
        digest.update(portrait.points)
    return digest.hexdigest()[:16]
