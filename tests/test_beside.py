"""A second thread beside a job's worker: its result, its errors, and that it ends when it is not wanted any more."""

from __future__ import annotations

import threading
import time

import pytest

from lprnet_blender.beside import Beside
from lprnet_blender.jobs import Progress, Stopped

FIRST, LATER = Progress(0, None, "Reading"), Progress(5, 9, "Reading")


def test_its_result_comes_when_it_is_asked_for_and_its_progress_until_then() -> None:
    go, told = threading.Event(), []

    def work(tell) -> str:
        tell(LATER)
        go.wait(10)
        return "skin"

    def post(progress: Progress) -> None:
        told.append(progress)
        if progress == LATER:
            go.set()

    with Beside(work, FIRST) as beside:
        assert beside.result(post) == "skin"
    assert told[-1] == LATER and set(told) <= {FIRST, LATER}


def test_what_it_raises_is_raised_where_the_result_is_asked_for() -> None:
    def work(tell) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), Beside(work, FIRST) as beside:
        beside.result(lambda progress: None)


def test_left_early_it_stops_at_its_next_word_and_is_waited_for() -> None:
    seen: list[str] = []

    def work(tell) -> None:
        try:
            while True:
                tell(LATER)
                time.sleep(0.001)
        except Stopped:
            seen.append("closed")
            raise

    with pytest.raises(KeyError), Beside(work, FIRST):
        raise KeyError
    assert seen == ["closed"]
