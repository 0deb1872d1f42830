# SPDX-License-Identifier: GPL-3.0-or-later
"""Find Cameras: which numbers open, tried in a process of its own, since a camera can take its program along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...missing import explain_missing

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from inference_core.live.process import CameraSearch

TICKS_S = 0.1
NONE = "No camera of this computer opens; connect one, close other programs that use it, then look again"

_found: tuple[tuple[str, int, int], ...] = ()


def found_cameras() -> tuple[tuple[str, int, int], ...]:
    """(name, width, height) of the cameras of the last search, for the panel."""
    return _found


class LPRNET_OT_find_cameras(bpy.types.Operator):
    """Look which cameras of this computer open; their lamps may light up"""

    bl_idname = "lprnet.find_cameras"
    bl_label = "Find Cameras"

    if TYPE_CHECKING:
        _search: CameraSearch | None
        _timer: bpy.types.Timer | None
    else:
        _search = _timer = None                     # Blender would look into annotations here

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Start the search; without a window wait for it, a minute at most."""
        try:
            from inference_core.errors import LPRNetError
            from inference_core.live.process import CameraSearch
            try:
                self._search = CameraSearch()
                if bpy.app.background:
                    return self._tell(self._search.wait())
            except LPRNetError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
        except ModuleNotFoundError as error:
            self.report({"ERROR"}, explain_missing(error))
            return {"CANCELLED"}
        manager = context.window_manager
        assert manager is not None
        self._timer = manager.event_timer_add(TICKS_S, window=context.window or manager.windows[0])
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Look whether it is done."""
        from inference_core.errors import LPRNetError
        if event.type != "TIMER" or self._search is None:
            return {"PASS_THROUGH"}
        try:
            found = self._search.cameras()
        except LPRNetError as error:
            self.cancel(context)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if found is None:
            return {"PASS_THROUGH"}
        self.cancel(context)
        return self._tell(found)

    def cancel(self, context: bpy.types.Context) -> None:
        """No more ticks; the search ends by itself."""
        if self._timer is not None and context.window_manager is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _tell(self, found: tuple[tuple[str, int, int], ...]) -> set[OperatorReturnItems]:
        global _found
        _found = found
        listed = ", ".join(f"{name} ({width} x {height})" for name, width, height in found)
        self.report({"INFO"} if found else {"WARNING"}, listed or NONE)
        return {"FINISHED"}
