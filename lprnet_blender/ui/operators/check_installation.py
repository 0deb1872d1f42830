# SPDX-License-Identifier: GPL-3.0-or-later
"""Check Installation: one block that a user can paste into a bug report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...installation import check_installation
from ..preferences import preferences

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

TEXT = "L-PRNet Installation"


class LPRNET_OT_check_installation(bpy.types.Operator):
    """Try everything that the add-on needs, and copy what was found to the clipboard and into a text of this file"""

    bl_idname = "lprnet.check_installation"
    bl_label = "Check Installation"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Always finishes: what fails stands in the block."""
        chosen = preferences()
        branch = bpy.app.build_branch.decode(errors="replace")
        found = check_installation(chosen.engine, chosen.threads, bpy.path.abspath(chosen.take_folder) or None,
                                   blender=f"{bpy.app.version_string} ({branch})")
        text = bpy.data.texts.get(TEXT) or bpy.data.texts.new(TEXT)
        text.clear()
        text.write(found.block)
        if context.window_manager is not None and not bpy.app.background:
            context.window_manager.clipboard = found.block
        where = f"in the text {TEXT!r}"
        if not bpy.app.background:
            where = f"copied to the clipboard and {where}"
        if found.problems:
            self.report({"ERROR"}, f"{len(found.problems)} of {found.checks} checks failed: {found.problems[0]} "
                                   f"(the whole is {where})")
        else:
            self.report({"INFO"}, f"All {found.checks} checks passed; the block is {where}")
        return {"FINISHED"}
