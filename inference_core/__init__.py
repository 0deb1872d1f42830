"""L-PRNet without Blender: a photo becomes a dense, textured face mesh.

    from inference_core import CaptureOptions, capture_faces, read_image
    faces = capture_faces(read_image("photo.jpg"), CaptureOptions())

    take = smooth(open_take("clip.lprtake"))            # as lprnet video has written it
    export_take(take, "clip.glb")

Names are loaded when first used: importing this package loads no network and neither bpy nor tensorflow.
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "LPRNetError": "errors", "InputError": "errors", "ImageError": "errors", "OutputError": "errors",
    "WeightsError": "errors", "TopologyError": "errors", "EngineError": "errors", "VideoError": "errors",
    "read_image": "images", "write_image": "images",
    "Topology": "topology", "load_topology": "topology",
    "Crop": "crop", "crop_from_box": "crop", "crop_from_landmarks": "crop", "restore": "crop",
    "HeadPose": "pose", "compose": "pose", "fit_pose": "pose",
    "Network": "engine", "Prediction": "engine", "load_network": "engine",
    "Detection": "detection", "detect_faces": "detection",
    "CaptureOptions": "regression", "Face": "regression", "capture_faces": "regression",
    "Texture": "texture", "sample_texture": "texture",
    "Frame": "frames", "FrameOptions": "frames", "open_frames": "frames",
    "LPRNet": "lprnet",
    "capture": "tracking", "TrackOptions": "tracking",
    "Take": "take", "TakeHeader": "take", "TakeWriter": "take", "open_take": "take", "take_frame": "take",
    "smooth": "smoothing", "SmoothingOptions": "smoothing",
    "export_take": "take_formats", "ExportOptions": "take_formats",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
