"""Mesh files, one module per kind; the ending of the path says which."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from inference_core.errors import OutputError

if TYPE_CHECKING:
    from inference_core.regression import Face
    from inference_core.texture import Texture

MODULES = {".obj": "obj", ".ply": "ply", ".glb": "gltf", ".npz": "npz"}


def write_mesh(path: str | Path, face: Face, texture: Texture | None = None) -> None:
    """Write a face with its skin as .obj, .ply, .glb (metres, y up, upright, looking along +z) or .npz (every number of
    it, frames as in docs/architecture.md). Complete or not at all. Raises OutputError naming the file and the cause."""
    path = Path(path)
    _module(path).write(path, face, texture)


def files_of(path: str | Path, textured: bool = True) -> list[Path]:
    """Every file that `write_mesh` makes for this path, `path` itself last. OutputError for an unknown ending."""
    path = Path(path)
    beside = getattr(_module(path), "files_beside", None)
    return [*(beside(path, textured) if beside else []), path]


def _module(path: Path):
    name = MODULES.get(path.suffix.lower())
    if name is None:
        raise OutputError(f"{path}: files of this ending cannot be written; use one of {' '.join(MODULES)}")
    return import_module(f"{__name__}.{name}")
