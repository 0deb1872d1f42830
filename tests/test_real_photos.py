"""The shipped default network on real photos, as a user gets it: detector, two passes, nothing told beforehand.

The bounds are loose: they hold that nothing is broken. The scores are on the model card.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training import evaluate


@pytest.fixture(scope="module")
def measured(shared_dir: Path, shipped_weights: Path, tmp_path_factory: pytest.TempPathFactory):
    """`measured(source)`: the scores of one source of annotated photos."""

    def measure(source: str) -> dict:
        folder, file = shared_dir / "eval_photos" / source, tmp_path_factory.mktemp("scores") / "scores.json"
        if not folder.is_dir():
            pytest.skip(f"shared/eval_photos/{source} is not there")
        assert not evaluate.main([str(folder), "--crop", "detector", "--json", str(file)])
        return json.loads(file.read_text())[source]

    return measure


def test_faces_are_found_and_their_landmarks_lie_on_them(measured) -> None:
    scores = measured("lfpw")
    assert scores["found"] >= 95 and scores["nme68"] < 4.5
    assert scores["lip_corr"] > 0.8 and scores["width_corr"] > 0.8 and scores["eye_corr"] > 0.6


def test_turned_faces_are_followed(measured) -> None:
    assert measured("aflw2000")["nme68_band_mean"] < 8


def test_what_is_no_face_raises_few_alarms(measured) -> None:
    scores = measured("nonface")
    assert scores["false_alarms"] <= 0.06 * scores["n"]
