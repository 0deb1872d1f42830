# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake Again: the active object's take with other smoothing or another mode, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...compat import MAY_BE_RELATIVE
from ...scene.linked import why_linked
from ..bake_properties import BakeProperties, bake_options, draw_bake, set_properties
from .bake_video import tell
from .running import JobOperator, busy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ...jobs import Job


class LPRNET_OT_rebake(BakeProperties, JobOperator):
    """Bake the take of the active object again, with other smoothing or another mode. The object keeps its name, its
    place and its materials"""

    bl_idname = "lprnet.rebake"
    bl_label = "Bake Again"
    bl_options = {"UNDO"}

    if TYPE_CHECKING:
        take: str
    else:
        take: bpy.props.StringProperty(
            name="Take", description="Folder NAME.lprtake; empty is the one that was baked before", subtype="DIR_PATH",
            options={"SKIP_SAVE"} | MAY_BE_RELATIVE)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """For an object of this file that has a bake, in object mode; one job at a time."""
        thing = context.active_object
        if context.mode != "OBJECT":
            reason = "Works in Object Mode"
        elif thing is None or thing.get("lprnet_take") is None:
            reason = "Select a face that Bake Video has made"
        else:
            reason = busy() or why_linked(thing)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Show how it was baked, to be changed; the panel has asked already and names the take."""
        if self.properties.is_property_set("take"):
            return self.execute(context)
        from inference_core.errors import LPRNetError

        from ...scene.baked import options_of

        assert context.active_object is not None and context.window_manager is not None
        try:
            set_properties(self, bake_options(self, options_of(context.active_object)))
        except LPRNetError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Bake; what is not given stays as it was baked before."""
        return self.go(context, lambda: self._begin(context))

    def draw(self, context: bpy.types.Context) -> None:
        """In the dialog."""
        assert self.layout is not None
        draw_bake(self, self.layout)

    def done(self, context: bpy.types.Context, result: Any) -> str:
        """The object stays selected."""
        return tell(self, context, result)

    def _begin(self, context: bpy.types.Context) -> Job:
        from inference_core.video import VideoOptions

        from ... import bake_video
        from ...scene.bake import Target
        from ...scene.baked import options_of, take_of
        from ...scene.linked import check_own

        thing, scene = context.active_object, context.scene
        assert thing is not None and scene is not None
        check_own(thing)
        take = Path(bpy.path.abspath(self.take)) if self.take else take_of(thing)
        options = bake_options(self, options_of(thing))
        return bake_video.begin("", take, VideoOptions(), options, Target(scene.name, thing.name))
