"""A pool of samples is what was asked for, or there is a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the [training] extra")

from inference_core.pose import HeadPose  # noqa: E402
from training import pool  # noqa: E402
from training.face_model import NARROW_VERTICES  # noqa: E402
from training.sample import SAMPLE_SIZE, Sample  # noqa: E402


class GreyFaces:
    """Faces of one point; which of the two sources it stands for is its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def samples(self, count: int, seed: int):
        for _ in range(count):
            yield Sample(np.full((SAMPLE_SIZE, SAMPLE_SIZE, 3), seed % 256, np.uint8),
                         np.zeros((NARROW_VERTICES, 3), np.float32), HeadPose(np.eye(3), 1.0, np.zeros(2), 0.014))


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`make(*options)` is training.pool with sources that draw at once; two samples of portraits, one held out."""
    monkeypatch.setattr(pool, "load_face_model", lambda path: None)
    monkeypatch.setattr(pool, "_source", lambda options, name, split, model: GreyFaces(name))
    (tmp_path / "points.npz").write_bytes(b"one")
    given = ["--face-model", "unused", "--portraits", "unused", "--facemesh", "unused", "--portrait-count", "2",
             "--heldout-count", "1", "-o", str(tmp_path / "pool")]
    return lambda *more: pool.main([*given, *map(str, more)])


def test_a_pool_made_with_other_options_is_refused_and_the_same_one_is_there_already(make, tmp_path, capsys):
    points = tmp_path / "points.npz"
    assert make("--points", points) == 0
    capsys.readouterr()
    assert make("--points", points) == 0
    folders = [tmp_path / "pool" / f"portraits-{split}-1" for split in ("heldout", "train")]
    assert capsys.readouterr().out.splitlines() == [f"{folder}: is there already" for folder in folders]
    before = [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]
    points.rename(tmp_path / "renamed.npz")
    assert make("--points", tmp_path / "renamed.npz") == 0
    points.write_bytes(b"other")
    capsys.readouterr()
    for more, said, folder in ((["--points", points], "points", folders[0]), ([], "points", folders[0]),
                               (["--points", tmp_path / "renamed.npz", "--grade-a"], "grade-a", folders[0]),
                               (["--points", tmp_path / "renamed.npz", "--portrait-count", "3"], "count", folders[1])):
        assert make(*more) == 1
        told = capsys.readouterr().err.strip()
        assert f"{folder}: was made with other options ({said});" in told and "--seed" in told and "\n" not in told
    assert [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())] == before


def test_a_pool_of_renders_is_that_of_its_skins(make, tmp_path, capsys):
    only_renders = ["--render-count", "1", "--textures"]
    assert make(*only_renders, tmp_path / "one") == 0
    assert make(*only_renders, tmp_path / "other") == 1
    assert "renders-heldout-1: was made with other options (textures)" in capsys.readouterr().err


def test_a_pool_of_before_that_does_not_say_what_it_was_made_with_is_taken(make, tmp_path, capsys):
    assert make() == 0
    for notes in (tmp_path / "pool").rglob("pool.json"):
        told = json.loads(notes.read_text())
        notes.write_text(json.dumps({name: told[name] for name in ("source", "count", "seed")}))
    assert make("--grade-a") == 0
    assert capsys.readouterr().out.count("is there already") == 2
    assert make("--portrait-count", "5") == 1
    notes = tmp_path / "pool" / "portraits-heldout-1" / "pool.json"
    notes.write_text("{")
    capsys.readouterr()
    assert make() == 1
    assert str(notes) in capsys.readouterr().err


def test_what_stops_a_pool_is_a_sentence_and_it_is_made_anew_the_next_time(make, tmp_path, monkeypatch, capsys):
    samples = GreyFaces.samples
    folder = tmp_path / "pool" / "portraits-heldout-1"

    def stop(self, count, seed):
        raise KeyboardInterrupt

    def said(code: int, *more: str) -> str:
        capsys.readouterr()
        assert make(*more) == code
        lines = [line for line in capsys.readouterr().err.splitlines() if line.strip() and "samples:" not in line]
        assert len(lines) == 1, lines
        return lines[0]
    with monkeypatch.context() as patch:
        patch.setattr(GreyFaces, "samples", stop)
        assert "stopped" in said(130)
    one = 248 * 248 * 3 + 6706 * 3 * 2 + 13 * 8 + 68 * 2 * 4
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), dict(free=one - 1)))
        told = said(1)
        assert str(folder) in told and "another disk" in told and not list(folder.iterdir())
        patch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), dict(free=2 * one)))
        assert make() == 0 and GreyFaces.samples is samples
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in said(1, "-o", str(tmp_path / "file"))
    with pytest.raises(SystemExit):
        make("--seed", "-1")


def test_made_skins_make_a_pool_without_a_heldout_part(make, tmp_path, capsys):
    skins = tmp_path / "skins"
    skins.mkdir()
    for name in ("made_00", "made_01"):
        (skins / f"{name}.face.jpg").write_bytes(b"")
    assert make("--textures", skins, "--render-count", "1") == 0
    assert f"{skins}: holds skins to learn from alone" in capsys.readouterr().out
    made = {path.name for path in (tmp_path / "pool").iterdir()}
    assert made == {"portraits-heldout-1", "portraits-train-1", "renders-train-1"}
