"""Tables of comma-separated values: a line a frame, empty cells where no face was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from inference_core.files import written_beside

FIRST = ("index", "time_s", "valid", "confidence")


def write_table(take, path: Path, names: Iterable[str], values: Callable[[int], np.ndarray], digits: int,
                on_frame) -> None:
    """values(row) gives the numbers of a row with a face, `digits` behind the point."""
    names = list(names)
    with written_beside(path) as beside, beside.open("w", encoding="ascii", newline="") as file:
        file.write(",".join([*FIRST, *names]) + "\n")
        for row in range(len(take)):
            valid = bool(take.valid[row])
            cells = [f"{value:.{digits}f}" for value in values(row)] if valid else [""] * len(names)
            start = f"{take.index[row]},{take.time_s[row]:.6f},{int(valid)},{take.confidence[row]:.4f}"
            file.write(",".join([start, *cells]) + "\n")
            on_frame()
