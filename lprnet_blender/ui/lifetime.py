# SPDX-License-Identifier: GPL-3.0-or-later
"""No job outlives the file it works on, or the add-on."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .operators.running import running_jobs, stop_showing


@persistent  # type: ignore[untyped-decorator]
def _stop(*_: object) -> None:
    jobs = running_jobs()
    if jobs is not None:
        jobs.stop_all()
    stop_showing(bpy.context)


def register() -> None:
    """Stop what goes on before another file is opened."""
    bpy.app.handlers.load_pre.append(_stop)


def unregister() -> None:
    """Stop what goes on now."""
    _stop()
    bpy.app.handlers.load_pre.remove(_stop)
