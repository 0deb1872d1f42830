# SPDX-License-Identifier: GPL-3.0-or-later
"""Write and open .blend files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from inference_core.errors import InputError, OutputError
from inference_core.files import check_writable
from inference_core.quiet import OUTPUT, quiet


def check_output(path: Path) -> None:
    """Say early, before any work is done, that `path` cannot become a .blend file."""
    if os.path.isdir(path):                             # also "." and "/", which have no name to put an ending to
        raise OutputError(f"{path}: a folder; give the name of a .blend file in it")
    if path.suffix.lower() != ".blend":
        raise OutputError(f"{path}: does not end in .blend; give a name such as {path.with_suffix('.blend')}")
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise OutputError(f"{path}: Blender writes to no path that is not Unicode; choose another name or "
                          "folder") from error
    check_writable(path)


def save_blend(path: Path) -> None:
    """Save the open file as `path`: written beside it and renamed, so that nothing half-written stays."""
    partial = _beside(path)
    try:
        _finish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_blend(path: Path) -> Iterator[None]:
    """The open file becomes `path` when all went well inside; meanwhile it lies beside under another name, so that what
    is written beside it, and paths relative to it, are where they stay."""
    partial = _beside(path)
    try:
        _write(partial, path, copy=False)
        yield
        _finish(partial, path)
    finally:
        for left in (partial, Path(f"{partial}1")):     # Blender keeps the version before as .blend1
            left.unlink(missing_ok=True)


def _finish(partial: Path, path: Path) -> None:
    _write(partial, path, copy=True)
    try:
        os.replace(partial, path)
    except OSError as error:
        raise _refused(path, error) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.blend")


def _write(partial: Path, path: Path, *, copy: bool) -> None:
    try:
        with quiet(OUTPUT):                             # it would tell the partial file's name
            bpy.ops.wm.save_as_mainfile(filepath=str(partial.absolute()), copy=copy, compress=True,
                                        check_existing=False)
    except RuntimeError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: Exception) -> OutputError:
    return OutputError(f"{path}: could not be written ({_first_line(error)}); choose another place")


def open_blend(path: Path) -> None:
    """Open a .blend file in place of what is open now."""
    if not os.path.isfile(path):
        raise InputError(f"{path}: does not exist; give a .blend file")
    try:
        with quiet(OUTPUT):
            bpy.ops.wm.open_mainfile(filepath=str(path.absolute()), load_ui=False)
    except RuntimeError as error:
        raise InputError(f"{path}: cannot be opened as a .blend file ({_first_line(error)}); save it again with "
                         "Blender") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removeprefix("Error: ")
