"""Reads a folder of photos with annotated landmarks: one folder per source, each with pictures and annotations.json.

The file is a list of objects: `file`, `size` [width, height], `points` (68 pairs in pixels, iBUG order, (0, 0) = centre
of the top-left pixel) or null, `yaw` in degrees or null, `z` 68 depths in the same unit, larger = nearer, of any zero,
or null, `points_reannotated` like points where there are any, `age`, `gender`, `race` where they are known; other keys
are left alone. Nothing is skipped: an entry or picture that cannot be used ends the reading with its name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.errors import InputError
from inference_core.files import read_json
from inference_core.images import read_image

ANNOTATIONS, NO_FACES = "annotations.json", "nonface"
MAX_BYTES, MAX_PHOTOS, MAX_SOURCES, MAX_NAME = 64 << 20, 20_000, 200, 200
AGE_BANDS, MAX_GROUP = (0, 10, 20, 40, 60, 130), 40
FARTHEST = 1e6                  # pixels; no landmark lies farther out
REPAIR = "repair it or fetch the folder again"


@dataclass(frozen=True, eq=False)
class Photo:
    """size (width, height); points, second_points (68, 2) and z (68,) float64 pixels, yaw_deg: None where not
    annotated; groups: "age 20-39", "gender female", "race asian", as far as they are known."""

    path: Path
    size: tuple[int, int]
    points: np.ndarray | None
    yaw_deg: float | None
    second_points: np.ndarray | None
    z: np.ndarray | None = None
    groups: tuple[str, ...] = ()

    def read(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB. Raises InputError when it cannot be read or is not of the annotated size."""
        image = read_image(self.path)
        if image.shape[1::-1] != self.size:
            width, height = image.shape[1::-1]
            raise InputError(f"{self.path}: {width} x {height} pixels where {ANNOTATIONS} says {self.size[0]} x "
                             f"{self.size[1]}: the points are another picture's; fetch the folder again")
        return image


@dataclass(frozen=True, eq=False)
class Outcome:
    """A photo, and what was answered for its face: landmarks (68, 2) float64 pixels and their depths z (68,) in the
    same unit, larger = nearer; None: no face was found."""

    photo: Photo
    landmarks: np.ndarray | None
    z: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class PhotoSource:
    """The photos of one folder; all have points, or none has."""

    name: str
    photos: tuple[Photo, ...]

    @property
    def has_points(self) -> bool:
        return self.photos[0].points is not None

    @property
    def shows_faces(self) -> bool:
        """Whether a face that is found is right: anywhere but in `nonface`."""
        return self.name != NO_FACES


def read_sources(folder: Path) -> list[PhotoSource]:
    """The sources in a folder by name, or the one that the folder is. Raises InputError."""
    try:
        if (folder / ANNOTATIONS).is_file():
            return [_read_source(folder)]
        sources = sorted(path for path in folder.iterdir() if (path / ANNOTATIONS).is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error}); give the folder of photos") from error
    if not sources:
        raise InputError(f"{folder}: no folder with an {ANNOTATIONS} in it; give the folder that holds the sources")
    if len(sources) > MAX_SOURCES:
        raise InputError(f"{folder}: more than {MAX_SOURCES} sources; give a folder with fewer")
    return [_read_source(source) for source in sources]


def _read_source(folder: Path) -> PhotoSource:
    path = folder / ANNOTATIONS
    entries = _read_json(path)
    photos = []
    for number, entry in enumerate(entries, 1):
        try:
            photos.append(_photo(folder, entry))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            cause = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{path}: entry {number} cannot be used ({cause}); {REPAIR}") from error
    if len({photo.path for photo in photos}) < len(photos):
        raise InputError(f"{path}: lists a picture twice, which would count double; {REPAIR}")
    if len({photo.points is None for photo in photos}) > 1:
        raise InputError(f"{path}: some entries have points and some have none; put them into two folders")
    for photo in photos:        # found out now, not after half an hour
        if not photo.path.is_file():
            raise InputError(f"{photo.path}: listed in {ANNOTATIONS} and not there; fetch the folder again")
    return PhotoSource(folder.resolve().name, tuple(photos))


def _read_json(path: Path) -> list:
    entries = read_json(path, MAX_BYTES, REPAIR)
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: not a list of photos; {REPAIR}")
    if len(entries) > MAX_PHOTOS:
        raise InputError(f"{path}: more than {MAX_PHOTOS} photos; split the folder")
    return entries


def _photo(folder: Path, entry: dict) -> Photo:
    if not isinstance(entry, dict):
        raise ValueError("not an object")
    name = entry["file"]
    # a plain name: nothing outside the folder can be meant, on any system
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or name in (".", "..") or set(name) & set("/\\:\0"):
        raise ValueError(f"file is {str(name)[:80]!r}, not a name in this folder")
    size = entry["size"]
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise ValueError(f"size is {str(size)[:80]!r}, not [width, height]")
    yaw = entry.get("yaw")
    if yaw is not None and not (type(yaw) in (int, float) and math.isfinite(yaw) and abs(yaw) <= 180):
        raise ValueError(f"yaw is {str(yaw)[:80]!r}, not degrees within 180")
    second = _points(entry, "points_reannotated") if "points_reannotated" in entry else None
    yaw_deg = None if yaw is None else float(yaw)
    return Photo(folder / name, (size[0], size[1]), _points(entry, "points"), yaw_deg, second, _depths(entry),
                 _groups(entry))


def _groups(entry: dict) -> tuple[str, ...]:
    groups = []
    if entry.get("age") is not None:
        if type(entry["age"]) not in (int, float) or not 0 <= entry["age"] < AGE_BANDS[-1]:
            raise ValueError(f"age is {str(entry['age'])[:80]!r}, not years")
        band = next(n for n, end in enumerate(AGE_BANDS[1:]) if entry["age"] < end)
        groups.append(f"age {AGE_BANDS[band]}-{AGE_BANDS[band + 1] - 1}")
    for key in ("gender", "race"):
        if entry.get(key) is not None:
            if not isinstance(entry[key], str) or not 0 < len(entry[key]) <= MAX_GROUP:
                raise ValueError(f"{key} is {str(entry[key])[:80]!r}, not a word")
            groups.append(f"{key} {entry[key]}")
    return tuple(groups)


def _depths(entry: dict) -> np.ndarray | None:
    if entry.get("z") is None:
        return None
    if not isinstance(entry["z"], list) or len(entry["z"]) != 68:
        raise ValueError("z is not a list of 68 depths")
    depths = np.array(entry["z"], np.float64)
    if depths.shape != (68,) or not (np.abs(depths) < FARTHEST).all():
        raise ValueError("z are not 68 depths in pixels")
    if entry["points"] is None:
        raise ValueError("z is there without points")
    return depths


def _points(entry: dict, key: str) -> np.ndarray | None:
    if entry[key] is None:
        return None
    pairs = entry[key]
    if not isinstance(pairs, list) or len(pairs) != 68:
        raise ValueError(f"{key} is not a list of 68 pairs")
    points = np.array(pairs, np.float64)
    if points.shape != (68, 2) or not (np.abs(points) < FARTHEST).all():
        raise ValueError(f"{key} are not 68 pairs of pixels")
    if np.ptp(points, axis=0).min() < 1:
        raise ValueError(f"{key} have no extent")
    return points
