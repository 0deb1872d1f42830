"""What is wrong with a built zip, in a sentence each: also what Blender's own `extension validate` lets pass."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import stat
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from addon_build import BuildError
from addon_build.contents import DATA_ENDINGS, WEIGHTS, named_files
from addon_build.manifest import NAME as MANIFEST
from addon_build.manifest import manifest_problems, wheel_problems
from addon_build.relative_imports import absolute_mentions

MOST_BYTES, MOST_FILES, MOST_UNPACKED = 130_000_000, 2000, 400_000_000
MOST_OF_A_TEXT = 2_000_000
NEEDED = (MANIFEST, "__init__.py", "NOTICE", "MODEL_CARD.md", "LICENSES/GPL-3.0-or-later.txt", "LICENSES/MIT.txt",
          "LICENSES/Apache-2.0.txt", "LICENSES/CC0-1.0.txt", "inference_core/__init__.py", "inference_core/paths.py",
          f"{WEIGHTS}/topology.npz", f"{WEIGHTS}/weights.json")
# What the modules may import beside the standard library and themselves; the last two are the second engine's, which
# a user may have in a folder of their own
MAY_IMPORT = {"bpy", "bpy_extras", "gpu", "gpu_extras", "blf", "mathutils", "idprop", "pxr", "numpy", "cv2", "dlib",
              "ai_edge_litert", "keras", "tensorflow"}
INSTALLERS = {"pip", "ensurepip", "venv", "site"}
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "poplib", "imaplib", "telnetlib", "socketserver",
           "xmlrpc", "asyncio", "requests"}
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LOCKED_OR_PATCHED = 1 | 1 << 5 | 1 << 6         # flags of an entry: encrypted, a patch of another file, strongly encrypted
# Reads the MJPEG camera whose address the user typed, and nothing else
MAY_CONNECT = {"inference_core/frames/stream.py": {"socket", "http", "urllib"}}


def check_zip(path: Path, hashes: dict[str, str]) -> list[str]:
    """All problems of the zip at `path`, [] for a good one. Raises BuildError where it is no zip at all."""
    with _read_as_a_zip(path):
        size, archive = path.stat().st_size, zipfile.ZipFile(path)
    with archive:
        if problems := list(_structure(archive, size)):
            return problems
        with _read_as_a_zip(path):
            broken = archive.testzip()
        if broken:
            return [f"{broken}: damaged (its checksum is wrong)"]
        return list(_content(archive, hashes))


@contextmanager
def _read_as_a_zip(path: Path) -> Iterator[None]:
    """Around reading alone, not around judging: an error of ours is not the zip's."""
    try:
        yield
    # EOFError and zlib's: damaged inside an entry; NotImplementedError: zipfile's word for a zip of a later version than its own
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise BuildError(f"{path}: cannot be read as a zip ({getattr(error, 'strerror', None) or error})") from error


def _structure(archive: zipfile.ZipFile, size: int) -> Iterator[str]:
    entries = archive.infolist()
    if size > MOST_BYTES:
        yield f"{size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}"
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        yield f"unpacks to more than {MOST_FILES} files or {MOST_UNPACKED / 1e6:.0f} MB"
        return
    seen: set[str] = set()
    for entry in entries:
        name, parts = entry.filename, PurePosixPath(entry.filename).parts
        if name.startswith("/") or "\\" in name or ":" in name or ".." in parts or name != "/".join(parts):
            yield f"{name!r}: not a plain path inside the zip"
        elif not name.isascii() or len(name) > 150:
            yield f"{name!r}: a name that some systems cannot write"
        elif name.lower() in seen:
            yield f"{name}: twice"
        elif entry.flag_bits & LOCKED_OR_PATCHED or stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            yield f"{name}: not a plain file"
        elif entry.compress_type not in PACKINGS:
            yield f"{name}: packed in a way that not every Blender unpacks; only stored and deflated files are"
        elif not _allowed(name):
            yield f"{name}: a file that no part of the add-on reads"
        seen.add(name.lower())
    for name in NEEDED:
        if name not in archive.namelist():
            yield f"{name} is missing"


def _allowed(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    ending = PurePosixPath(name).suffix
    if folder == "wheels":
        return ending == ".whl"
    if folder == WEIGHTS:
        return ending in (".npz", ".json", ".tflite")
    return (ending == ".py" or ending in DATA_ENDINGS or name in NEEDED
            or folder == "LICENSES" and ending == ".txt") and file != "__main__.py"


def _content(archive: zipfile.ZipFile, hashes: dict[str, str]) -> Iterator[str]:
    if archive.getinfo(MANIFEST).file_size > MOST_OF_A_TEXT:
        yield f"{MANIFEST}: larger than a manifest can be"
        return
    text = archive.read(MANIFEST).decode(errors="replace")
    problems = [f"{MANIFEST}: {problem}" for problem in manifest_problems(text)]
    yield from problems
    if not problems:
        manifest = tomllib.loads(text)
        yield from (f"{MANIFEST}: {problem}" for problem in wheel_problems(manifest))
        yield from _wheels(archive, manifest, hashes)
    yield from _weights(archive)
    for name in archive.namelist():
        if name.endswith(".py"):
            yield from module_problems(name, archive.read(name).decode(errors="replace"))


def _wheels(archive: zipfile.ZipFile, manifest: dict, hashes: dict[str, str]) -> Iterator[str]:
    inside = {name for name in archive.namelist() if name.startswith("wheels/")}
    listed = {path.removeprefix("./") for path in manifest["wheels"]}
    yield from (f"{name}: named in {MANIFEST} but not inside" for name in sorted(listed - inside))
    yield from (f"{name}: inside but not named in {MANIFEST}" for name in sorted(inside - listed))
    for name in sorted(inside):
        data = archive.read(name)
        if hashes.get(name.removeprefix("wheels/")) != hashlib.sha256(data).hexdigest():
            yield f"{name}: not the wheel of the index that wheels.sha256 means"
        elif not zipfile.is_zipfile(io.BytesIO(data)):
            yield f"{name}: not a wheel"


def _weights(archive: zipfile.ZipFile) -> Iterator[str]:
    try:
        named = named_files(json.loads(archive.read(f"{WEIGHTS}/weights.json")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{WEIGHTS}/weights.json: not a list of networks ({type(error).__name__}: {error})"
        return
    inside = {name.removeprefix(f"{WEIGHTS}/") for name in archive.namelist() if name.startswith(f"{WEIGHTS}/")}
    for name in sorted(inside - set(named) - {"topology.npz", "weights.json"}):
        yield f"{WEIGHTS}/{name}: no network of weights.json needs it"
    for name, wanted in named.items():
        data = archive.read(f"{WEIGHTS}/{name}") if name in inside else b""
        if (len(data), hashlib.sha256(data).hexdigest()) != wanted:
            yield f"{WEIGHTS}/{name}: missing, or not the file that weights.json means"


def module_problems(name: str, source: str) -> Iterator[str]:
    """What a module of the add-on may not do: absolute imports of its own parts, packages that are not there, pip, the
    network."""
    try:
        yield from (f"{name}:{line}: {what}, where only relative imports are found" for line, what in
                    absolute_mentions(source, name))
        tree = ast.parse(source)
    except BuildError as error:
        yield str(error)
        return
    for node in ast.walk(tree):
        for module in _imported(node):
            if module in INSTALLERS:
                yield f"{name}:{node.lineno}: imports {module}; an add-on installs nothing at run time"
            elif module in NETWORK and module not in MAY_CONNECT.get(name, ()):
                yield f"{name}:{node.lineno}: imports {module}; the add-on has no permission for the network"
            elif module not in MAY_IMPORT and module not in sys.stdlib_module_names:
                yield f"{name}:{node.lineno}: imports {module}, which Blender does not have"
        if isinstance(node, ast.Constant) and node.value in ("pip", "ensurepip"):
            yield f"{name}:{node.lineno}: names {node.value}; an add-on installs nothing at run time"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.partition(".")[0]]
    return []
