# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers on the timeline where a take has no face."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from .bake_plan import Lost

LOST, FILLED, LAST = "face lost", "face lost, filled in", "last lost"


def set_markers(scene: bpy.types.Scene, name: str, lost: Iterable[Lost]) -> None:
    """Markers at the first and last frame of every gap, named after the object `name`; an earlier bake's are
    replaced."""
    drop_markers(scene, name)
    for gap in lost:
        first, last = round(gap.first), round(gap.last)
        what = FILLED if gap.filled else LOST
        scene.timeline_markers.new(f"{name}: {what}", frame=first)
        if last > first:
            scene.timeline_markers.new(f"{name}: {LAST}", frame=last)


def drop_markers(scene: bpy.types.Scene, name: str) -> None:
    """Take out the markers of the object `name`."""
    ours = {f"{name}: {what}" for what in (LOST, FILLED, LAST)}
    for marker in [marker for marker in scene.timeline_markers if marker.name in ours]:
        scene.timeline_markers.remove(marker)
