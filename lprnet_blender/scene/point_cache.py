# SPDX-License-Identifier: GPL-3.0-or-later
"""A .pc2 file with one sample for each key. The worker writes it: no bpy here."""

from __future__ import annotations

import os
import struct
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


def write_point_cache(path: Path, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
    """samples: `count` times (vertices, 3) float32. Complete or not there. Raises OutputError naming the file."""
    with written_beside(path) as beside, beside.open("wb") as file:
        _write(file, samples, count, vertices)


@dataclass(frozen=True)
class CacheFile:
    """path: where it is to lie; hidden: where it is written, beside, until the scene shows it. What stops a bake before
    then leaves an earlier file at `path` as it was."""

    path: Path
    hidden: Path

    @classmethod
    def at(cls, path: Path) -> CacheFile:
        """Raises OutputError now where nothing can be written there."""
        check_writable(path)
        return cls(path, path.with_name(f".{path.stem[:40]}-{uuid4().hex[:8]}{ENDING}"))

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

    def show(self) -> None:
        """Put the whole file to its place. Raises OutputError."""
        try:
            os.replace(self.hidden, self.path)
        except OSError as error:
            raise self._refused(error) from error

    def drop(self) -> None:
        """Remove what is not shown; does nothing after `show`."""
        with suppress(OSError):
            self.hidden.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: cannot be written ({error.strerror or error}); choose another folder, or free "
                           "some space")


def _write(file: BinaryIO, samples: Iterable[npt.NDArray[np.float32]], count: int, vertices: int) -> None:
    file.write(HEADER.pack(b"POINTCACHE2\0", 1, vertices, 0.0, 1.0, count))
    for sample in samples:
        file.write(np.ascontiguousarray(sample, dtype="<f4").tobytes())
