# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths that the add-on keeps in a file become relative to it when it is saved, as Blender does with its own: file,
clip and take can then be moved together. Not where the preferences of Blender say otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator

import bpy
from bpy.app.handlers import persistent

from ..scene.linked import is_linked
from ..scene.take_place import TAKE, take_place

KEPT = (TAKE, "lprnet_cache", "lprnet_recorded")       # of scene.baked and scene.drive, which need the core
CHOSEN = ("photo", "clip", "take")              # of scene.lprnet; another clip empties the take, so it comes after

Kept = tuple[bpy.types.Object | bpy.types.Scene, str, str]

_before: list[Kept] = []                        # of the file that is open, while it is being saved


def relative_to(folder: str, path: str) -> str:
    """A path as Blender writes it, from `folder` on; absolute where that lies on another drive."""
    path = bpy.path.abspath(path)
    try:
        return "//" + os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:
        return path


def _kept() -> Iterator[Kept]:
    """Every path: where it is kept, under which name, and what it is."""
    for thing in bpy.data.objects:
        if not is_linked(thing):
            yield from ((thing, name, path) for name in KEPT if isinstance(path := thing.get(name), str) and path)
    for scene in bpy.data.scenes:
        if scene.library is None:
            settings = scene.lprnet
            yield from ((scene, name, path) for name in CHOSEN if (path := getattr(settings, name)))


def _place(owner: bpy.types.Object | bpy.types.Scene, name: str, path: str) -> str:
    """A face that was linked and made local keeps a path that is relative to the other file, which may be gone from
    this one when it is opened next."""
    return take_place(owner) if name == TAKE and isinstance(owner, bpy.types.Object) else path


def _keep(paths: list[Kept]) -> None:
    for owner, name, path in paths:
        if isinstance(owner, bpy.types.Scene):
            setattr(owner.lprnet, name, path)  # type: ignore[attr-defined]
        else:
            owner[name] = path


@persistent  # type: ignore[untyped-decorator]
def _before_saving(target: str, *_: object) -> None:
    preferences = bpy.context.preferences
    if target and (preferences is None or preferences.filepaths.use_relative_paths):    # "" is the startup file
        _before[:] = _kept()
        folder = os.path.dirname(os.path.abspath(target))
        _keep([(owner, name, relative_to(folder, _place(owner, name, path))) for owner, name, path in _before])


@persistent  # type: ignore[untyped-decorator]
def _after_saving(target: str, *_: object) -> None:
    """A copy that was saved elsewhere, or could not be, leaves the open file as it is."""
    if target != bpy.data.filepath:
        _keep(_before)
    _before.clear()


@persistent  # type: ignore[untyped-decorator]
def _after_failing(*_: object) -> None:
    _keep(_before)
    _before.clear()


def register() -> None:
    """When the add-on is switched on."""
    handlers = bpy.app.handlers
    handlers.save_pre.append(_before_saving)
    handlers.save_post.append(_after_saving)
    handlers.save_post_fail.append(_after_failing)


def unregister() -> None:
    """When it is switched off."""
    handlers = bpy.app.handlers
    handlers.save_pre.remove(_before_saving)
    handlers.save_post.remove(_after_saving)
    handlers.save_post_fail.remove(_after_failing)
