"""What lies in a zip, from where in the repository; and the zip itself, the same bytes every time."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import zipfile
from pathlib import Path

from addon_build import BuildError
from addon_build.licences import OF_WHEELS
from addon_build.manifest import NAME as MANIFEST
from addon_build.relative_imports import made_relative
from addon_build.wheels import Wheel

WEIGHTS = "inference_core/shipped_weights"              # where inference_core/paths.py looks for them
DATA_ENDINGS = (".png", ".svg", ".json", ".npz")        # what may lie beside the modules
FIXED_DATE = (2026, 1, 1, 0, 0, 0)
PACKED = {".whl"}                                       # compressed already
NO_KERAS = "keras"                                      # Blender has no TensorFlow: 15 MB that could not be used


def collect(repository: Path) -> dict[str, bytes]:
    """{name in the zip: content} of everything but manifest, wheels and their notice."""
    files = _package(repository / "lprnet_blender", "")
    files |= _package(repository / "inference_core", "inference_core/")
    files |= {f"{WEIGHTS}/{name}": data for name, data in _weights(repository / "weights").items()}
    for path in sorted((repository / "LICENSES").iterdir()):
        files[f"LICENSES/{path.name}"] = path.read_bytes()
    files["MODEL_CARD.md"] = (repository / "weights" / "MODEL_CARD.md").read_bytes()
    return files


def _package(folder: Path, prefix: str) -> dict[str, bytes]:
    files = {}
    for path in sorted(folder.rglob("*")):
        name = prefix + path.relative_to(folder).as_posix()
        if path.is_dir() or "__pycache__" in path.parts or name == MANIFEST or path.name == "__main__.py":
            continue                                    # __main__.py is for a checkout: python -m, blender -P
        if path.suffix == ".py":
            files[name] = made_relative(path.read_text(encoding="utf-8"), name).encode()
        elif path.suffix in DATA_ENDINGS:
            files[name] = path.read_bytes()
        else:
            raise BuildError(f"{path}: neither a module nor data that the add-on reads; move it out of the package")
    return files


def _weights(folder: Path) -> dict[str, bytes]:
    card = json.loads((folder / "weights.json").read_bytes())
    for network in card["networks"]:
        network["files"].pop(NO_KERAS, None)
    files = {name: (folder / name).read_bytes() for name in ("topology.npz", *sorted(named_files(card)))}
    return {**files, "weights.json": json.dumps(card, indent=1).encode() + b"\n"}


def named_files(card: dict) -> dict[str, tuple[int, str]]:
    """{file: (its length, its SHA-256)} of everything that a weights.json names."""
    entries = [entry for network in card["networks"] for entry in network["files"].values()]
    if "detector" in card:
        entries.append(card["detector"])
    return {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in entries}


def notice(repository: Path, wheels: list[Wheel], hashes: dict[str, str]) -> bytes:
    """The repository's NOTICE, and what each wheel is."""
    lines = [(repository / "NOTICE").read_text(encoding="utf-8").rstrip(), "", "In this zip",
             "  The Python files of inference_core/ and of the add-on, their imports made relative; weights/ is",
             f"  {WEIGHTS}/. In wheels/, unmodified from the Python Package Index, with their licence texts",
             "  inside each (SPDX names of all parts; SHA-256 of the file):", ""]
    for wheel in wheels:
        names = sorted({name for system, names in OF_WHEELS[wheel.package].items()
                        if system in ("", wheel.platform) for name in names})
        lines += [f"  {wheel.file}", f"    {', '.join(names)}", f"    {hashes[wheel.file]}"]
    if any(wheel.platform == "windows-x64" and wheel.package == "dlib-bin" for wheel in wheels):
        lines += ["    Carries msvcp140.dll, a runtime library that Microsoft permits to be passed on."]
    return ("\n".join(lines) + "\n").encode()


def write_zip(path: Path, files: dict[str, bytes | Path]) -> None:
    """Write the files sorted, all with one date and one mode; beside `path` first, then renamed onto it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".zip", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for name in sorted(files):
                content = files[name]
                info = zipfile.ZipInfo(name, FIXED_DATE)
                info.create_system = 3                  # Unix, on every system that builds
                info.external_attr = (stat.S_IFREG | 0o644) << 16
                info.compress_type = zipfile.ZIP_STORED if Path(name).suffix in PACKED else zipfile.ZIP_DEFLATED
                data = content.read_bytes() if isinstance(content, Path) else content
                archive.writestr(info, data, compresslevel=9)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)
