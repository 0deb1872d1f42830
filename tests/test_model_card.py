"""The model card says what was measured: its tables are the scores of weights.json, and its licences those of NOTICE."""

from __future__ import annotations

import json
import re
import shutil
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


def test_what_is_no_report_changes_nothing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.json"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for content in (None, "{", "[1]", '{"helen": 3}'):
        if content is not None:
            bad.write_text(content)
        assert main(["--network", "lprnet2", "--photos", str(bad)]) == 1
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
    assert all({"photos", "captured", "renders", "speed"} <= set(card.scores) for card in cards.values())


def test_notice_names_the_licence_of_every_shipped_network(shipped_weights: Path) -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    for name, card in load_cards(shipped_weights).items():
        found = re.search(rf"^weights/{re.escape(name)}\.\*\s+(\S+)", notice, re.MULTILINE)
        assert found and found[1] == card.license, name


def test_all_shipped_networks_together_stay_small(shipped_weights: Path) -> None:
    assert sum(file.bytes for card in load_cards(shipped_weights).values() for file in card.files.values()) < 32e6


def test_the_commands_of_the_card_can_be_given_a_second_time(shipped_weights: Path) -> None:
    text = (shipped_weights / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert re.findall(r"mkdir (\S+)", text) and set(re.findall(r"mkdir (\S+)", text)) == {"-p"}
