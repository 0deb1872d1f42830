# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons: operators, panels, preferences, dropped files. They read properties, call, and report."""

from __future__ import annotations

import bpy

from . import cli_command, drops, lifetime, menu, operators, panels, preferences, properties, saved_paths, take_info
from .operators import live_webcam

CLASSES = (preferences.LPRNetPreferences, properties.LPRNetSettings, *operators.CLASSES, *panels.CLASSES,
           drops.LPRNET_FH_image, drops.LPRNET_FH_video)


def register() -> None:
    """Add the classes and the menu entry."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    menu.add()
    lifetime.register()
    saved_paths.register()
    cli_command.register()
    live_webcam.watch()
    preferences.use_packages_folder()


def unregister() -> None:
    """Take them out again, in reverse."""
    live_webcam.unwatch()
    saved_paths.unregister()
    lifetime.unregister()
    cli_command.unregister()
    menu.remove()
    properties.unregister()
    take_info.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
