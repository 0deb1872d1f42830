"""Where moving pictures come from: a video file, an image sequence, a camera, a stream; all give the same frames.

    with open_frames("clip.mp4", FrameOptions(start_s=2.0)) as frames:
        for frame in frames: ...
"""

from __future__ import annotations

from pathlib import Path

from inference_core.frames.source import Frame, FrameOptions, FrameSource, SourceInfo

__all__ = ["Frame", "FrameOptions", "FrameSource", "SourceInfo", "open_frames"]

CAMERA, STREAMS = "camera:", ("http://", "https://")


def open_frames(target: str | Path, options: FrameOptions = FrameOptions()) -> FrameSource:
    """The frames of a video file, a folder or pattern of pictures (shot.%04d.png, shot.####.png, *.jpg), a camera
    ("camera:0") or an MJPEG stream ("http://..."). Use it as a context manager; it iterates once.

    Raises VideoError naming the source and the cause, here or, where the source ends before it should, after the last
    good frame.
    """
    text = str(target)
    if text.lower().startswith(CAMERA):
        from inference_core.frames.camera import open_camera
        return open_camera(text[len(CAMERA):], options)
    if text.lower().startswith(STREAMS):
        from inference_core.frames.stream import open_stream
        return open_stream(text, options)
    from inference_core.frames.images import is_sequence, open_images
    if is_sequence(Path(target)):
        return open_images(Path(target), options)
    from inference_core.frames.video import open_video
    return open_video(Path(target), options)
