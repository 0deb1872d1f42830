# SPDX-License-Identifier: GPL-3.0-or-later
"""What panels are put together from."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

LETTER_PX = 7.0                 # the width of a letter in a panel, at a scale of 1
LEAST_LETTERS, MOST_LINES = 24, 6


def split_column(layout: bpy.types.UILayout, heading: str = "") -> bpy.types.UILayout:
    """Names right, values left, as Blender's own panels."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout.column(heading=heading)


def fact(layout: bpy.types.UILayout, name: str, value: str, icon: str = "NONE") -> None:
    """A name and a value that cannot be edited."""
    parts = layout.split(factor=0.4)
    left = parts.row()
    left.alignment = "RIGHT"
    left.label(text=name)
    parts.label(text=value, icon=icon)  # type: ignore[arg-type]


def wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A sentence in as many lines as the panel's width asks for; Blender would cut it off."""
    system = context.preferences.system if context.preferences else None
    scale = (system.ui_scale if system else 0.0) or 1.0               # 0 without a window
    width = context.region.width if context.region else 300
    letters = max(int(width / (LETTER_PX * scale)) - 6, LEAST_LETTERS)
    lines = textwrap.wrap(text, letters, max_lines=MOST_LINES, placeholder=" …", break_on_hyphens=False)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon="BLANK1" if number and icon != "NONE" else icon)  # type: ignore[arg-type]


def button(layout: bpy.types.UILayout, context: bpy.types.Context, operator: str, values: dict[str, Any], *,
           reason: str = "", ask: bool = True, **how: Any) -> None:
    """An operator filled with values; greyed out, and why below it, where there is a reason. ask: with the
    operator's own file browser or dialog."""
    row = layout.row()
    row.scale_y = 1.4
    row.operator_context = "INVOKE_DEFAULT" if ask else "EXEC_DEFAULT"
    row.use_property_split = False
    row.enabled = not reason
    filled = row.operator(operator, **how)
    for name, value in values.items():
        setattr(filled, name, value)
    if reason:
        wrapped(layout, context, reason, icon="INFO")
