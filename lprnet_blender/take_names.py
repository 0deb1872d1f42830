# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take is called that nobody has named: after its clip, and numbered where another clip's has that name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from inference_core.errors import TakeError
from inference_core.frames import open_frames
from inference_core.frames.images import is_sequence
from inference_core.take import open_take
from inference_core.take_writer import begun

TAKE = ".lprtake"
LIVE = ("camera:", "http://", "https://")
# in a pattern: where the names of the frames differ, and what sets that apart
NUMBERS = re.compile(r"[._ -]*(%0?\d*d|#+|[*?]+|\[[^]]*\])")


def name_of(clip: Path) -> str:
    """shot_010 of shot_010.mp4, shot of shot.####.png; of a pattern without a name, its folder's."""
    if clip.is_dir():
        return clip.name
    if not is_sequence(clip):
        return clip.stem
    return NUMBERS.sub("", clip.stem).strip("._ -") or clip.absolute().parent.name


def free_take(folder: Path, name: str = "live") -> Path:
    """A name that no take in the folder has: live.lprtake, live-2.lprtake, ..."""
    return next(path for path in _numbered(folder, name) if not path.exists())


def take_for(clip: str, first: Path) -> Path:
    """The take at `first` where it is free or of this clip already, which then goes on, or else the next number's.
    Raises VideoError for a clip that cannot be opened to be compared."""
    sha256 = ""
    for path in _numbered(first.parent, first.stem):
        if not begun(path):
            return path
        if clip.lower().startswith(LIVE):               # what it showed is gone, nothing of it can go on
            continue
        if not sha256:
            with open_frames(clip) as frames:
                sha256 = frames.info.sha256 or ""
        try:
            if open_take(path).header.source.get("sha256") == sha256:
                return path
        except TakeError:                               # what is wrong with it is told when it is to go on
            return path
    raise AssertionError("there are always more numbers")


def _numbered(folder: Path, name: str) -> Iterator[Path]:
    return (folder / f"{name}{'' if number == 1 else f'-{number}'}{TAKE}" for number in range(1, 10_000))
