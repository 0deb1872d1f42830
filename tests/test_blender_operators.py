"""The button in Blender: registered, unregistered, pressed with a photo and with a file that is none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blender_told import told_by

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def told(run_blender: Callable[..., subprocess.CompletedProcess[str]], astronaut_png: Path, tiny_weights: Path,
         tmp_path_factory: pytest.TempPathFactory) -> dict:
    no_picture = tmp_path_factory.mktemp("bad") / "letter.jpg"
    no_picture.write_text("Dear reader")
    done = run_blender(HERE / "blender_operators.py", astronaut_png, no_picture, weights=tiny_weights)
    return told_by(done)


def test_the_add_on_comes_and_goes_without_a_trace(told: dict) -> None:
    assert not told["before"]
    assert told["after_register"]
    assert told["menu_grew"] == 1
    assert not told["after_unregister"]
    assert told["menu_left"] == 0


def test_a_file_that_is_no_picture_is_reported_and_adds_nothing(told: dict) -> None:
    answer = told["no_picture"]["answer"]
    assert "letter.jpg" in answer
    assert "Traceback" not in answer
    assert told["no_picture"]["new"] == []


def test_a_photo_becomes_the_active_object(told: dict) -> None:
    assert told["photo"]["answer"] == ["FINISHED"]
    assert told["photo"]["new"] == ["astronaut"]
    assert told["photo"]["active"] == "astronaut"
    assert told["photo"]["texture"] == [512]


def test_the_button_is_off_outside_object_mode(told: dict) -> None:
    assert told["poll_in_edit_mode"] is False
