"""Whoever trains and gives a wrong file reads one sentence with its name, not a traceback."""

import numpy as np
import pytest

from benchmarks import detector_box, finding, presence
from inference_core.paths import weights_dir
from training import convert, pool, rebase, shape_basis, stretch, train

DECODER = str(weights_dir() / "lprnet2_decoder.npz")


@pytest.fixture
def face_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A face model of the mean face: what is looked at here fails elsewhere."""
    class Model:
        mirror = np.arange(6706)
    monkeypatch.setattr(train, "load_face_model", lambda path: Model())


def said_once(capsys: pytest.CaptureFixture[str], code: int, *parts: str) -> None:
    said = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert code == 1 and len(said) == 1, said
    assert all(part in said[0] for part in parts), said


@pytest.mark.parametrize("work, arguments, parts", [
    (pool.main, ["--face-model", "nix.npz", "--textures", "nix"], ("nix.npz", "ICT-FaceKit")),
    (shape_basis.main, ["nix", "--face-model", "nix.npz"], ("nix.npz", "ICT-FaceKit")),
    (stretch.main, ["nix", "--pool", "nix", "--basis", "nix.npz", "--face-model", "nix.npz"], ("nix.npz", "training.shape_basis")),
    (convert.main, ["nix", "--basis", DECODER], ("nix", "training.train"))], ids=["pool", "basis", "stretch", "convert"])
def test_a_file_that_is_not_there_is_named_with_what_to_give(work, arguments, parts, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said_once(capsys, work(arguments), *parts)


@pytest.mark.parametrize("changed, parts", [
    ({"--basis": "nix.npz"}, ("nix.npz", "training.shape_basis")),
    ({"--basis": "README.md"}, ("README.md", "shape basis")),
    ({"--pool": "nix"}, ("nix", "training.pool")),
    ({"--pool": "some=much"}, ("much", "some=0.7")),
    ({"--pool": "some=0"}, ("some=0.7",))])
def test_training_refuses_what_it_cannot_use_before_it_begins(changed, parts, face_model, tmp_path, capsys):
    given = {"--minutes": "1", "--face-model": "unused", "--basis": DECODER, "--pool": "nix", "-o": str(tmp_path / "run")} | changed
    said_once(capsys, train.main([text for pair in given.items() for text in pair]), *parts)
    assert not (tmp_path / "run").exists()


def test_a_pool_of_nothing_is_refused(capsys):
    with pytest.raises(SystemExit):
        pool.main(["--face-model", "nix.npz"])
    assert "--portraits" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["--still-stages", "9"], ["--still-stages", "2", "--network", "lprnet"]])
def test_stages_that_cannot_rest_are_refused(given, capsys):
    with pytest.raises(SystemExit):
        train.main(["--minutes", "1", "--face-model", "x", "--basis", DECODER, "--pool", "x", "-o", "x", *given])
    assert "--still-stages" in capsys.readouterr().err


def test_a_file_that_is_no_checkpoint_is_not_gone_on_with(tmp_path, capsys):
    (tmp_path / "cut.npz").write_bytes(open(DECODER, "rb").read()[:5000])
    for wrong in (DECODER, str(tmp_path / "cut.npz")):
        said_once(capsys, rebase.main([wrong, "--minutes", "5", "-o", str(tmp_path / "new.npz")]), wrong, "checkpoint.npz")
    assert not (tmp_path / "new.npz").exists()


@pytest.mark.parametrize("work", [finding.main, presence.main, detector_box.main])
def test_a_benchmark_refuses_what_is_no_pool(work, tmp_path, capsys):
    with pytest.raises(SystemExit):
        work([str(tmp_path / "nix")])
    assert "training.pool" in capsys.readouterr().err
