"""The figures of benchmarks.acting on faces whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="what draws the clips comes with the extra [training]")

from benchmarks.acting import COLUMNS, REST, figures, main, report_of, script, table  # noqa: E402
from inference_core.topology import load_topology  # noqa: E402
from training.scores import LID_PAIRS, LIP_PAIRS  # noqa: E402

TOPOLOGY = load_topology()


def acted(acts, lids=1.0, smile_cm=1.0, jaw_cm=2.0):
    """(n, 68, 3) the mean face doing it; lids: share of a closing that is answered."""
    at_rest = TOPOLOGY.landmarks(TOPOLOGY.mean_canonical).astype(np.float64)
    out = np.repeat(at_rest[None], len(acts), 0)
    for marks, act in zip(out, acts):
        for number, (upper, lower) in enumerate(LID_PAIRS):
            share = act.right if number < 2 else act.left
            marks[upper] += (marks[lower] - marks[upper]) * (1 - share) * lids
        for _, lower in LIP_PAIRS:
            marks[lower, 1] -= jaw_cm * act.jaw
        marks[48, 0] -= smile_cm * act.smile / 2
        marks[54, 0] += smile_cm * act.smile / 2
    return out


def test_the_truth_is_followed_wholly_and_the_script_does_all_that_is_measured():
    acts = script()
    told = figures(acted(acts), acted(acts), acts)
    assert set(told) == set(COLUMNS)
    assert all(told[name] == pytest.approx(1) for name in told if name.startswith(("r ", "slope ")))
    for name, most in (("shut eyes, % left", 10), ("winks, % left", 5)):
        assert told[name] == pytest.approx(told[f"{name} in truth"]) and told[name] < most
    assert told["smiles, % of the true widening"] == pytest.approx(100)
    assert acts[:REST] and all(act.left == act.right == 1 and not act.jaw and not act.smile for act in acts[:REST])


def test_timid_lids_and_smiles_are_told_and_so_is_the_size_of_a_face_that_does_not_matter():
    acts = script()
    told = figures(2.5 * acted(acts, lids=0.8, smile_cm=0.7), acted(acts), acts)
    assert told["slope left lid"] == pytest.approx(0.8) and told["r left lid"] == pytest.approx(1)
    assert 20 < told["shut eyes, % left"] < 25 and 20 < told["winks, % left"] < 25
    assert told["smiles, % of the true widening"] == pytest.approx(70)
    assert told["slope lips"] == pytest.approx(1)


def test_of_several_people_the_mean_and_the_worst_are_told_and_what_is_missed_by_name():
    good = {name: 1.0 for name in COLUMNS} | {"smiles, % of the true widening": 98.0}
    bad = good | {"r left lid": 0.7, "winks, % left": 30.0}
    report = report_of([{"raw": good, "smoothed": good}, {"raw": bad, "smoothed": good}], "some")
    assert report["mean"]["raw"]["winks, % left"] == 15.5 and report["worst"]["raw"]["winks, % left"] == 30
    assert report["worst"]["raw"]["r left lid"] == 0.7 and report["worst"]["smoothed"]["r left lid"] == 1
    missed = [line.split("MISSED")[1].strip() for line in table(report).splitlines() if "MISSED" in line]
    wide = good | {"smiles, % of the true widening": 130.0}
    report = report_of([{"raw": good}, {"raw": wide}], "some")
    assert report["worst"]["raw"]["smiles, % of the true widening"] == 130
    assert report["within_target"]["smiles, % of the true widening, raw"] is False
    assert missed == ["r left lid, raw", "winks, % left, raw"]


def test_wrong_options_are_one_sentence(tmp_path, capsys):
    known = ["--face-model", str(tmp_path / "none.npz"), "--textures", str(tmp_path)]
    assert main([*known, "--json", str(tmp_path / "no" / "a.json")]) == 1
    assert "there is no folder" in (said := capsys.readouterr().err) and "a.json" in said
    assert main(known) == 1
    error = capsys.readouterr().err.strip()
    assert "none.npz" in error and "\n" not in error
    with pytest.raises(SystemExit):
        main([*known, "--people", "0"])
