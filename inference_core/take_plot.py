"""A take as a picture: pose, confidence, openings of mouth and eyes over time; where no face was seen is shaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.take_measures import Measures, measure

if TYPE_CHECKING:
    from inference_core.take import TakeRows

WIDTH, HEAD, PANELS, FOOT, LEFT, RIGHT, GAP = 1600, 114, (250, 130, 190, 210), 56, 92, 36, 46        # pixels
FINER, SHIFT = 2, 4                     # drawn twice as large and reduced; OpenCV's sixteenths of a pixel
FONT = cv2.FONT_HERSHEY_SIMPLEX
PAPER, PANEL, GRID, INK, FAINT = (24, 25, 28), (33, 35, 39), (62, 65, 72), (226, 226, 226), (150, 154, 160)     # RGB
LOST, BLINK = (92, 40, 44), (255, 196, 84)
BLUE, ORANGE, GREEN, ROSE = (104, 178, 255), (255, 170, 92), (126, 214, 140), (244, 130, 170)
MOST_TICKS, NAME = 12, 76                # of an axis; pixels for a name in a legend


@dataclass(frozen=True, eq=False)
class _Panel:
    """One diagram: values {name: (n,)} in their colours, and the least that its axis shows."""

    title: str
    values: dict[str, np.ndarray]
    colours: tuple
    least: tuple[float, float]
    blinks: bool = False


def plot(take: TakeRows, measures: Measures | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB. Raises TakeError."""
    measures = measures or measure(take)
    panels = _panels(take, measures)
    height = HEAD + sum(PANELS) + GAP * (len(PANELS) - 1) + FOOT
    sheet = _Sheet(np.full((height * FINER, WIDTH * FINER, 3), PAPER, np.uint8))
    end = max(float(measures.time_s[-1]), 1e-3) if len(take) else 1.0
    across = lambda time_s: LEFT + (WIDTH - LEFT - RIGHT) * np.asarray(time_s) / end         # noqa: E731
    sheet.write(_plain(source_name(take), 60), (LEFT, 40), 0.8, INK)
    sheet.write(_summary(take, measures), (LEFT, 66), 0.5, FAINT)
    top = HEAD
    for panel, tall in zip(panels, PANELS):
        _draw(sheet, panel, take, measures, across, top, top + tall)
        top += tall + GAP
    bottom = top - GAP
    for tick in _ticks(0, end):
        x = float(across(tick))
        sheet.write(f"{tick:g}", (x, bottom + 22), 0.45, FAINT, middle=True)
    sheet.write("seconds", (LEFT, bottom + 44), 0.45, FAINT)
    if take.gaps:
        sheet.box(LEFT + 84, bottom + 34, LEFT + 102, bottom + 46, LOST)
        sheet.write("no face seen", (LEFT + 110, bottom + 44), 0.45, FAINT)
    return cv2.resize(sheet.image, (WIDTH, height), interpolation=cv2.INTER_AREA)


def _panels(take: TakeRows, measures: Measures) -> list[_Panel]:
    yaw, pitch, roll = measures.angles_deg.T
    left, right = measures.eyes_mm.T
    sure = np.where(take.valid, take.confidence, np.nan)
    turns = {"yaw": yaw, "pitch": pitch, "roll": roll}
    return [_Panel("turn of the head, degrees", turns, (BLUE, ORANGE, GREEN), (-10, 10)),
            _Panel("confidence", {"": sure}, (GREEN,), (0, 1)),
            _Panel("mouth open, mm", {"": measures.mouth_mm}, (ROSE,), (0, 10)),
            _Panel("eyes open, mm", {"left": left, "right": right}, (BLUE, ORANGE), (0, 10), True)]


def _draw(sheet: _Sheet, panel: _Panel, take: TakeRows, measures: Measures, across, top: int, bottom: int) -> None:
    """Frame, gaps, grid, curves, title and legend."""
    sheet.box(LEFT, top, WIDTH - RIGHT, bottom, PANEL)
    time_s, last = measures.time_s, len(take) - 1
    for first, end in take.gaps:
        # up to the frames that were seen, and wide enough to be seen
        low, high = float(across(time_s[max(first - 1, 0)])), float(across(time_s[min(end + 1, last)]))
        sheet.box(low, top, max(high, low + 1.5), bottom, LOST)
    known = np.concatenate([values[np.isfinite(values)] for values in panel.values.values()])
    low, high = (float(f(np.r_[known, panel.least])) for f in (np.min, np.max))
    slack = 0.05 * (high - low)
    pixels = (bottom - top) / (high - low + 2 * slack)
    up = lambda value: bottom - pixels * (np.asarray(value) - low + slack)          # noqa: E731
    for tick in _ticks(low, high, max((bottom - top) // 40, 2)):
        y = float(up(tick))
        sheet.line(LEFT, y, WIDTH - RIGHT, y, GRID)
        sheet.write(f"{tick:g}", (LEFT - 10, y + 5), 0.45, FAINT, right=True)
    for tick in _ticks(0, float(time_s[-1])) if len(time_s) else ():
        x = float(across(tick))
        sheet.line(x, top, x, bottom, GRID)
    for values, colour in zip(panel.values.values(), panel.colours):
        sheet.curve(across(time_s), up(values), colour)
    sheet.write(panel.title, (LEFT, top - 9), 0.5, INK)
    legend = [(name, colour) for name, colour in zip(panel.values, panel.colours) if name]
    blinks = measures.blinks if panel.blinks else []
    legend += [("blink", BLINK)] if blinks else []
    for number, (name, colour) in enumerate(reversed(legend), 1):
        x = WIDTH - RIGHT - NAME * number
        sheet.box(x, top - 15, x + 16, top - 11, colour)
        sheet.write(name, (x + 22, top - 9), 0.45, FAINT)
    for first, end in blinks:
        x = float(across((time_s[first] + time_s[end]) / 2))
        sheet.box(x - 3, bottom - 10, x + 3, bottom - 4, BLINK)


class _Sheet:
    """A picture to draw on in pixels of the finished one."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image

    def box(self, left: float, top: float, right: float, bottom: float, colour) -> None:
        corners = [tuple(round(v * FINER) for v in corner) for corner in ((left, top), (right, bottom))]
        cv2.rectangle(self.image, corners[0], (corners[1][0] - 1, corners[1][1] - 1), colour, cv2.FILLED)

    def line(self, x: float, y: float, to_x: float, to_y: float, colour) -> None:
        ends = [(round(at * FINER), round(down * FINER)) for at, down in ((x, y), (to_x, to_y))]
        cv2.line(self.image, *ends, colour, 1)

    def curve(self, x: np.ndarray, y: np.ndarray, colour) -> None:
        """Broken where y is no number; a value between two of those is a dot."""
        fixed = np.rint(np.stack([x, np.nan_to_num(y)], 1) * (FINER << SHIFT)).astype(np.int32)
        edges = np.flatnonzero(np.diff(np.r_[False, np.isfinite(y), False]))
        for first, end in edges.reshape(-1, 2):
            if end - first == 1:
                middle = tuple(map(int, fixed[first]))
                cv2.circle(self.image, middle, FINER << SHIFT, colour, cv2.FILLED, cv2.LINE_AA, SHIFT)
            cv2.polylines(self.image, [fixed[first:end]], False, colour, 3, cv2.LINE_AA, SHIFT)

    def write(self, text: str, place: tuple[float, float], size: float, colour, middle=False, right=False) -> None:
        scale = size * FINER
        width = cv2.getTextSize(text, FONT, scale, FINER)[0][0]
        x = round(place[0] * FINER) - (width // 2 if middle else width if right else 0)
        cv2.putText(self.image, text, (x, round(place[1] * FINER)), FONT, scale, colour, FINER, cv2.LINE_AA)


def source_name(take: TakeRows) -> str:
    """The last part of it: the file's name."""
    return str(take.header.source.get("name", "")).replace("\\", "/").rstrip("/").rpartition("/")[2] or "take"


def _summary(take: TakeRows, measures: Measures) -> str:
    lost = int((~take.valid).sum())
    parts = [f"{len(take)} frames", f"{lost} lost" if lost else "none lost",
             f"{len(measures.blinks)} blink{'' if len(measures.blinks) == 1 else 's'}"]
    return ", ".join(parts if take.complete else [*parts, "not captured to the end"])


def _ticks(low: float, high: float, most: int = MOST_TICKS) -> np.ndarray:
    """Round numbers from low to high."""
    rough = max(high - low, 1e-9) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * part for part in (1, 2, 5, 10) if size * part >= rough * (1 - 1e-9))
    return np.round(np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1) * step, 9)


def _plain(text: str, most: int) -> str:
    """What OpenCV's letters can show."""
    text = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return text if len(text) <= most else "..." + text[3 - most:]
