# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the panel's take again, for instance while another program writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import take_info

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class LPRNET_OT_refresh_take(bpy.types.Operator):
    """Read again what is in the take"""

    bl_idname = "lprnet.refresh_take"
    bl_label = "Refresh Take"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """The panel reads it when it is drawn next."""
        take_info.forget()
        return {"FINISHED"}
