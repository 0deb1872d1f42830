"""The 68 landmarks of every frame in image pixels: x right, y down, (0, 0) the middle of the top-left pixel, z towards
the camera."""

from __future__ import annotations

from pathlib import Path

from inference_core.take_formats.table import write_table


def write(take, path: Path, options, on_frame) -> list[Path]:
    names = [f"{axis}{number}" for number in range(68) for axis in "xyz"]
    write_table(take, path, names, lambda row: take.landmarks_image(row).ravel(), 3, on_frame)
    return [path]
