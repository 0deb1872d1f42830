"""Importing dlib, also where its Windows wheel was unpacked by Blender 4.2."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType


def load_dlib() -> ModuleType:
    """The module dlib. Blender 4.2 leaves the library that dlib's Windows wheel brings in the wheel's own `.data`
    folder, where Windows does not look for it (4.5 and later put it beside the packages, as pip does)."""
    add_folder = getattr(os, "add_dll_directory", None)         # Windows alone has it
    if add_folder is not None:
        for folder in {place for entry in sys.path for place in Path(entry).glob("dlib_bin-*.data/platlib")}:
            add_folder(str(folder.resolve()))
    import dlib
    return dlib
