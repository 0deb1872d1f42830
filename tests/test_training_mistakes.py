"""Whoever trains and gives a wrong file reads one sentence with its name, not a traceback."""

import json
import os

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


@pytest.fixture
def no_pool(face_model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything drawn from a pool."""
    monkeypatch.setattr(train, "open_pool", lambda path: None)
    monkeypatch.setattr(train, "Dataset", lambda *given: None)


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


@pytest.mark.parametrize("changed, said", [
    ({"--basis": "copy.npz"}, "--basis"), ({"--crop-side": "1.5"}, "--crop-side 1.35, not 1.5"),
    ({"--size": "96"}, "--size 64, not 96"), ({"--network": "lprnet"}, "--network lprnet2, not lprnet")])
def test_a_checkpoint_is_gone_on_with_only_by_the_options_that_its_weights_mean_something_by(
        changed, said, no_pool, tmp_path, monkeypatch, capsys):
    os.symlink(DECODER, tmp_path / "basis.npz")
    (tmp_path / "copy.npz").write_bytes(open(DECODER, "rb").read())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.npz").write_bytes(b"")
    trained = dict(network="lprnet2", basis="basis.npz", size=64, crop_side=1.35)
    (tmp_path / "run" / "options.json").write_text(json.dumps(trained))
    monkeypatch.chdir(tmp_path)
    loaded = []
    monkeypatch.setattr(train.Trainer, "load", lambda self, *given: loaded.append(given))
    monkeypatch.setattr(train, "run", lambda *given: None)
    given = {"--minutes": "1", "--face-model": "unused", "--basis": str(tmp_path / "basis.npz"), "--pool": "nix",
             "--size": "64", "-o": "run"}
    words = lambda of: [*(text for pair in of.items() for text in pair), "--cold"]  # noqa: E731
    said_once(capsys, train.main(words(given | changed)), "run", said, "another output folder")
    assert not loaded
    if "--size" in changed:             # spelled otherwise it is the same, and an old run may not tell all
        for notes in (None, '{"network": "lprnet2"}'):
            if notes:
                (tmp_path / "run" / "options.json").write_text(notes)
            assert train.main(words(given)) == 0 and loaded.pop()


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


def cut(content: bytes) -> bytes:
    return content[:len(content) // 2]


@pytest.mark.parametrize("content", [b"", cut(open(DECODER, "rb").read()), b"no zip at all"],
                         ids=["empty", "cut", "none"])
def test_a_damaged_checkpoint_is_named_before_training_goes_on(content, no_pool, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.npz").write_bytes(content)
    code = train.main(["--minutes", "1", "--face-model", "x", "--basis", DECODER, "--pool", "x", "--cold",
                       "--size", "64", "-o", str(tmp_path / "run")])
    said_once(capsys, code, str(tmp_path / "run" / "checkpoint.npz"), "remove it")


def test_training_says_in_a_sentence_what_is_missing_or_cannot_be_written(no_pool, tmp_path, monkeypatch, capsys):
    given = ["--minutes", "1", "--face-model", "x", "--basis", DECODER, "--pool", "x", "--cold", "--size", "64", "-o"]
    (tmp_path / "file").write_text("")
    said_once(capsys, train.main([*given, str(tmp_path / "file")]), str(tmp_path / "file"), "choose another")
    (tmp_path / "run" / "options.json").mkdir(parents=True)     # as little can be written there as on a full disk
    said_once(capsys, train.main([*given, str(tmp_path / "run")]), "options.json")

    def stop(*given):
        raise KeyboardInterrupt
    monkeypatch.setattr(train, "label_mesh", stop)
    assert train.main([*given, str(tmp_path / "new")]) == 130 and "stopped" in capsys.readouterr().err
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tmp_path / "nix"))
    said_once(capsys, train.main([*given, str(tmp_path / "new")]), str(tmp_path / "nix"))
    with pytest.raises(SystemExit):
        train.main([*given, str(tmp_path / "new"), "--seed", "-1"])
    assert "from 0 to" in capsys.readouterr().err


@pytest.mark.parametrize("work", [finding.main, presence.main, detector_box.main])
def test_a_benchmark_refuses_what_is_no_pool(work, tmp_path, capsys):
    with pytest.raises(SystemExit):
        work([str(tmp_path / "nix")])
    assert "training.pool" in capsys.readouterr().err
