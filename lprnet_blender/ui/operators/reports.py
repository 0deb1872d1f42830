# SPDX-License-Identifier: GPL-3.0-or-later
"""How operators end: a user's mistake is one sentence in a report, our own stays a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from ...missing import explain_missing

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def reported(operator: bpy.types.Operator, work: Callable[[], str]) -> set[OperatorReturnItems]:
    """Do the work and report the sentence that it gives."""
    try:
        from inference_core.errors import LPRNetError
        try:
            sentence = work()
        except LPRNetError as error:
            operator.report({"ERROR"}, str(error))
            return {"CANCELLED"}
    except ModuleNotFoundError as error:
        operator.report({"ERROR"}, explain_missing(error))
        return {"CANCELLED"}
    operator.report({"INFO"}, sentence)
    return {"FINISHED"}
