# SPDX-License-Identifier: GPL-3.0-or-later
"""Export an animated or still face to files of other programs. However it was baked, what is written is what the scene
shows; what a format cannot hold is said in a sentence, never left out in silence.

Alembic, USD and glTF carry times, so every key is written at its own, also between two frames of the scene. FBX, OBJ
sequences, MDD and PC2 are read frame by frame, so they hold the frames of the scene.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import bpy
import numpy as np
import numpy.typing as npt

from inference_core.errors import InputError, OutputError
from inference_core.files import check_writable
from inference_core.quiet import OUTPUT, quiet

from ..compat import pixar_usd
from ..jobs import Job, Progress, Steps, messages_of
from .even_times import even_times
from .export_caches import keys_between_frames, write_alembic, write_usd
from .export_points import write_cache, write_sequence
from .export_shapes import Shapes, shapes_of, write_fbx, write_gltf
from .key_times import key_times
from .motion import Motion, Shown, read_motion
from .stand_in import pictures_as_files, stand_in

Format = Literal["ABC", "USD", "GLTF", "FBX", "OBJ", "MDD", "PC2"]
ENDINGS = {".abc": "ABC", ".usd": "USD", ".usdc": "USD", ".usda": "USD", ".glb": "GLTF", ".fbx": "FBX", ".obj": "OBJ",
           ".mdd": "MDD", ".pc2": "PC2"}
USUAL_ENDING = {"ABC": ".abc", "USD": ".usdc", "GLTF": ".glb", "FBX": ".fbx", "OBJ": ".obj", "MDD": ".mdd",
                "PC2": ".pc2"}
WITH_TIMES, WITH_SHAPES = ("ABC", "USD", "GLTF"), ("GLTF", "FBX")
LARGE_MB = 50
# Blender's own exporters; Linux distributions leave some out
OPERATORS = {"ABC": ("wm", "alembic_export"), "USD": ("wm", "usd_export"), "OBJ": ("wm", "obj_export"),
             "GLTF": ("export_scene", "gltf"), "FBX": ("export_scene", "fbx")}
# Bytes on the disk for each of the bare points while the file is made, measured. Blender breaks down, or leaves half a
# file and says nothing, where an exporter finds the disk full.
ROOM = {"ABC": 2.2, "USD": 13.0, "GLTF": 0.5, "FBX": 0.5, "OBJ": 12.0, "MDD": 1.1, "PC2": 1.1}
LEAST_ROOM_MB = 30
RAISED = re.compile(r"^\w*(Error|Exception): (\[Errno \d+\] )?")


@dataclass(frozen=True)
class ExportOptions:
    """format: None = what the ending of the path says. scene_range: the scene's frame range alone, not the whole
    motion. every_shape: glTF and FBX with a shape for every key instead of few that are mixed."""

    format: Format | None = None
    scene_range: bool = False
    every_shape: bool = False

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in get_args(Format):
            raise InputError(f"export: format cannot be {self.format!r}; give one of {', '.join(get_args(Format))}")


@dataclass(frozen=True)
class Exported:
    """files: all that were written, the one that was asked for last. notes: sentences for the user."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def export(thing: bpy.types.Object, path: str | Path, options: ExportOptions = ExportOptions(), *,
           on_progress: Callable[[Progress], None] = lambda progress: None) -> Exported:
    """Write the object as it moves in the open scene. The scene, its frame and the selection stay as they are. Raises
    OutputError naming the file and the cause, InputError for an object that cannot be written."""
    exported: Exported = Job("Export", export_steps(thing, Path(path), options)).run(on_progress)
    return exported


def export_steps(thing: bpy.types.Object, path: Path, options: ExportOptions = ExportOptions()) -> Steps:
    """For `jobs`: a Progress for each frame that is read; returns Exported. The writing itself is one step."""
    path, kind = target(path, options.format, thing.name)
    if bpy.context.scene is None or thing.type != "MESH":
        raise InputError(f"{thing.name}: not a mesh; choose a captured or baked face")
    shown = Shown(thing.name, bpy.context.scene.name, thing.session_uid)
    del thing
    frames, notes = _frames(*shown.find(), kind, options)
    with _folder_beside(path) as folder:
        motion: Motion = yield from _reading(shown, frames, folder, path)
        with closing(motion.stored):
            if not options.scene_range and not motion.moves and not motion.deforms:   # what might have moved it did not
                frames, motion = frames[:1], motion.first()
            shapes = None
            if kind in WITH_SHAPES:
                shapes = yield from messages_of(
                    lambda post: shapes_of(motion, options.every_shape, kind == "GLTF", post))
            yield Progress(len(frames), len(frames), f"Writing {path.name}")
            try:
                files, more = _write(shown, motion, shapes, frames, kind, folder / "files" / path.name)
                notes += more
                for file in files:
                    os.replace(file, path.parent / file.name)
            except (RuntimeError, OSError) as error:
                raise _refused(path, error) from error
    return Exported(tuple(path.parent / file.name for file in files), tuple(notes))


def _reading(shown: Shown, frames: npt.NDArray[np.float64], folder: Path, path: Path) -> Steps:
    """In `folder`, for the file `path`."""
    reading = read_motion(shown, frames, folder / "points")
    try:
        while True:
            yield Progress(next(reading), len(frames), "Reading the scene")
    except StopIteration as stop:
        return stop.value
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        reading.close()                                 # the scene goes back to its frame now


def target(path: Path, kind: Format | None, name: str) -> tuple[Path, str]:
    """The file with its ending, and the format; in a folder it is called `name`. Raises OutputError for an ending that
    says none or another, or an exporter that is not there."""
    path = Path(bpy.path.abspath(str(path))).absolute()      # exporters run where another folder may be the current one
    if path.is_dir() and kind is not None:
        path = path / (bpy.path.clean_name(name) + USUAL_ENDING[kind])
    said = ENDINGS.get(path.suffix.lower())
    if kind is None and said is None:
        raise OutputError(f"{path}: faces cannot be exported to files of this ending; use one of {' '.join(ENDINGS)}")
    if kind is not None and said is None:
        path = path.with_name(path.name + USUAL_ENDING[kind])
    elif kind not in (None, said):
        raise OutputError(f"{path}: the ending says another format than {kind}; leave the ending or the format out")
    if path.is_dir():
        raise OutputError(f"{path}: a folder; give the name of a file in it")
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise OutputError(f"{path!r}: Blender writes to no path that is not Unicode; choose another name or "
                          "folder") from error
    if not path.name.isprintable():
        raise OutputError(f"{path.name!r}: a name of two lines or with signs that nobody sees; choose another")
    check_writable(path)
    module, operator = OPERATORS.get(kind or str(said), ("", ""))
    if module and operator not in dir(getattr(bpy.ops, module)):
        raise OutputError(f"{path}: this Blender was built without, or runs without, its own exporter for "
                          f"{path.suffix} files; choose another format, or Blender from blender.org")
    return path, kind or str(said)


def _frames(thing: bpy.types.Object, scene: bpy.types.Scene, kind: str,
            options: ExportOptions) -> tuple[npt.NDArray[np.float64], list[str]]:
    """When the scene is read, and what is to be said about it."""
    notes: list[str] = []
    fps = scene.render.fps / scene.render.fps_base
    times = key_times(thing, scene, jumps=kind != "ABC")
    if options.scene_range and len(times):
        first, last = scene.frame_start, scene.frame_end
        inside = times[(times > first) & (times < last)]
        times = np.unique(np.concatenate([[first], inside, [last]]))
    if len(times) == 0:
        return np.array([scene.frame_current + scene.frame_subframe]), notes
    if kind not in WITH_TIMES or kind == "USD" and pixar_usd() is None:
        if kind == "USD" and keys_between_frames(times):
            notes.append("Keys lie between frames; this version of Blender writes USD at whole frames")
        return np.arange(math.floor(times[0] + 1e-3), math.ceil(times[-1] - 1e-3) + 1, dtype=np.float64), notes
    if kind == "ABC":
        times, off = even_times(times)
        if off:
            notes.append(f"Alembic has even samples and the clip's are not: a key is up to {off / fps * 1000:.0f} ms "
                         "from the nearest sample; USD and glTF keep every time")
    return times, notes


def _write(shown: Shown, motion: Motion, shapes: Shapes | None, frames: npt.NDArray[np.float64], kind: str,
           path: Path) -> tuple[list[Path], list[str]]:
    """The files, in a folder of their own, and what is to be said. At once: the scene must not be seen with the
    double."""
    notes: list[str] = []
    thing, scene = shown.find()
    _check_room(motion, shapes, kind, path)
    fps = scene.render.fps / scene.render.fps_base
    path.parent.mkdir()
    if motion.times_s[0] < 0 and (kind in WITH_SHAPES or kind == "USD" and pixar_usd() is None):
        notes.append(f"{path.suffix} files begin at time 0: there lies what the scene shows at frame {frames[0]:.4g}")
        motion = replace(motion, times_s=motion.times_s - motion.times_s[0])
    with stand_in(thing, motion, path.parent) as made, quiet(OUTPUT):
        if kind == "ABC":
            pictures = pictures_as_files(made, path.stem)
            write_alembic(made, motion, path)
            files = [*pictures, path]
            notes += ["Alembic holds no pictures: the skin lies beside, to be connected by hand"] if pictures else []
        elif kind == "USD":
            files = [*write_usd(made, motion, path, fps), path]
        elif shapes is not None:
            if kind == "GLTF":
                write_gltf(made, motion, shapes, path, fps)
                files = [path]
            else:
                files = [*write_fbx(made, motion, shapes, path, fps), path]
            if len(shapes.shapes):
                many = "1 shape" if len(shapes.shapes) == 1 else f"{len(shapes.shapes)} shapes"
                notes.append(f"{many}, a vertex at worst {shapes.worst_mm:.2f} mm off")
            size = path.stat().st_size / 1e6
            if size > LARGE_MB:
                notes.append(f"{size:.0f} MB: morph targets are large; Alembic and USD play longer takes better")
        elif kind == "OBJ":
            files = write_sequence(made, motion, frames, path.name)
        else:
            files = write_cache(made, motion, path)
    if not all(file.is_file() and file.stat().st_size for file in files):
        raise OutputError(f"{path.name}: Blender's exporter wrote nothing; choose another format")
    return files, notes


def _check_room(motion: Motion, shapes: Shapes | None, kind: str, path: Path) -> None:
    points_mb = motion.points.nbytes / 1e6
    needed = LEAST_ROOM_MB + ROOM[kind] * points_mb
    if shapes is not None:
        needed += 3 * shapes.shapes.nbytes / 1e6
    free = shutil.disk_usage(path.parent.parent).free / 1e6
    if free < needed:
        raise OutputError(f"{path.name}: the disk has room for {free:.0f} MB, and this needs about {needed:.0f} MB; "
                          "make room or choose another place")


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A folder on the disk of `path`, so that finished files are renamed into place; gone afterwards."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.stem[:40]}-", dir=path.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise _refused(path, error) from error
    with folder as name:
        try:
            yield Path(name)
        except BaseException as error:
            cause: BaseException | None = error
            while cause is not None:                        # what failed may map a file, which Windows would not remove
                traceback.clear_frames(cause.__traceback__)
                cause = cause.__context__
            raise


def _refused(path: Path, error: Exception) -> OutputError:
    return OutputError(f"{path}: cannot be written ({_cause(error)}); choose another name or folder")


def _cause(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    raised = [line for line in text.splitlines() if RAISED.match(line)]         # by an exporter written in Python
    if raised:
        return RAISED.sub("", raised[-1])
    return (text.strip().splitlines() or [type(error).__name__])[0].removeprefix("Error: ")
