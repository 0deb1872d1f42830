# SPDX-License-Identifier: GPL-3.0-or-later
"""Even times for formats that know no others. Pure NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
ON_GRID = 0.02                  # of a step: a key that is so close to an even sample is this sample
FINEST, MOST_SAMPLES = 8, 8     # even samples a step between two keys, and for each key


def even_times(times: Times) -> tuple[Times, float]:
    """Alembic's samples come at an even rate. times (n,) of the keys, increasing -> times (m,) from the first to the
    last, so close to even as if they were, with every key among them; and 0. Where no even rate of so many samples
    meets every key: even times, and how far a key at worst is from the nearest of them."""
    if len(times) < 3:
        return times, 0.0
    span, usual = times[-1] - times[0], float(np.median(np.diff(times)))
    for finer in range(1, FINEST + 1):
        count = max(1, round(span / usual * finer))
        if count > MOST_SAMPLES * len(times):
            break
        steps = (times - times[0]) / span * count
        nearest = np.rint(steps).astype(int)
        if np.abs(steps - nearest).max() <= ON_GRID and len(np.unique(nearest)) == len(times):
            even = np.linspace(times[0], times[-1], count + 1)
            even[nearest] = times
            return even, 0.0
    count = min(max(1, round(2 * span / usual)), MOST_SAMPLES * len(times))
    even = np.linspace(times[0], times[-1], count + 1)
    after = np.clip(np.searchsorted(even, times), 1, count)
    return even, float(np.minimum(times - even[after - 1], even[after] - times).max())
