"""Imports of the core as a zip needs them: relative, since `inference_core` lies inside the add-on's package there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from addon_build import BuildError

CORE, ADD_ON = "inference_core", "lprnet_blender"
_FROM = re.compile(r"from(\s+)(inference_core(?:\.\w+)*)(?=\s)")
_MODULE_NAME = re.compile(rf"(?:{CORE}|{ADD_ON})(?:\.\w+)+")
_LOADERS = {"__import__", "import_module", "find_spec", "run_module"}


def made_relative(source: str, name: str) -> str:
    """The source of module file `name` (its path in the zip, as scene/face.py) with `from inference_core.x import y`
    made relative. Raises BuildError that names file and line where the core or the add-on is meant in another way."""
    package = name.split("/")[:-1]
    lines = source.split("\n")
    for node in ast.walk(_parsed(source, name)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _ours(node.module):
            lines[node.lineno - 1] = _relative_line(lines[node.lineno - 1], node, package, name)
    rewritten = "\n".join(lines)
    for line, what in absolute_mentions(rewritten, name):
        raise BuildError(f"{name}:{line}: {what} cannot be made relative; write it as `from {CORE}.module import name`")
    return rewritten


def absolute_mentions(source: str, name: str) -> Iterator[tuple[int, str]]:
    """(line, what) wherever the core or the add-on is still named as an absolute module: in a zip it would not be
    found, or be another one that happens to be installed."""
    for node in ast.walk(_parsed(source, name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, f"`import {alias.name}`") for alias in node.names if _ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and _ours(node.module):
            yield node.lineno, f"`from {node.module} import`"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _MODULE_NAME.fullmatch(node.value):
            yield node.lineno, f"the module name {node.value!r} in a text"
        elif isinstance(node, ast.Call) and _called(node) in _LOADERS:
            texts = (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
            yield from ((node.lineno, f"{_called(node)}({text!r})") for text in texts if _ours(text))


def _relative_line(line: str, node: ast.ImportFrom, package: list[str], name: str) -> str:
    start = len(line.encode()[:node.col_offset].decode())
    found = _FROM.match(line, start)
    if found is None or found[2] != node.module:
        raise BuildError(f"{name}:{node.lineno}: this import cannot be made relative; write it as "
                         f"`from {CORE}.module import name` on one line")
    target = node.module.split(".")
    shared = 0
    while shared < min(len(package), len(target)) and package[shared] == target[shared]:
        shared += 1
    dots = "." * (len(package) - shared + 1)
    return f"{line[:start]}from{found[1]}{dots}{'.'.join(target[shared:])}{line[found.end():]}"


def _parsed(source: str, name: str) -> ast.Module:
    try:
        return ast.parse(source, feature_version=(3, 11))
    except SyntaxError as error:
        raise BuildError(f"{name}:{error.lineno}: not Python 3.11 ({error.msg})") from error


def _ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] in (CORE, ADD_ON)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))
