"""Progress of long work on one line: how far, how fast, how long still."""

from __future__ import annotations

from tqdm import tqdm


class Progress:
    """A tqdm bar that takes absolute positions; at most ten updates a second."""

    def __init__(self, title: str, total: float, unit: str = "it") -> None:
        self._bar = tqdm(total=total, desc=title, unit=unit, smoothing=0.1, mininterval=0.5)

    def advance(self, position: float, note: str = "") -> None:
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(position - self._bar.n)

    def close(self) -> None:
        self._bar.close()
