# SPDX-License-Identifier: GPL-3.0-or-later
"""A .pc2 file with one sample for each key. The worker writes it: no bpy here."""

from __future__ import annotations

import itertools
import os
import re
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from inference_core.errors import OutputError
from inference_core.files import check_writable, written_beside

HEADER = struct.Struct("<12siiffi")             # magic, version, points, first frame, frames a sample, samples
ENDING = ".pc2"
LEFT_S = 3600                   # a bake writes all the time; a hidden file untouched for so long was left by a crash


def write_point_cache(path: Path, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
    """samples: `count` times (vertices, 3) float32. Complete or not there. Raises OutputError naming the file."""
    with written_beside(path) as beside, beside.open("wb") as file:
        _write(file, samples, count, vertices)


@dataclass(frozen=True)
class CacheFile:
    """wanted: where it is to lie; hidden: where it is written, beside, until the scene shows it. What stops a bake
    before then leaves an earlier file as it was. replaces: takes the place of an earlier file, else gets a number
    behind its name: a duplicate, an older version of the .blend, or what an undo brings back may play it."""

    wanted: Path
    hidden: Path
    replaces: bool

    @classmethod
    def at(cls, wanted: Path, *, replaces: bool) -> CacheFile:
        """Raises OutputError now where nothing can be written there. What a bake to the same place has left that was
        killed is removed."""
        check_writable(wanted)
        start = f".{wanted.stem[:40]}-"
        _drop_left(wanted.parent, re.compile(f"{re.escape(start)}[0-9a-f]{{8}}{re.escape(ENDING)}"))
        return cls(wanted, wanted.with_name(f"{start}{uuid4().hex[:8]}{ENDING}"), replaces)

    def write(self, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
        """samples: `count` times (vertices, 3) float32. Complete or not there. Raises OutputError naming the file."""
        try:
            with self.hidden.open("wb") as file:
                _write(file, samples, count, vertices)
        except OSError as error:
            self.drop()
            raise self._refused(error) from error
        except BaseException:
            self.drop()
            raise

    def show(self) -> Path:
        """Put the whole file to its place, and say where that is. Raises OutputError."""
        path = self.wanted if self.replaces else _free(self.wanted)
        try:
            os.replace(self.hidden, path)
        except OSError as error:
            raise self._refused(error) from error
        return path

    def drop(self) -> None:
        """Remove what is not shown; does nothing after `show`."""
        with suppress(OSError):
            self.hidden.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self.wanted}: cannot be written ({error.strerror or error}); choose another folder, or "
                           "free some space")


def _free(path: Path) -> Path:
    """Itself, or the first of NAME-2, NAME-3, ... that is not there."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain((path,), numbered) if not os.path.lexists(each))


def _drop_left(folder: Path, name: re.Pattern[str]) -> None:
    """Half-written files of that name; not those that another process may still be writing."""
    with suppress(OSError):
        for path in folder.iterdir():
            if name.fullmatch(path.name) and time.time() - path.stat().st_mtime > LEFT_S:
                path.unlink()


def _write(file: BinaryIO, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
    file.write(HEADER.pack(b"POINTCACHE2\0", 1, vertices, 0.0, 1.0, count))
    for sample in samples:
        file.write(np.ascontiguousarray(sample, dtype="<f4").tobytes())
