"""Takes as files of other programs, one module per kind; the ending of the path says which.

Meshes are in metres, y up, looking along +z, upright, as `formats` writes them; the order of their vertices is the
topology's in every kind. A frame without a face has no file of its own, an empty cell or NaN; where a kind knows no
such thing the last face is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from inference_core.errors import OutputError

if TYPE_CHECKING:
    from inference_core.take import TakeRows
    from inference_core.texture import Texture

MODULES = {"obj": "obj", "ply": "ply", "glb": "gltf", "pc2": "pc2", "mdd": "mdd", "landmarks": "landmarks_csv",
           "pose": "pose_csv", "npz": "npz"}
TABLES = ("landmarks", "pose")
OnFrame = Callable[[], None]


@dataclass(frozen=True)
class ExportOptions:
    """head: meshes move as the head did (turn and way across the picture) instead of staying upright in place; a .glb
    always has both, the head on its node. texture: the skin, for meshes and .npz."""

    head: bool = False
    texture: Texture | None = None


def export_take(take: TakeRows, path: str | Path, kind: str | None = None, options: ExportOptions = ExportOptions(),
                on_frame: OnFrame = lambda: None) -> list[Path]:
    """Write a take; returns the files, the one named `path` last. Each is complete or not there.

    kind: one of MODULES, by default what the ending of `path` says. A .obj or .ply is a sequence: `shot.obj` makes
    shot.0000.obj and so on, `shot_%03d.obj` and `shot_###.obj` say where the number of the frame goes: as the
    pictures of a sequence are numbered, else counted from 0. on_frame is called for every row that is read. Raises
    OutputError naming the file and the cause, TakeError. What is not known to be whole goes through
    `take_check.checked` first.
    """
    path = Path(path)
    name = kind or kind_of(path)
    if not take.valid.any():
        raise OutputError(f"{path}: not written, since no frame of the take has a face; look at it with lprnet info")
    return import_module(f"{__name__}.{MODULES[name]}").write(take, path, options, on_frame)


def files_beside(path: str | Path, kind: str, textured: bool) -> list[Path]:
    """What `export_take` writes with the file, but for the meshes of a sequence, of which only a take knows the
    numbers."""
    from inference_core.formats.obj import files_beside as of_mesh
    from inference_core.take_formats.pc2 import mesh_of
    from inference_core.take_formats.sequence import without_number

    path = Path(path)
    if kind == "obj":
        return of_mesh(without_number(path), textured)
    if kind in ("pc2", "mdd"):
        return [*of_mesh(mesh_of(path), textured), mesh_of(path)]
    return []


def kind_of(path: str | Path) -> str:
    """The kind that a path's name asks for. Raises OutputError for one that asks for none."""
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending == "csv":
        for table in TABLES:
            if path.stem.lower().endswith(table):
                return table
        raise OutputError(f"{path}: landmarks or pose is not clear; give a name that ends in landmarks.csv or pose.csv")
    if ending not in MODULES or ending in TABLES:
        endings = " ".join(f".{kind}" for kind in MODULES if kind not in TABLES)
        raise OutputError(f"{path}: takes cannot be written to files of this ending; use one of {endings} .csv")
    return ending
