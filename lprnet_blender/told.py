# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a job on standard error, where there is no window."""

from __future__ import annotations

from inference_core.cli.progress import ProgressLine

from .jobs import Progress


class ProgressLines:
    """A line for each part of the work, with a pace and a unit of its own. A context manager."""

    def __init__(self) -> None:
        self._part, self._line = "", ProgressLine()

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def tell(self, progress: Progress) -> None:
        """For `Job.run` and `on_progress`."""
        if progress.text != self._part:
            self._line.close()
            self._part, self._line = progress.text, ProgressLine(progress.done, progress.unit)
        note = ", ".join(filter(None, (progress.text.lower(), progress.note)))
        self._line.tell(progress.done, progress.total, note)
