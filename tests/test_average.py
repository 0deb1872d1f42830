"""Runs of one origin become one network: the mean of their weights."""

import json

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs the [training] extra")

from training import networks                   # noqa: E402
from training.average import main               # noqa: E402

OPTIONS = dict(network="lprnet2", basis="basis.npz", crop_side=1.35)


def run_of(folder, seed, size=64, crop_side=1.35):
    folder.mkdir()
    model, rng = networks.build("lprnet2", size), np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    model.save(folder / "averaged.keras")
    (folder / "options.json").write_text(json.dumps(dict(OPTIONS, size=size, seed=seed, crop_side=crop_side)))
    (folder / "log.jsonl").write_text("{}\n")
    return model


def test_the_mean_of_two_runs_is_written_beside_the_notes_of_the_last(tmp_path):
    import keras
    one, other = run_of(tmp_path / "one", 1), run_of(tmp_path / "other", 2)
    assert main([str(tmp_path / "one"), str(tmp_path / "other"), "-o", str(tmp_path / "both")]) == 0
    both = keras.models.load_model(tmp_path / "both" / "averaged.keras", compile=False)
    for mean, a, b in zip(both.get_weights(), one.get_weights(), other.get_weights()):
        np.testing.assert_allclose(mean, (a + b) / 2, atol=1e-7)
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["averaged.keras", "log.jsonl", "options.json"]
    assert json.loads((tmp_path / "both" / "options.json").read_text())["seed"] == 2


def test_runs_of_two_crops_make_a_network_of_the_crop_between(tmp_path):
    for name, side in (("one", 1.35), ("other", 1.22)):
        run_of(tmp_path / name, 1, crop_side=side)
    assert main([str(tmp_path / "one"), str(tmp_path / "other"), "-o", str(tmp_path / "both")]) == 0
    assert json.loads((tmp_path / "both" / "options.json").read_text())["crop_side"] == 1.285


def test_runs_that_do_not_belong_together_are_refused_in_a_sentence(tmp_path, capsys):
    run_of(tmp_path / "one", 1)
    run_of(tmp_path / "larger", 2, 96)
    for other, said in (("larger", "size"), ("none", "averaged.keras")):
        capsys.readouterr()
        assert main([str(tmp_path / "one"), str(tmp_path / other), "-o", str(tmp_path / "both")]) != 0
        assert said in capsys.readouterr().err
    assert not (tmp_path / "both").exists()
    before = (tmp_path / "one" / "averaged.keras").read_bytes()
    assert main([str(tmp_path / "one"), str(tmp_path / "one"), "-o", str(tmp_path / "one")]) == 1
    assert (tmp_path / "one" / "averaged.keras").read_bytes() == before
