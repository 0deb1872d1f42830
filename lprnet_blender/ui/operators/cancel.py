# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop the job that goes on; Esc does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .running import running_jobs

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class LPRNET_OT_cancel(bpy.types.Operator):
    """Stop; what was captured so far stays in the take"""

    bl_idname = "lprnet.cancel"
    bl_label = "Cancel Face Capture"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something must be going on."""
        jobs = running_jobs()
        if jobs is None or jobs.current() is None:
            cls.poll_message_set("Nothing is going on")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """The job's own operator reports what is kept."""
        jobs = running_jobs()
        job = jobs.current() if jobs else None
        if job is not None:
            job.cancel(wait=False)                      # a tick of its operator finds it ended
        return {"FINISHED"}
