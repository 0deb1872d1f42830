# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers on the timeline where a take has no face."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from .bake_plan import Lost

LOST, FILLED, LAST = "face lost", "face lost, filled in", "last lost"
NAME_BYTES = 63                 # of a marker's name, what is longer Blender cuts off without a word
LABEL_BYTES = NAME_BYTES - len(f": {FILLED}")


def cut(text: str, most_bytes: int) -> str:
    """As Blender cuts names off: between two letters."""
    return text.encode()[:most_bytes].decode(errors="ignore")


def set_markers(scene: bpy.types.Scene, label: str, lost: Iterable[Lost]) -> None:
    """Markers at the first and last frame of every gap, named after `label`, of at most LABEL_BYTES; earlier ones of it
    are replaced."""
    drop_markers(scene, label)
    for gap in lost:
        first, last = round(gap.first), round(gap.last)
        what = FILLED if gap.filled else LOST
        scene.timeline_markers.new(f"{label}: {what}", frame=first)
        if last > first:
            scene.timeline_markers.new(f"{label}: {LAST}", frame=last)


def drop_markers(scene: bpy.types.Scene, label: str) -> None:
    """Take out the markers of a label; of earlier versions it was longer than Blender keeps."""
    ours = {cut(f"{label}: {what}", NAME_BYTES) for what in (LOST, FILLED, LAST)}
    for marker in [marker for marker in scene.timeline_markers if marker.name in ours]:
        scene.timeline_markers.remove(marker)
