"""A take in numbers, for people and programs; `take_plot` draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference_core.take_formats.motion import frame_rate
from inference_core.take_measures import Measures, measure
from inference_core.take_plot import plot

if TYPE_CHECKING:
    from inference_core.take import TakeRows

__all__ = ["plot", "report"]
SURE_QUANTILE = 0.05


def report(take: TakeRows, measures: Measures | None = None) -> dict:
    """Plain numbers, strings and lists, None for what a take without a face does not tell:

    source, created, complete (the capture came to its end), size [width, height] in pixels;
    frames, frames_lost (no face was seen), gaps [{first, last: numbers of frames in the source, start_s, duration_s}];
    fps (one over the median step of the stamps), duration_s (to the end of the last frame);
    confidence (mean, of frames with a face), confidence_low (the 5 % quantile);
    jitter: how much the face trembles, in per cent of the distance of the outer corners of the eyes: the second
    difference of its shape in time, root mean square over the vertices, over the square root of 6 (so that it is the
    noise of one frame), median over the frames, which motion changes little;
    yaw_deg, pitch_deg, roll_deg, mouth_opening_mm, left_eye_opening_mm, right_eye_opening_mm {mean, least, most};
    blink_count, blinks [{first, last, start_s}].
    Millimetres are those of the head's estimated size. Raises TakeError.
    """
    measures = measures or measure(take)
    numbers = {**dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), measures.angles_deg.T)),
               "mouth_opening_mm": measures.mouth_mm, "left_eye_opening_mm": measures.eyes_mm[:, 0],
               "right_eye_opening_mm": measures.eyes_mm[:, 1]}
    sure, fps = take.confidence[take.valid], frame_rate(take)
    bends = measures.bends[np.isfinite(measures.bends)]
    jitter = 100 * float(np.median(bends)) / np.sqrt(6) if len(bends) else None
    return {
        "source": str(take.header.source.get("name", "")), "created": take.header.created,
        "complete": bool(take.complete), "size": list(take.header.size),
        "frames": len(take), "frames_lost": int((~take.valid).sum()),
        "gaps": [_gap(take, first, last) for first, last in take.gaps],
        "fps": _rounded(fps) if fps else None,
        "duration_s": _rounded(measures.time_s[-1] + (1 / fps if fps else 0)) if len(take) else 0.0,
        "confidence": _rounded(sure.mean()) if len(sure) else None,
        "confidence_low": _rounded(np.quantile(sure, SURE_QUANTILE)) if len(sure) else None, "jitter": _rounded(jitter),
        **{name: _spread(values) for name, values in numbers.items()},
        "blink_count": len(measures.blinks),
        "blinks": [_rows(take, first, last) for first, last in measures.blinks]}


def _rows(take: TakeRows, first: int, last: int) -> dict:
    return {"first": int(take.index[first]), "last": int(take.index[last]), "start_s": _rounded(take.time_s[first])}


def _gap(take: TakeRows, first: int, last: int) -> dict:
    """Lasts up to the next frame that was seen, or to the last one of the take."""
    end = take.time_s[min(last + 1, len(take) - 1)]
    return _rows(take, first, last) | {"duration_s": _rounded(end - take.time_s[first])}


def _spread(values: np.ndarray) -> dict | None:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    return {"mean": _rounded(values.mean()), "least": _rounded(values.min()), "most": _rounded(values.max())}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
