"""Filters over time, with the frames' own stamps: a symmetric one for finished takes, and one for live use."""

from __future__ import annotations

import math

import numpy as np

REACH = 2.5                     # the window of the symmetric filter, in widths to each side
MOST_ROWS = 200                 # to each side, however many frames a second has
WIDTHS_S = (0.06, 0.25, 0.5, 1.5)           # of the symmetric filter, tried in turn
REST_S = 0.4                    # from this width on what is calm does not move at all: a mean, not a line
LEAST_WEIGHT = 0.05             # of the whole window; fewer rows than that are no window
NOISE_LEFT = (1.0, 0.8, 0.6, 0.6)           # of the raw noise before each: that of codecs lasts for several frames
STILL, MOVING = 3.0, 6.0        # times the noise: a difference up to the first is noise, from the second on motion
FOURTH = math.sqrt(70)          # the fourth differences of noise are so many times the noise
BENT_WITHIN_S = 0.85            # of the five frames of a fourth difference: within more a head turns there and back
# who speaks or dances rests in few frames: the noise of the calmest tenth, as a share of the middle one: of
# expressions, as measured in still faces; of places and of turns, as random noise in two and in three dimensions has it
CALMEST, CALMEST_SHARE, CALMEST_PLACE, CALMEST_TURN = 0.1, 0.54, 0.39, 0.50
SPEED_CUTOFF_HZ = 1.5           # of the speed itself
NOISE_SHARE = 0.05              # how fast the noise is learned
LEARNED_WITHIN_S = 0.18         # of four frames: in rarer ones third differences are motion, as of lips that speak


def line_weights(time_s: np.ndarray, row: int, first: int, last: int, width_s: float,
                 trust: np.ndarray | None = None) -> tuple[int, np.ndarray]:
    """First row and weights of a window about `row`, within rows first..last: their sum of values is the height at
    `row` of the line that fits the values best, near ones counting most (a Gaussian of width_s).

    A line, not a mean: what moves steadily is not drawn inwards at the ends. Wide windows are for what rests, and give
    the mean, which trembles less. Each row counts for the time it stands for, so that an uneven frame rate changes
    nothing. trust (n,): how much each row counts.
    """
    low, high = max(first, row - MOST_ROWS), min(last, row + MOST_ROWS)
    span = time_s[low:high + 1] - time_s[row]
    if width_s <= 0 or len(span) < 2:
        return row, np.ones(1)
    # many frames a second: as many of them as the window may hold
    width = min(width_s, MOST_ROWS * float(np.ptp(span)) / (len(span) - 1) / REACH)
    near = np.abs(span) <= REACH * width
    low += int(np.argmax(near))
    span = span[near]
    each = np.gradient(span) if len(span) > 1 else np.ones(1)
    weights = np.exp(-0.5 * (span / width) ** 2) * np.maximum(each, 1e-9)
    if trust is not None:
        weights = weights * trust[low:low + len(span)]
    if width_s >= REST_S:
        return low, weights / weights.sum()
    total, first_moment, second_moment = weights.sum(), (weights * span).sum(), (weights * span**2).sum()
    spread = total * second_moment - first_moment**2
    if spread <= 1e-9 * total * second_moment:
        return row, np.ones(1)
    return low, weights * (second_moment - first_moment * span) / spread


def activity(distance: float | np.ndarray, noise: float | np.ndarray) -> float | np.ndarray:
    """0 where a distance is what noise explains, 1 where it is motion, smooth between."""
    share = (distance / np.maximum(noise, 1e-9) - STILL) / (MOVING - STILL)
    share = np.minimum(np.maximum(share, 0), 1)         # np.clip takes three times as long
    return share * share * (3 - 2 * share)


def noise_of(distances_of, values: np.ndarray, time_s: np.ndarray, calmest_share: float | None = None) -> float:
    """Of (n, C) values at rising times, NaN where there is none, how far one typically is from where it should be. From
    fourth differences: motion leaves next to nothing of itself in them, but where frames are so rare that it turns in
    between; of such ones nothing is known, 0. distances_of((m, C)) -> (m,). calmest_share: where fast motion goes on
    most of the time, only the calmest frames tell; how large their noise is, as a share of the middle one."""
    bends = np.diff(values, 4, axis=0)
    bends = bends[np.isfinite(bends).all(1) & (time_s[4:] - time_s[:-4] <= BENT_WITHIN_S)]
    if not len(bends):
        return 0.0
    if calmest_share:
        return float(np.quantile(distances_of(bends), CALMEST)) / calmest_share / FOURTH
    return float(np.median(distances_of(bends))) / FOURTH


def calmer(quick: np.ndarray, window: np.ndarray, weights: np.ndarray, distances_of, noise: float,
           left: float) -> np.ndarray:
    """(C,) a value so far, the rows (m, C) of a wider window and their weights -> the value that is calmer by as much
    as noise explains. Rows that differ from it by motion do not count: what rests is not drawn to what moves beside
    it."""
    weights = weights * (1 - activity(distances_of(window - quick), noise))
    total = weights.sum()
    if total <= LEAST_WEIGHT:
        return quick
    calm = weights @ window / total
    return calm + activity(distances_of(quick - calm), noise * left) * (quick - calm)


class OneEuro:
    """Casiez, Roussel & Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
    Systems", CHI 2012: little lag where the value moves fast, little noise where it rests.

    Here for values (..., P, 3) of P points in R regions, each of which moves as one: regions (R, P), columns that sum
    to 1, says which part of a point is in which; the speed of a region is the root mean square over its points, less
    what its noise alone explains. The noise is measured as it comes, from third differences, where the frames are close
    enough.
    """

    def __init__(self, cutoff_hz: np.ndarray, slope: np.ndarray, deaf: np.ndarray, regions: np.ndarray) -> None:
        """(R,) of each region: cutoff_hz at rest; slope: Hz that a unit a second adds; deaf: how many times its noise a
        frame is not taken for motion. So much may a slow value lag behind. A cutoff of inf gives raw values."""
        self._cutoff_hz, self._slope, self._deaf, self._regions = cutoff_hz, slope, deaf, regions
        self._value: np.ndarray | None = None
        self._change: np.ndarray | None = None
        self._last: list[np.ndarray] = []
        self._steps_s: list[float] = []
        self._noise = np.zeros(len(regions))

    def __call__(self, value: np.ndarray, step_s: float, trust: float | np.ndarray = 1.0) -> np.ndarray:
        """The filtered value; step_s since the last one; trust in 0..1 (broadcast to the value): how much of it
        counts."""
        if self._value is None:
            self._value, self._change = value, np.zeros_like(value)
            return value
        step_s = max(step_s, 1e-4)
        self._change = self._change + _share(SPEED_CUTOFF_HZ, step_s) * ((value - self._value) / step_s - self._change)
        self._measure_noise(value, step_s)
        speed = np.maximum(self._size(self._change) - self._deaf * self._noise / step_s, 0)
        shares = _share(self._cutoff_hz + self._slope * speed, step_s).astype(value.dtype) @ self._regions
        self._value = self._value + (trust * shares[:, None]).astype(value.dtype) * (value - self._value)
        return self._value

    def _measure_noise(self, value: np.ndarray, step_s: float) -> None:
        self._steps_s = [*self._steps_s[-2:], step_s]
        if len(self._last) == 3 and sum(self._steps_s) <= LEARNED_WITHIN_S:
            first, second, third = self._last
            bend = self._size(value - 3 * third + 3 * second - first) / math.sqrt(20)
            # short motion must not pass for noise: it grows by a share at most
            fresh = self._noise == 0
            step = np.clip(bend - self._noise, -self._noise, self._noise)
            self._noise = np.where(fresh, bend, self._noise + NOISE_SHARE * step)
        self._last = [*self._last[-2:], value]

    def _size(self, value: np.ndarray) -> np.ndarray:
        """(R,) root mean square length over each region."""
        return np.sqrt(self._regions @ np.square(value).sum(-1) / self._regions.sum(1))


def _share(cutoff_hz, step_s: float):
    """How much of a new value a low-pass of that cutoff takes."""
    return 1 / (1 + 1 / (2 * np.pi * np.asarray(cutoff_hz) * step_s))
