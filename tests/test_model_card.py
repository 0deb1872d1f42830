"""The model card says what was measured: its tables are the scores of weights.json, and its licences those of NOTICE."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inference_core.weights import load_cards
from training.model_card import BEGIN, END, main, with_tables

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    shutil.copytree(tiny_weights, folder)
    (folder / "MODEL_CARD.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setenv("LPRNET_WEIGHTS", str(folder))
    return folder


def test_scores_go_onto_the_card_and_into_the_tables(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "photos.json"
    report.write_text(json.dumps({"helen": {"n": 3, "nme68": 3.14159, "nme51": 2.5, "over10": 0.0, "lip_corr": None},
                                  "nonface": {"n": 5, "false_alarms": None}}))
    assert main(["--network", "lprnet2", "--photos", str(report)]) == 0
    text = (folder / "MODEL_CARD.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| helen | 3.14 | 2.50 | 0.00 |" in text and "nonface" not in text
    assert load_cards(folder)["lprnet2"].scores["photos"]["helen"]["nme68"] == 3.14159
    assert main([]) == 0
    assert (folder / "MODEL_CARD.md").read_text() == text


def test_what_is_measured_beside_others_by_group_in_clips_and_on_another_head_gets_its_tables(folder: Path,
                                                                                             tmp_path: Path) -> None:
    def seen(nme: float, found: float = 100.0) -> dict:
        bands = {"0-30": {"nme68": nme}, "30-60": {"nme68": nme + 1}, "60-90": {"nme68": None}}
        return {"n": 9, "nme68": nme, "nme51": nme / 2, "found": found, "nme68_band_mean": nme + 2,
                "nme68_3d_band_mean": nme + 3, "bands": bands}
    files = {
        "accuracy": {"points": {"lprnet2": {"aflw": seen(4.0)}, "lprnet": {"aflw": seen(9.0)}, "FaceMesh": {"aflw": seen(6.0, 90.0)}},
                     "groups": {"some": {"lprnet2": {"all": dict(n=4, found=100.0, distance=1.5, worse=1.0)},
                                         "lprnet": {"all": dict(n=4, found=50.0, distance=3.0, worse=1.0)}}}},
        "acting": {"network": "lprnet2", "people": 2, "mean": {"raw": {"r lips": 0.97}, "smoothed": {"r lips": 0.98}},
                   "worst": {"raw": {"r lips": 0.5}, "smoothed": {"r lips": 0.6}}, "within_target": {}},
        "other-head": {"0-30": {"n": 7, "mesh": 5.25}, "at best": 2.5},
        "glasses": {"0-45": {"n": 3, "wink_left": 12.5}}}
    given = []
    for kind, report in files.items():
        (tmp_path / f"{kind}.json").write_text(json.dumps(report))
        given += [f"--{kind}", str(tmp_path / f"{kind}.json")]
    assert main(["--network", "lprnet2", *given]) == 0
    assert main(["--network", "lprnet", "--acting", str(tmp_path / "acting.json")]) == 1      # it is of the other
    text = (folder / "MODEL_CARD.md").read_text()
    for row in ("| lprnet2 | 4.00 / 2.00 |", "| FaceMesh | 6.00 / 3.00, 10 % not found |",
                "| FaceMesh | 6.00 | 7.00 |  | 8.00 | 9.00 |", "| all | 4 | 100.00 | 1.50 | 1.00 |", "| r lips | 0.97 (0.50) | 0.98 (0.60) |",
                "| 0-30 | 7 | 5.25 |", "| 0-45 | 3 |"):
        assert row in text, row
    assert "9.00 / 4.50" not in text and "50.00" not in text and "12.50" in text      # the other network's are its own


def test_what_is_no_report_changes_nothing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.json"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for content in (None, "{", "[1]", '{"helen": 3}'):
        if content is not None:
            bad.write_text(content)
        for kind in ("photos", "accuracy", "acting", "other-head"):
            assert main(["--network", "lprnet2", f"--{kind}", str(bad)]) == 1
            said = capsys.readouterr().err.strip()
            assert said.startswith(str(bad)) and "\n" not in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_card_without_marks_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "MODEL_CARD.md").write_text("no marks")
    assert main([]) == 1
    assert "MODEL_CARD.md" in capsys.readouterr().err and (folder / "MODEL_CARD.md").read_text() == "no marks"


def test_the_shipped_card_holds_the_shipped_scores(shipped_weights: Path) -> None:
    text = (shipped_weights / "MODEL_CARD.md").read_text(encoding="utf-8")
    cards = load_cards(shipped_weights)
    assert with_tables(text, cards) == text
    assert set(cards) == {"lprnet2", "lprnet"} and next(iter(cards)) == "lprnet2"
    assert all({"photos", "captured", "beside", "groups", "renders", "speed"} <= set(card.scores) for card in cards.values())
    assert {"glasses", "acting", "other_head"} <= set(cards["lprnet2"].scores)


def test_notice_names_the_licence_of_every_shipped_network(shipped_weights: Path) -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    for name, card in load_cards(shipped_weights).items():
        found = re.search(rf"^weights/{re.escape(name)}\.\*\s+(\S+)", notice, re.MULTILINE)
        assert found and found[1] == card.license, name


def test_all_shipped_networks_together_stay_small(shipped_weights: Path) -> None:
    assert sum(file.bytes for card in load_cards(shipped_weights).values() for file in card.files.values()) < 32e6


STAND_IN = """#!/bin/bash
printf '%s\\x1f' "$@" >> "$TOLD"; printf '\\n' >> "$TOLD"
"""
GIT = """#!/bin/bash
[ "$1" != worktree ] || mkdir "$3"
"""


def test_every_command_of_the_card_is_one_that_its_program_takes_a_second_time_too(
        shipped_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow", reason="training needs the [training] extra")
    text = (shipped_weights / "MODEL_CARD.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    (tmp_path / "there" / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for path, content in (("there/.venv/bin/python", STAND_IN), ("bin/git", GIT), ("bin/make", "#!/bin/bash\n")):
        (tmp_path / path).write_text(content)
        (tmp_path / path).chmod(0o755)
    told = tmp_path / "told"
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TOLD": str(told)}
    for _ in range(2):
        subprocess.run(["bash", "-euc", script], cwd=tmp_path / "there", env=environment, check=True)
    commands = [line.split("\x1f")[:-1] for line in told.read_text().splitlines()]
    assert len(commands) > 50 and commands[:len(commands) // 2] == commands[len(commands) // 2:]

    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_alone(self, arguments=None, namespace=None):
        parse(self, arguments, namespace)
        raise Parsed
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_alone)
    for dash_m, module, *arguments in commands[:len(commands) // 2]:
        assert dash_m == "-m"
        with pytest.raises(Parsed):
            importlib.import_module(module).main(arguments)
