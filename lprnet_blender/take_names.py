# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take is called that nobody has named: after its clip, and numbered where another clip's has that name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from inference_core.errors import TakeError
from inference_core.frames import open_frames
from inference_core.frames.images import is_sequence
from inference_core.take import TakeHeader, open_take
from inference_core.take_source import files_of
from inference_core.take_writer import begun

TAKE = ".lprtake"
LIVE = ("camera:", "http://", "https://")
LONGEST = 200                   # bytes of a name; most file systems know 255, for endings and numbers too
COUNTED = re.compile(r"(.+)-([2-9]|[1-9][0-9]{1,3})")
MOST_READ = 200_000_000         # bytes of a clip
# in a pattern: where the names of the frames differ, and what sets that apart
NUMBERS = re.compile(r"[._ -]*(%0?\d*d|#+|[*?]+|\[[^]]*\])")


def name_of(clip: Path) -> str:
    """shot_010 of shot_010.mp4, shot of shot.####.png; of a pattern without a name, its folder's."""
    if clip.is_dir():
        return clip.name
    if not is_sequence(clip):
        return clip.stem
    return NUMBERS.sub("", clip.stem).strip("._ -") or clip.absolute().parent.name


def shortened(name: str) -> str:
    """Cut between two letters where a folder cannot have a name so long."""
    raw = name.encode(errors="surrogateescape")
    return name if len(raw) <= LONGEST else raw[:LONGEST].decode(errors="ignore")


def free_take(folder: Path, name: str = "live") -> Path:
    """A name that no take in the folder has: live.lprtake, live-2.lprtake, ...; after live-2 comes live-3."""
    counted = COUNTED.fullmatch(name)
    name, first = (counted[1], int(counted[2])) if counted else (name, 1)
    return next(path for path in _numbered(folder, name, first) if not path.exists())


def take_for(clip: str, first: Path) -> Path:
    """The take at `first` where it is free or of this clip already, which then goes on, or else the next number's.
    Raises VideoError for a clip that cannot be opened to be compared, OutputError where no take can be."""
    same = _Clip(clip)
    for path in _numbered(first.parent, first.stem):
        try:
            if not begun(path):
                return path
            # of what is live nothing can go on
            if not clip.lower().startswith(LIVE) and same.is_of(open_take(path).header):
                return path
        except TakeError:                               # what is wrong with it is told when it is to go on
            return path
    raise AssertionError("there are always more numbers")


class _Clip:
    """A clip that takes are compared with. Blender stands still meanwhile, so a long one is not read: it is that of the
    take where it lies where that was captured and has not changed since."""

    def __init__(self, clip: str) -> None:
        self._clip, self._sha256 = clip, ""

    def is_of(self, header: TakeHeader) -> bool:
        """Whether a take is of this clip. Raises VideoError."""
        place, sizes, changed_s = Path(os.path.abspath(self._clip)), 0, 0.0
        for file in files_of(place):
            if os.path.exists(file):                    # else opening tells
                sizes, changed_s = sizes + file.stat().st_size, max(changed_s, file.stat().st_mtime)
        if header.source.get("name") == str(place) and 0 < changed_s < _made_s(header):
            return True                                 # the capture still compares what is in it
        if sizes > MOST_READ:
            return False
        if not self._sha256:
            with open_frames(self._clip) as frames:
                self._sha256 = frames.info.sha256 or ""
        return header.source.get("sha256") == self._sha256


def _made_s(header: TakeHeader) -> float:
    try:
        return datetime.fromisoformat(header.created).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return 0.0


def _numbered(folder: Path, name: str, first: int = 1) -> Iterator[Path]:
    return (folder / f"{name}{'' if number == 1 else f'-{number}'}{TAKE}" for number in range(first, first + 10_000))
