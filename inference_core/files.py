"""Writing files so that nothing half-written stays: beside the target first, then renamed onto it; reading JSON of
bounded size."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inference_core.errors import InputError, LPRNetError, OutputError


@contextmanager
def written_beside(path: str | Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to; on success it is renamed onto `path`, on failure removed.

    Raises OutputError naming the file and the cause when the folder cannot be written to.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _refused(path, error) from error
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file; see `written_beside`."""
    with written_beside(path) as beside:
        beside.write_bytes(data)


def read_json(path: Path, most_bytes: int, advice: str, error: type[LPRNetError] = InputError) -> object:
    """What a JSON file of at most so many bytes holds. Raises `error` naming the file, the cause and the advice."""
    try:
        if path.stat().st_size > most_bytes:
            raise error(f"{path}: larger than the {most_bytes >> 10} kB that are read; {advice}")
        return json.loads(path.read_bytes())
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror or cause}); {advice}") from cause
    except (ValueError, RecursionError) as cause:
        raise error(f"{path}: not a JSON file ({cause}); {advice}") from cause


def make_folder(path: Path) -> None:
    """A folder, with those above it, where there is none yet. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be used as a folder ({error.strerror or error}); choose another") from error


@contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """`make_folder` for what is done inside; none that is empty after it stays."""
    missing = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]
    try:
        make_folder(path)
        yield
    finally:
        for folder in missing:
            with suppress(OSError):             # something is in it
                folder.rmdir()


def check_writable(path: str | Path) -> None:
    """Raises OutputError now, before long work, where the folder of `path` cannot be written to or hold the name."""
    path = Path(path)
    try:
        with suppress(FileNotFoundError):
            path.lstat()                    # a name that is too long says so here
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _refused(path, error) from error


def refuse_overwriting(paths: Iterable[Path], given: Iterable[Path], what: str) -> None:
    """Raises InputError where a file that is to be written is one of those that were given, however the two are
    spelled: by links, or in capitals where the file system knows none."""
    refuse_places(paths, places_on_disk(given), what)


def places_on_disk(files: Iterable[Path]) -> frozenset[tuple[int, int]]:
    """Where files lie, of those that are there; for `refuse_places` where it is asked often."""
    return frozenset(place for path in files if (place := _place_of(path)))


def refuse_places(paths: Iterable[Path], kept: frozenset[tuple[int, int]], what: str) -> None:
    """`refuse_overwriting` of what lies at some places."""
    for path in paths:
        if _place_of(path) in kept:
            raise InputError(f"{path}: is {what} and would be overwritten; choose another name or folder")


def _place_of(path: Path) -> tuple[int, int] | None:
    """By what os.path.samefile tells files apart; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _refused(path: Path, error: OSError) -> OutputError:
    if isinstance(error, FileNotFoundError) and not path.parent.exists():
        return OutputError(f"{path}: cannot be written (there is no folder {path.parent}); make it, or choose "
                           "another one")
    return OutputError(f"{path}: cannot be written ({error.strerror or error}); choose another name or folder")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
