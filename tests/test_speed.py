"""The speed report: calls take turns, ratios are of medians, what is missing is said in one sentence."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import speed

needs_facemesh = pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None,
                                    reason="FaceMesh's network comes with the mediapipe wheel: make training-environment")


def test_calls_take_turns_and_each_has_its_own_times() -> None:
    order: list[str] = []

    def call(name: str, seconds: float) -> None:
        order.append(name)
        time.sleep(seconds)

    times = speed.time_calls({"a": lambda: call("a", 0), "b": lambda: call("b", 0.003)}, 6)
    assert order == ["a", "b"] * (speed.WARM_UP + 6)
    assert times["a"].shape == times["b"].shape == (6,)
    assert 3 <= np.median(times["b"]) and np.median(times["a"]) < np.median(times["b"])


@pytest.mark.parametrize(("file_ms", "whole_ms", "kept"), [(2.0, 2.9, True), (2.0, 3.1, False), (2.1, 2.9, False)])
def test_the_limits_are_ratios_of_medians_and_count_for_the_default_network(file_ms: float, whole_ms: float,
                                                                           kept: bool) -> None:
    rows = {speed.FACEMESH: [2.0, 1.0, 90.0], "new, file alone": [file_ms] * 3, "new, predict": [whole_ms, 0.1, 50.0],
            "old, file alone": [9.0] * 3, "old, predict": [9.0] * 3}
    report = speed.report_of({name: np.array(values) for name, values in rows.items()})
    assert report["within_limit"] is kept and report["rounds"] == 3
    assert report["rows"]["new, predict"]["times_facemesh"] == pytest.approx(whole_ms / 2)
    assert report["rows"]["old, predict"]["times_facemesh"] == pytest.approx(4.5)
    report["seconds"] = {"import": 0.1, "first": None}
    said = speed.table(report)
    assert ("keeps" if kept else "EXCEEDS") in said and "scikit-image is not installed" in said


@needs_facemesh
def test_a_weights_folder_is_measured(tiny_weights: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    monkeypatch.setattr(speed, "STARTS", 1)
    assert speed.main(["--rounds", "20", "--json", str(tmp_path / "speed.json")]) == 0
    report = json.loads((tmp_path / "speed.json").read_text())
    assert list(report["rows"]) == [speed.FACEMESH, "lprnet2 64 px, file alone", "lprnet2 64 px, predict",
                                    "lprnet 128 px, file alone", "lprnet 128 px, predict"]
    assert all(row["ms"] > 0 for row in report["rows"].values())
    assert 0 < report["seconds"]["import inference_core"] < 5
    assert "x FaceMesh" in capsys.readouterr().out


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("keras", reason="training needs the [training] extra")
    assert speed.main(["--json", str(tmp_path / "none" / "speed.json")]) == 1
    assert "its folder does not exist" in capsys.readouterr().err

    def missing() -> Path:
        raise FileNotFoundError("pip install mediapipe")
    monkeypatch.setattr("training.encoder.facemesh_weights_file", missing)
    assert speed.main([]) == 1
    said = capsys.readouterr().err.strip()
    assert "pip install mediapipe" in said and "\n" not in said


def test_a_new_process_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference_core.errors import EngineError
    monkeypatch.setattr(speed, "STARTS", 1)
    with pytest.raises(EngineError, match="No module named 'nothing_of_this_name'"):
        speed.time_start("import nothing_of_this_name")
