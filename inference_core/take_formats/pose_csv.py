"""The head's pose in every frame: angles and the rotation that they are taken from, place in the picture, size, box.

Conventions as in docs/architecture.md: x and y are where the canonical origin lies in the picture, scale is pixels per
centimetre, r11 to r33 the rotation row by row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.take_formats.table import write_table

NAMES = ("yaw_deg", "pitch_deg", "roll_deg", "x", "y", "scale", "inverse_distance", "left", "top", "right", "bottom",
         *(f"r{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3)))


def write(take, path: Path, options, on_frame) -> list[Path]:
    def numbers(row: int) -> np.ndarray:
        pose = take.pose(row)
        return np.array([*pose.yaw_pitch_roll_deg, *pose.shift, pose.scale, pose.inverse_distance, *take.box[row],
                         *np.ravel(pose.rotation)])

    write_table(take, path, NAMES, numbers, 6, on_frame)
    return [path]
