"""What a user may rely on: only what libraries write is kept from the screen, and afterwards everything is seen again."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference_core.quiet import ERRORS, OUTPUT, quiet


@pytest.mark.parametrize("stream", [OUTPUT, ERRORS])
def test_what_is_written_inside_is_not_seen_and_what_is_written_around_is(capfd, stream) -> None:
    os.write(stream, b"before ")
    with quiet(stream):
        os.write(stream, b"inside ")
        with quiet(stream):
            os.write(stream, b"deeper ")
        os.write(stream, b"still inside ")
    os.write(stream, b"after")
    assert capfd.readouterr()[stream - 1] == "before after"


def test_two_that_overlap_are_silent_until_both_are_done_and_no_longer(capfd) -> None:
    """As in threads: the first one in is the first one out."""
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    os.write(ERRORS, b"the second is still at work ")
    second.__exit__(None, None, None)
    os.write(ERRORS, b"after")
    assert capfd.readouterr().err == "after"


def test_many_threads_leave_the_screen_and_the_open_files_as_they_were(capfd) -> None:
    def one(_: int) -> None:
        with quiet():
            os.write(ERRORS, b"x")

    before = os.fstat(ERRORS)
    probe = os.dup(ERRORS)
    os.close(probe)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(2000)))
    after = os.fstat(ERRORS)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    again = os.dup(ERRORS)
    os.close(again)
    assert again == probe                   # the lowest number that is free: nothing was left open
    os.write(ERRORS, b"seen")
    assert capfd.readouterr().err == "seen"


def test_an_error_inside_comes_through_and_the_screen_comes_back(capfd) -> None:
    with pytest.raises(KeyError), quiet():
        raise KeyError("mine")
    os.write(ERRORS, b"seen")
    assert capfd.readouterr().err == "seen"


@pytest.mark.skipif(sys.platform == "win32", reason="closes a file as Unix numbers them")
def test_a_program_without_a_standard_error_goes_on() -> None:
    code = ("import os\nfrom inference_core.quiet import quiet\nos.close(2)\nwith quiet(), quiet():\n    pass\n"
            "try:\n    os.fstat(2)\nexcept OSError:\n    print('closed as before')\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
                          cwd=Path(__file__).resolve().parent.parent)
    assert (done.returncode, done.stdout) == (0, "closed as before\n")
