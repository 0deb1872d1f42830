"""Progress of a job on standard error: a line for each part, which counts what it counts."""

from __future__ import annotations

import pytest

from inference_core.cli import progress as lines
from lprnet_blender.jobs import Progress
from lprnet_blender.told import ProgressLines


def test_each_part_has_its_own_line_and_counts_what_it_counts(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LOG_S", 0.0)
    with ProgressLines() as told:
        told.tell(Progress(3, 9, "Capturing", "1 without a face"))
        told.tell(Progress(6, 9, "Capturing"))
        told.tell(Progress(1, 2, "Blending skin", unit="views"))
    first, second, third = capsys.readouterr().err.splitlines()
    assert "3/9 frames" in first and "capturing, 1 without a face" in first and "fps" in second
    assert "1/2 views" in third and "fps" not in third and "blending skin" in third
