"""Names of sequences: where the number of a frame goes."""

from __future__ import annotations

import re
from pathlib import Path

from inference_core.errors import OutputError

NUMBER = re.compile(r"%0?(\d*)d|#+")
DIGITS, MOST_DIGITS = 4, 12


def numbered(path: Path, number: int) -> Path:
    """shot.obj -> shot.0007.obj; shot_%03d.obj or shot_###.obj -> shot_007.obj. Raises OutputError for a pattern of
    two numbers or too many digits."""
    found = list(NUMBER.finditer(path.name))
    if not found:
        return path.with_name(f"{path.stem}.{number:0{DIGITS}d}{path.suffix}")
    place = found[0]
    digits = len(place[0]) if place[0].startswith("#") else int(place[1][:4] or 1)
    if len(found) > 1 or digits > MOST_DIGITS:
        raise OutputError(f"{path}: give a name with one number of up to {MOST_DIGITS} digits, as in shot.####.obj")
    return path.with_name(path.name[:place.start()] + f"{number:0{digits}d}" + path.name[place.end():])


def without_number(path: Path) -> Path:
    """The name for what all files of a sequence share: shot.####.obj -> shot.obj."""
    stem = NUMBER.sub("", path.stem).rstrip("._- ")
    return path.with_name((stem or "face") + path.suffix)
