"""Long work inside Blender, without Blender: messages, cancelling, errors, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from inference_core.errors import InputError
from lprnet_blender import jobs


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    yield
    jobs.stop_all()
    assert jobs.current() is None
    assert not [thread for thread in threading.enumerate() if thread.name == "lprnet"]


def counting(count: int, closed: list[str]):
    """Work that posts numbers, and says how it ended."""

    def work(post) -> str:
        try:
            for number in range(count):
                post(jobs.Progress(number + 1, count, "counting"))
            closed.append("finished")
            return "counted"
        except jobs.Stopped:
            closed.append("stopped")
            raise

    return work


def test_a_job_tells_its_progress_and_hands_on_the_result() -> None:
    closed, seen = [], []
    job = jobs.begin("Count", jobs.messages_of(counting(500, closed)))
    assert job.run(seen.append) == "counted"
    numbers = [each.done for each in seen]
    assert len(numbers) > 1 and numbers == sorted(numbers) and seen[-1] == job.progress
    assert closed == ["finished"] and jobs.current() is None


def test_what_is_no_progress_is_never_dropped() -> None:
    def work(post) -> None:
        for number in range(10 * jobs.MOST_MESSAGES):
            post(number)

    steps, seen = jobs.messages_of(work), []
    for message in steps:
        if message is jobs.WAITING:
            time.sleep(0.001)
        else:
            seen.append(message)
        if len(seen) == 5:
            time.sleep(0.2)                     # a main thread that was busy with something else
    assert seen == list(range(10 * jobs.MOST_MESSAGES))


def test_cancelling_from_a_window_does_not_wait_for_the_worker() -> None:
    release = threading.Event()

    def work(post) -> None:
        try:
            while True:
                post(1)
        finally:
            release.wait()

    job = jobs.begin("Search", jobs.messages_of(work), lambda: "the take is kept")
    job.tick()
    job.cancel(wait=False)
    assert job.ended is None and jobs.current() is job
    assert isinstance(job.tick(), jobs.Progress) and job.ended is None
    release.set()
    while job.ended is None:
        job.tick()
    assert job.ended == jobs.Cancelled("the take is kept")


@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_cancelling_lets_the_worker_close_its_files(ticks: int) -> None:
    closed: list[str] = []
    job = jobs.begin("Count", jobs.messages_of(counting(10**9, closed)), lambda: "the take is kept")
    for _ in range(ticks):
        job.tick(0.0)
    job.cancel()
    assert job.ended == jobs.Cancelled("the take is kept")
    if ticks:                                   # steps that never began have nothing to close
        assert closed == ["stopped"]
    job.cancel()
    assert job.tick() is job.ended


def test_an_error_of_the_worker_arrives_with_its_sentence() -> None:
    def work(post) -> None:
        raise InputError("clip.mp4: is empty; give another")

    job = jobs.begin("Read", jobs.messages_of(work))
    while job.ended is None:
        job.tick()
    assert isinstance(job.ended, jobs.Failed) and not job.ended.ours
    assert job.ended.message == "clip.mp4: is empty; give another"
    again = jobs.begin("Read", jobs.messages_of(work))
    with pytest.raises(InputError, match="is empty"):
        again.run()


def test_an_error_of_ours_is_told_apart() -> None:
    def steps():
        yield jobs.WAITING
        raise ZeroDivisionError("division")

    job = jobs.begin("Divide", steps())
    with pytest.raises(ZeroDivisionError):
        job.run()
    assert isinstance(job.ended, jobs.Failed) and job.ended.ours


def test_a_second_job_is_refused_in_a_sentence_and_the_first_goes_on() -> None:
    def steps():
        yield jobs.Progress(1, 2, "half")

    job = jobs.begin("Bake Video", steps())
    with pytest.raises(InputError, match="Bake Video is still going on"):
        jobs.begin("Bake Video", steps())
    assert jobs.current() is job and job.run() is None
    jobs.begin("Bake Video", steps())


def test_a_worker_waits_for_the_main_thread_instead_of_filling_memory() -> None:
    posted = []

    def work(post) -> None:
        for number in range(10 * jobs.MOST_MESSAGES):
            post(number)
            posted.append(number)

    worker = jobs.Worker(work)
    while len(posted) < jobs.MOST_MESSAGES:
        time.sleep(0.001)
    time.sleep(0.1)
    assert len(posted) <= jobs.MOST_MESSAGES + 1
    assert worker.stop()


def test_stopping_everything_ends_what_goes_on() -> None:
    closed: list[str] = []
    job = jobs.begin("Count", jobs.messages_of(counting(10**9, closed)))
    job.tick(0.0)
    jobs.stop_all()
    assert isinstance(job.ended, jobs.Cancelled) and closed == ["stopped"]
    jobs.stop_all()
