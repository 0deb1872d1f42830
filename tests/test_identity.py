"""How much of what people differ in is seen: known answers give known numbers, wherever and however large they are."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="rendering needs the [training] extra")
pytest.importorskip("tqdm", reason="training needs the [training] extra")

from benchmarks.identity import differences, main          # noqa: E402
from inference_core.pose import rotation_from_angles       # noqa: E402


def people(depth: int):
    rng = np.random.default_rng(2)
    mean, own = rng.normal(0, 5, (200, depth)), rng.normal(0, 0.05, (30, 200, depth))
    return mean, own, np.full(30, 10.0)


@pytest.mark.parametrize("depth", [2, 3])
def test_an_answer_of_half_the_differences_has_slope_a_half_wherever_it_lies(depth):
    mean, own, size = people(depth)
    turn = rotation_from_angles(0, 0, 20)[:depth, :depth]
    row = differences(mean + own, 3 * (mean + 0.5 * own) @ turn.T + 7, size)
    assert row["r"] == pytest.approx(1, abs=0.01) and row["slope"] == pytest.approx(0.5, abs=0.01)
    assert row["off"] == pytest.approx(row["differ"] / 2, rel=0.02)


def test_the_mean_face_for_everybody_sees_nothing():
    mean, own, size = people(3)
    noise = np.random.default_rng(5).normal(0, 1e-4, own.shape)
    row = differences(mean + own, mean + noise, size)
    assert abs(row["r"]) < 0.1 and abs(row["slope"]) < 0.01 and row["off"] == pytest.approx(row["differ"], rel=0.01)


def test_what_is_missing_is_said_in_one_sentence(tmp_path, capsys):
    assert main(["--face-model", str(tmp_path / "none.npz"), "--textures", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip()
    assert said and "\n" not in said
