"""What a live capture is asked for; goes to the child process as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from inference_core.errors import InputError
from inference_core.frames import CAMERA, STREAMS
from inference_core.smoothing import SmoothingOptions
from inference_core.take_source import safe_name
from inference_core.tracking import TrackOptions

LARGEST_TEXTURE = 2048


@dataclass(frozen=True)
class LiveOptions:
    """target: "camera:0", "0", or the http address of an MJPEG stream; take: the folder NAME.lprtake that every frame
    is recorded to, raw and never mirrored, None = none; mirror: results and skin as in a mirror; texture_size: texels a
    side of the skin taken from the first frame that shows the face well from the front, 0 = none. Raises InputError for
    values that cannot be meant."""

    target: str
    take: str | None = None
    track: TrackOptions = field(default_factory=TrackOptions)
    smoothing: SmoothingOptions = field(default_factory=SmoothingOptions)
    mirror: bool = False
    texture_size: int = 0

    def __post_init__(self) -> None:
        if self.target.isascii() and self.target.isdecimal():
            object.__setattr__(self, "target", CAMERA + self.target)
        elif self.target.lower().startswith(CAMERA):
            object.__setattr__(self, "target", self.target.lower())
        if not self.target.lower().startswith((CAMERA, *STREAMS)):
            # an address without its http:// may hold a password, too
            name = safe_name(self.target if "://" in self.target else f"://{self.target}").removeprefix("://")
            raise InputError(f"{name or 'no camera'}: not a camera; give camera:0, or the http address of an "
                             "MJPEG stream")
        if not 0 <= self.texture_size <= LARGEST_TEXTURE:
            raise InputError(f"a live texture of {self.texture_size} pixels cannot be made; give 0 (none) to "
                             f"{LARGEST_TEXTURE}")

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> LiveOptions:
        return cls(**values | {"track": TrackOptions(**values["track"]),
                               "smoothing": SmoothingOptions(**values["smoothing"])})
