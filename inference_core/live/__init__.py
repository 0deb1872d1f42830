"""Live capture in a process of its own: a camera that is refused, freezes or crashes its driver takes nobody along.

    with LiveProcess(LiveOptions("camera:0")) as live:
        while live.state().running:
            result = live.newest()              # None: nothing new

`process` is the side of the caller, `child` the other one, `messages` what goes between them.
"""

from __future__ import annotations

from inference_core.live.messages import LiveResult
from inference_core.live.options import LiveOptions
from inference_core.live.process import CameraSearch, LiveProcess, LiveState

__all__ = ["CameraSearch", "LiveOptions", "LiveProcess", "LiveResult", "LiveState"]
