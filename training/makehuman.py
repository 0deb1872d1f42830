"""MakeHuman's base mesh and its targets (CC0), read from a checkout that the user names: another head than the
training's.

Centimetres, x to the subject's left, y up, z forward. Of the targets those of the head's shape are drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.errors import InputError

CM = 10.0                               # the files count in decimetres
DATA = Path("makehuman") / "data"
MAX_BYTES, MAX_LINES = 32 << 20, 500_000
PEOPLE = tuple(f"{origin}-{sex}-{age}" for origin in ("african", "asian", "caucasian") for sex in ("female", "male")
               for age in ("child", "young", "old"))
FOLDERS = ("nose", "chin", "cheek", "forehead", "head", "mouth")
LEAVE_OUT = ("trans", "age")            # they move the whole head, or are part of the person already
DETAILS, STRONGEST = 12, 0.8            # so many drawn for a person, each up to so strong
BELOW_EYES_CM = 26.0                    # what lies lower is no head
GIVE = "give a checkout of github.com/makehumancommunity/makehuman"


@dataclass(frozen=True, eq=False)
class OtherHead:
    """base (V, 3) cm; triangles (T, 3) of the skin, eyes (2 x (E, 3)) right and left; joints: name -> centre (3,)."""

    folder: Path
    base: np.ndarray
    triangles: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]
    joints: dict[str, np.ndarray]

    def person(self, rng: np.random.Generator) -> np.ndarray:
        """(V, 3) cm: one of MakeHuman's people with a dozen morphs of the head's parts, alike on both sides."""
        out = self.base + target(self.folder, f"macrodetails/{rng.choice(PEOPLE)}", len(self.base))
        names = sorted({path.stem.removeprefix("l-").removeprefix("r-") + f"@{path.parent.name}"
                        for folder in FOLDERS for path in (self.folder / DATA / "targets" / folder).glob("*.target")
                        if not any(word in path.stem for word in LEAVE_OUT)})
        for name in rng.choice(names, DETAILS, replace=False):
            strength = rng.uniform(0, STRONGEST)
            stem, _, folder = str(name).partition("@")
            for side in ("", "l-", "r-"):
                if (self.folder / DATA / "targets" / folder / f"{side}{stem}.target").is_file():
                    out = out + strength * target(self.folder, f"{folder}/{side}{stem}", len(out))
        return out


def read_head(folder: Path) -> OtherHead:
    """Raises InputError where the folder is no checkout of MakeHuman."""
    points, groups, name = [], {}, ""
    for line in _lines(folder / DATA / "3dobjs" / "base.obj"):
        kind, *values = line.split() or [""]
        if kind == "v":
            points.append(values[:3])
        elif kind == "g":
            name = values[0] if values else ""
        elif kind == "f":
            groups.setdefault(name, []).append([value.partition("/")[0] for value in values])
    try:
        base = np.array(points, np.float64) * CM
        faces = {key: np.array([corner[:3] for corner in rows] + [[c[0], c[2], c[3]] for c in rows if len(c) == 4],
                               np.int64) - 1 for key, rows in groups.items()}
        eyes = faces["helper-r-eye"], faces["helper-l-eye"]
        joints = {key: base[np.unique(rows)].mean(0) for key, rows in faces.items() if key.startswith("joint-")}
        skin = faces["body"]
        skin = skin[(base[skin, 1] > joints["joint-r-eye"][1] - BELOW_EYES_CM).all(1)]
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{folder}: its base.obj is not MakeHuman's ({error}); {GIVE}") from error
    return OtherHead(folder, base, skin, eyes, joints)


def target(folder: Path, name: str, count: int) -> np.ndarray:
    """(count, 3) cm: how far a target at full strength moves each vertex. Raises InputError."""
    path, out = folder / DATA / "targets" / f"{name}.target", np.zeros((count, 3))
    try:
        rows = np.array([line.split() for line in _lines(path) if line.strip() and not line.startswith("#")],
                        np.float64)
        out[rows[:, 0].astype(np.int64)] = rows[:, 1:4] * CM
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: not a target of MakeHuman ({error}); {GIVE}") from error
    return out


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than such a file can be ({MAX_BYTES >> 20} MB); {GIVE}")
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {GIVE}") from error
    if len(lines) > MAX_LINES:
        raise InputError(f"{path}: more than {MAX_LINES} lines; {GIVE}")
    return lines
