# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take is baked. Pure Python."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from inference_core.errors import InputError
from inference_core.smoothing import SmoothingOptions

Mode = Literal["ABSOLUTE", "RELATIVE", "POINT_CACHE"]
Head = Literal["OBJECT", "VERTICES", "NONE"]
Timing = Literal["MATCH_SCENE", "SET_SCENE_FPS", "RETIME"]

TEXTURES = (0, 512, 1024, 2048)
LAST_FRAME = 1_048_574          # that Blender knows


@dataclass(frozen=True)
class BakeOptions:
    """mode: absolute shape keys, relative ones, or a .pc2 file with a Mesh Cache modifier. head: its motion in the
    object's transform, in the vertices, or left out. timing: the clip's seconds at the scene's frame rate, the scene at
    the clip's rate, or one frame of the clip on each frame of the scene. start_frame: where the take's first frame
    comes. texture: its width in pixels, 0 = none. sound, markers, frame_range: whether the scene gets them."""

    mode: Mode = "ABSOLUTE"
    head: Head = "OBJECT"
    timing: Timing = "MATCH_SCENE"
    start_frame: int = 1
    smoothing: SmoothingOptions = field(default_factory=SmoothingOptions)
    texture: int = 1024
    sound: bool = True
    markers: bool = True
    frame_range: bool = True

    def __post_init__(self) -> None:
        for name, choices in (("mode", get_args(Mode)), ("head", get_args(Head)), ("timing", get_args(Timing)),
                              ("texture", TEXTURES)):
            if getattr(self, name) not in choices:
                raise InputError(f"bake: {name} cannot be {getattr(self, name)!r}; give one of "
                                 f"{', '.join(map(str, choices))}")
        if not -LAST_FRAME <= self.start_frame <= LAST_FRAME:
            raise InputError(f"bake: start_frame cannot be {self.start_frame}; Blender's timeline goes to {LAST_FRAME}")

    def to_properties(self) -> dict[str, Any]:
        """Plain values, for custom properties of the object."""
        return asdict(self)

    @classmethod
    def from_properties(cls, values: dict[str, Any]) -> BakeOptions:
        """What `to_properties` gave. Raises InputError where that was altered."""
        try:
            smoothing = SmoothingOptions(**{key: float(value) for key, value in dict(values["smoothing"]).items()})
            known = {key: type(getattr(DEFAULT, key))(value) for key, value in values.items() if key != "smoothing"}
            return cls(smoothing=smoothing, **known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"bake: the object's properties were altered ({error}); bake the take anew") from error


DEFAULT = BakeOptions()
