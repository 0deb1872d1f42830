"""blender_manifest.toml: completed for a zip, and judged more strictly than Blender does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from addon_build import BuildError
from addon_build.licences import KNOWN, OURS, licences_of
from addon_build.wheels import PLATFORMS, PYTHONS, Wheel, read_name

NAME = "blender_manifest.toml"
ADDED = ("version", "platforms", "wheels", "license")
# Blender 4.2's own list for add-ons; it refuses any other
TAGS = {
    "3D View", "Add Curve", "Add Mesh", "Animation", "Bake", "Camera", "Compositing", "Development", "Game Engine",
    "Geometry Nodes", "Grease Pencil", "Import-Export", "Lighting", "Material", "Mesh", "Modeling", "Node", "Object",
    "Paint", "Physics", "Pipeline", "Render", "Rigging", "Scene", "Sculpt", "Sequencer", "System", "Text Editor",
    "Tracking", "UV", "User Interface",
}
LONGEST_TEXT = 64


def make_manifest(base: Path, version: str, platform: str, wheels: list[Wheel]) -> str:
    """The manifest of the zip for `platform`, from the one in the repository."""
    given = tomllib.loads(base.read_text(encoding="utf-8"))
    if twice := sorted(set(given) & set(ADDED)):
        raise BuildError(f"{base}: {', '.join(twice)} is what build_addon.py adds; delete it there")
    permissions = given.pop("permissions")
    values = {**given, "version": version, "platforms": [platform],
              "wheels": [f"./wheels/{wheel.file}" for wheel in wheels],
              "license": [f"SPDX:{name}" for name in licences_of({wheel.package for wheel in wheels}, platform)]}
    lines = [*_lines(values), "", "[permissions]", *_lines(permissions), ""]
    return "\n".join(lines)


def _lines(values: dict) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: str | list[str]) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)        # a JSON string is a TOML one
    inside = ", ".join(map(_toml, value))
    return f"[{inside}]" if len(inside) < 100 else "[\n" + "".join(f"    {_toml(one)},\n" for one in value) + "]"


def manifest_problems(text: str) -> Iterator[str]:
    """What is wrong with a manifest, in a sentence each; also what `blender --command extension validate` lets pass."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield f"not TOML ({error})"
        return
    for key in sorted(set(data) - set(_RULES)):
        yield f"{key!r} is a key that Blender does not know"
    for key, (right, wanted) in _RULES.items():
        if key not in data:
            yield f"{key!r} is missing"
        elif not right(data[key]):
            yield f"{key!r} is {json.dumps(data[key], ensure_ascii=False, default=str)[:80]}, not {wanted}"


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value == value.strip() and value.isprintable()


def _short(value: object) -> bool:
    return _text(value) and len(value) <= LONGEST_TEXT and (value[-1].isalnum() or value[-1] in ")]}")


def _like(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _list_of(right: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: (isinstance(value, list) and bool(value) and all(map(right, value))
                          and len(set(value)) == len(value))


def _licences(value: object) -> bool:
    names = [f"SPDX:{name}" for name in KNOWN]
    return _list_of(lambda one: one in names)(value) and set(value) >= {f"SPDX:{name}" for name in OURS}


def _permissions(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"files", "camera"} and all(map(_short, value.values()))


def _wheels(value: object) -> bool:
    return _list_of(_like(r"\./wheels/[A-Za-z0-9_.!-]+\.whl"))(value)


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "schema_version": (_like(r"1\.0\.0"), "1.0.0"),
    "id": (lambda value: _text(value) and value.isidentifier(), "a Python identifier"),
    "version": (_like(r"\d+\.\d+\.\d+"), "a version such as 1.2.3"),
    "name": (_text, "a text on one line"),
    "tagline": (_short, f"a text of at most {LONGEST_TEXT} letters that does not end in punctuation"),
    "maintainer": (_text, "a text on one line"),
    "type": (_like("add-on"), "add-on"),
    "tags": (_list_of(lambda tag: tag in TAGS), "a list of Blender's tags for add-ons"),
    "blender_version_min": (_like(r"4\.2\.0"), "4.2.0, the oldest version that the add-on is tested with"),
    "copyright": (_list_of(_like(r"\d{4}(-\d{4})? \S.*")), "a list of years and names"),
    "platforms": (lambda value: isinstance(value, list) and len(value) == 1 and value[0] in PLATFORMS,
                  f"a list with one of {', '.join(PLATFORMS)}"),
    "wheels": (_wheels, "a list of ./wheels/NAME.whl"),
    "license": (_licences, "a list of SPDX: and names of known licences, with " + ", ".join(OURS)),
    "permissions": (_permissions, f"files and camera alone, each with a reason of at most {LONGEST_TEXT} letters that "
                                  "does not end in punctuation"),
}


def wheel_problems(manifest: dict) -> Iterator[str]:
    """Whether the names of the wheels go with the platform and both Pythons, and their licences are listed."""
    platform, wheels = manifest["platforms"][0], []
    for path in manifest["wheels"]:
        try:
            wheels.append(read_name(path.rpartition("/")[2]))
        except BuildError as error:
            yield str(error)
    for wheel in wheels:
        if wheel.platform != platform:
            yield f"{wheel.file}: not for {platform}"
    try:
        needed = licences_of({wheel.package for wheel in wheels}, platform)
    except KeyError as error:
        yield f"{error.args[0]}: a package that the add-on does not use"
        return
    if missing := [name for name in needed if f"SPDX:{name}" not in manifest["license"]]:
        yield f"the licences {', '.join(missing)} of its wheels are not listed"
    for package in ("ai-edge-litert", "dlib-bin", "opencv-python-headless"):
        for python in PYTHONS:
            if sum(wheel.package == package and wheel.runs_on(python) for wheel in wheels) != 1:
                yield f"not exactly one wheel of {package} for Python {python}"
