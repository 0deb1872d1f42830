"""Numbered pictures as a clip: a folder, a pattern (shot.%04d.png, shot.####.png) or a glob (*.jpg).

The number tells the time: a missing number is a gap, as long as its frame would have been.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import numpy as np

from inference_core.errors import ImageError, VideoError
from inference_core.frames.source import FrameOptions, FrameSource, SourceInfo, Stamp
from inference_core.images import read_image

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
DEFAULT_FPS = 24.0
MAX_FILES = 1_000_000           # in a folder
MAX_DIGITS = 18
MAX_STRIDE = 1000               # numbers further apart on average are dates or the like, not frames
HASHED_BYTES = 1 << 16          # of each picture: clips of pictures are too large to be read twice
PLACEHOLDER = re.compile(r"%0?(\d*)d|(#+)")


@dataclass(frozen=True)
class Numbered:
    """A picture, its number in the clip, from 0, and in its name."""

    path: Path
    index: int
    number: int


def is_sequence(target: Path) -> bool:
    """Whether a target that is no file of this very name asks for several pictures."""
    if os.path.isdir(target):
        return True
    return not os.path.lexists(target) and (PLACEHOLDER.search(target.name) is not None or _is_glob(target.name))


def open_images(target: Path, options: FrameOptions) -> FrameSource:
    """The pictures that a folder or a pattern stands for. Raises VideoError where there is none or the first is bad."""
    pictures = find_pictures(target)
    fps = options.fps or DEFAULT_FPS
    first = _read(pictures[0].path)
    info = SourceInfo("images", str(target), (first.shape[1], first.shape[0]), fps, len(pictures), _digest(pictures),
                      pictures[0].number)
    return FrameSource(info, _stamps(pictures, fps), options)


def find_pictures(target: Path) -> list[Numbered]:
    """In the order of their numbers, at least one. Raises VideoError."""
    whole_folder = os.path.isdir(target)
    folder = target if whole_folder else target.parent
    names = _names(folder, target)
    placeholder = None if whole_folder else PLACEHOLDER.search(target.name)
    if placeholder:
        found = _by_placeholder(target.name, placeholder, names)
        if found and _far_apart(found[0][0], found[-1][0], len(found)):
            every = target.with_name(f"{target.name[:placeholder.start()]}*{target.name[placeholder.end():]}")
            raise VideoError(f"{target}: the numbers from {found[0][0]} to {found[-1][0]} of {len(found)} pictures are "
                             f"too far apart for those of frames; give {every}, which counts them")
    else:
        found = _by_difference([name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")
                                and (whole_folder or fnmatchcase(name, target.name))])
    if not found:
        where = "in this folder" if whole_folder else "named like this"
        raise VideoError(f"{target}: no picture is {where}; give a folder or pattern of {' '.join(ENDINGS)} files")
    for (number, name), (other, other_name) in zip(found, found[1:]):
        if number == other:
            raise VideoError(f"{target}: {name} and {other_name} have the same number; rename one of them")
    start = found[0][0]
    return [Numbered(folder / name, number - start, number) for number, name in found]


def natural_key(name: str) -> tuple:
    """Sorts 2 before 10."""
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in _parts(name)), name


def _names(folder: Path, target: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MAX_FILES + 1))]
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise VideoError(f"{target}: the folder cannot be read ({cause}); check the name") from error
    if len(names) > MAX_FILES:
        raise VideoError(f"{target}: more than {MAX_FILES} files are in the folder; move the clip to one of its own")
    return names


def _by_placeholder(pattern: str, placeholder: re.Match[str], names: list[str]) -> list[tuple[int, str]]:
    digits = int(placeholder[1] or 1) if placeholder[2] is None else len(placeholder[2])
    if not 1 <= digits <= MAX_DIGITS:
        raise VideoError(f"{pattern}: {digits} digits are more than the {MAX_DIGITS} that are read; check the pattern")
    before, after = pattern[:placeholder.start()], pattern[placeholder.end():]
    # %04d and #### write 12345 for the frame after 9999
    number = rf"([0-9]{{{digits}}}|[1-9][0-9]{{{digits},{MAX_DIGITS}}})"
    wanted = re.compile(re.escape(before) + number + re.escape(after))
    return sorted((int(match[1]), name) for name in names if (match := wanted.fullmatch(name)))


def _by_difference(names: list[str]) -> list[tuple[int, str]]:
    """By the one number in which all names differ; where there is no such number, counted in natural order."""
    names = sorted(names, key=natural_key)
    rows = [_parts(name) for name in names]
    counted = list(enumerate(names))
    if len({len(row) for row in rows}) != 1:
        return counted
    differing = [column for column in zip(*rows) if len(set(column)) > 1]
    if len(differing) != 1 or not all(part.isdecimal() and len(part) <= MAX_DIGITS for part in differing[0]):
        return counted
    numbers = [int(part) for part in differing[0]]
    if _far_apart(numbers[0], numbers[-1], len(numbers)):
        return counted
    return list(zip(numbers, names))


def _far_apart(first: int, last: int, count: int) -> bool:
    return last - first > MAX_STRIDE * count


def _parts(name: str) -> list[str]:
    """Text and digits in turn."""
    return re.split(r"([0-9]+)", name)


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _stamps(pictures: list[Numbered], fps: float) -> Iterator[Stamp]:
    for picture in pictures:
        yield Stamp(picture.index, picture.index / fps, partial(_read, picture.path))


def _read(path: Path) -> np.ndarray:
    try:
        return read_image(path)
    except ImageError as error:
        raise VideoError(str(error)) from error


def _digest(pictures: list[Numbered]) -> str:
    """SHA-256 of names, sizes and beginnings of all pictures."""
    digest = hashlib.sha256()
    for picture in pictures:
        try:
            with picture.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest.update(f"{picture.path.name}\0{size}\0".encode(errors="surrogateescape"))
                digest.update(file.read(HASHED_BYTES))
        except OSError as error:
            raise VideoError(f"{picture.path}: cannot be read ({error.strerror or error}); check the file") from error
    return digest.hexdigest()
