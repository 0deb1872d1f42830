# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons: operators, panel, preferences. They read properties, call, and report; nothing is computed here."""

from __future__ import annotations

import bpy

from . import menu, operators, panel, preferences
from .operators import live_webcam

CLASSES = (preferences.LPRNetPreferences, *operators.CLASSES, panel.LPRNET_PT_capture)


def register() -> None:
    """Add the classes and the menu entry."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    menu.add()
    live_webcam.watch()
    preferences.use_packages_folder(bpy.context)


def unregister() -> None:
    """Take them out again, in reverse."""
    live_webcam.unwatch()
    menu.remove()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
