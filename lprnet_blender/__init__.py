# SPDX-License-Identifier: GPL-3.0-or-later
"""L-PRNet inside Blender: the add-on, and `python -m lprnet_blender` with the bpy wheel.

All thinking is in `inference_core`; this package turns faces into Blender data and shows buttons. Importing it
imports neither bpy nor the core, so that the command line can say what is missing.
"""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the add-on is switched on."""
    from . import ui
    ui.register()


def unregister() -> None:
    """Called by Blender when the add-on is switched off: leaves nothing behind."""
    from . import ui
    ui.unregister()
