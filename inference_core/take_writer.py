"""Writing a take: every frame goes to the disk as it comes, so that whatever stops the program loses at most a
second."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from pathlib import Path

from inference_core.errors import OutputError, TakeError
from inference_core.take_header import (FORMAT, FRAMES, HEADER, TakeHeader, own_topology, read_header, write_header,
                                        write_topology)
from inference_core.take_records import MAGIC, PREAMBLE, TakeFrame, encode, end_mark, read_body, read_head, scan
from inference_core.topology import Topology, load_topology

try:
    import fcntl
except ImportError:             # Windows does not let two programs write one file anyway
    fcntl = None

SYNC_EVERY_S = 0.5
READ_WRITE = os.O_RDWR | getattr(os, "O_BINARY", 0)


class TakeWriter:
    """Made by `create` or `resume`. frames: how many the take has; next_index: of the first frame of the source that
    is still to come; last_s: when the last one was; state: what the tracker left with it; complete: marked as finished.
    Leaving it as a context manager marks the take as complete, unless an exception is on its way: then the take stays
    as far as it came, to be read or resumed."""

    def __init__(self, path: Path, header: TakeHeader, topology: Topology, handle: int) -> None:
        self.path, self.header, self._topology, self._handle = path, header, topology, handle
        self.frames, self.next_index, self.state, self.complete = 0, 0, b"", False
        self.last_s = -math.inf
        self._end, self._synced = PREAMBLE.size, time.monotonic()

    @classmethod
    def create(cls, path: str | Path, header: TakeHeader, topology: Topology | None = None) -> TakeWriter:
        """A new take, a folder. Raises OutputError where it cannot be made or something of this name is there."""
        path, topology = Path(path), topology or load_topology()
        try:
            path.mkdir(parents=True, exist_ok=True)
            if (path / HEADER).exists():
                raise OutputError(f"{path}: there is a take of this name; go on with --resume, or choose another name")
            if any(not name.startswith(".") for name in os.listdir(path)):
                raise OutputError(f"{path}: a folder with other files in it; choose another name")
            write_topology(path, topology)
            write_header(path, header)
            handle = os.open(path / FRAMES, READ_WRITE | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: the take cannot be written ({error.strerror or error}); choose another name or "
                              "folder") from error
        writer = cls(path, header, topology, handle)
        writer._begin()
        return writer

    @classmethod
    def resume(cls, path: str | Path, topology: Topology | None = None) -> TakeWriter:
        """A take that was stopped: a torn last record is cut off, `next_index` says which frame of the source comes
        next, and what it then writes is what it would have written without the stop. Raises TakeError for no take,
        another format or topology, a take that another program is writing, and one damaged before its end."""
        path = Path(path)
        topology = topology or own_topology(path)
        header = read_header(path, topology)
        try:
            handle = os.open(path / FRAMES, READ_WRITE | os.O_CREAT, 0o666)
        except OSError as error:
            raise TakeError(f"{path / FRAMES}: the take cannot be continued ({error.strerror or error}); check the "
                            "rights of the folder") from error
        writer = cls(path, header, topology, handle)
        try:
            writer._go_on()
        except BaseException:
            writer._release()
            raise
        return writer

    def add(self, frame: TakeFrame) -> None:
        """Append a frame; its index must be larger than the last one's, its time later. Raises OutputError when the
        disk is full or gone; the take up to the frame before stays whole. ValueError: a program's mistake."""
        if frame.index < self.next_index:
            raise ValueError(f"frame {frame.index} comes after frame {self.next_index - 1}")
        if not frame.time_s > self.last_s:
            raise ValueError(f"frame {frame.index} at {frame.time_s} s comes after one at {self.last_s} s")
        record = encode(frame, self._topology.mean_canonical, self.header.precision)
        if self.complete:                       # finished earlier, now longer: the mark gives way
            os.ftruncate(self._handle, self._end)
            self.complete = False
        self._append(record)
        self.frames, self.next_index, self.state = self.frames + 1, frame.index + 1, frame.state
        self.last_s = frame.time_s
        if time.monotonic() - self._synced >= SYNC_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Everything so far is on the disk when this returns."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise self._failed(error) from error
        self._synced = time.monotonic()

    def close(self, finished: bool = True) -> None:
        """Ends writing; `finished` marks the take as complete. A second call does nothing."""
        if self._handle < 0:
            return
        try:
            if finished and not self.complete:
                self._append(end_mark(self.frames))
                self.complete = True
            self.flush()
        finally:
            self._release()

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            self.close()
            return
        with suppress(OutputError):             # what went wrong first is what is told
            self.close(finished=False)

    def _begin(self) -> None:
        try:
            self._lock()
            self._write_at(0, PREAMBLE.pack(MAGIC, FORMAT, len(self._topology.cells)))
            self.flush()
            _sync_folder(self.path)
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise

    def _go_on(self) -> None:
        self._lock()
        vertices, file_path = len(self._topology.cells), self.path / FRAMES
        preamble = PREAMBLE.pack(MAGIC, FORMAT, vertices)
        with open(self._handle, "rb", closefd=False) as file:
            start = file.read(PREAMBLE.size)
            if len(start) < PREAMBLE.size and preamble.startswith(start):       # killed before the first frame
                self._write_at(0, preamble)
                return
            if start != preamble:
                raise TakeError(f"{file_path}: damaged or not of this take; capture it again with lprnet video")
            found = scan(file, vertices, bodies=True)
            if len(found.table):
                last = read_head(found.table[-1].tobytes()[8:], vertices)
                self.last_s = last.numbers[0]
                self.state = read_body(file, int(found.table["place"][-1]), last)[:last.state_bytes]
        indices = found.table["index"]
        if found.damaged:
            raise TakeError(f"{self.path}: damaged after {len(indices)} frames, with whole ones behind, which resuming "
                            "would lose; copy it again, or capture it again under another name")
        if not found.complete:
            os.ftruncate(self._handle, found.end)
        self.frames, self._end, self.complete = len(indices), found.end, found.complete
        self.next_index = int(indices[-1]) + 1 if len(indices) else 0

    def _append(self, record: bytes) -> None:
        try:
            self._write_at(self._end, record)
        except BaseException as error:          # Ctrl-C too: what comes next must follow on whole records
            with suppress(OSError):
                os.ftruncate(self._handle, self._end)
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise
        self._end += len(record)

    def _write_at(self, place: int, data: bytes) -> None:
        os.lseek(self._handle, place, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest):]

    def _failed(self, error: OSError) -> OutputError:
        live = self.header.source.get("kind") in ("camera", "stream")
        then = "record another take" if live else "go on with --resume"
        return OutputError(f"{self.path}: nothing more can be written ({error.strerror or error}); its {self.frames} "
                           f"frames are kept: free some space, then {then}")

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TakeError(f"{self.path}: another program is writing this take; wait for it or stop it") from error
        except OSError:             # a file system without locks
            pass

    def _release(self) -> None:
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


def begun(path: Path) -> bool:
    """Whether there is something to be resumed. A capture that was killed in its first moment leaves a folder without a
    header, as if there were none, or a header alone: then a take without frames is made of it. Raises OutputError for a
    path that cannot be looked at, as of a name that is too long."""
    try:
        if (path / HEADER).exists():
            if not (path / FRAMES).exists():
                with suppress(OSError):         # what is wrong with the folder is told when it is opened
                    (path / FRAMES).touch()
            return True
        return path.exists() and (not path.is_dir() or any(not name.startswith(".") for name in os.listdir(path)))
    except OSError as error:
        raise OutputError(f"{path}: the take cannot be written ({error.strerror or error}); choose another name or "
                          "folder") from error


def _sync_folder(path: Path) -> None:
    """So that the new files are still in the folder after a loss of power; Windows cannot and need not."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
