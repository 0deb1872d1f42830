"""Skins made from nothing can be trained on in the place of others' skins."""

from pathlib import Path

import pytest

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model"
needs_model = pytest.mark.skipif(not (FACE_MODEL / "face_model.npz").is_file(),
                                 reason="needs the face model in ../shared/face_model")
import pytest


@needs_model
def test_made_skins_are_skins_from_light_to_dark_and_the_same_seed_makes_the_same(tmp_path, capsys):
    from training.made_skins import main
    from training.skins import load_skins
    for folder in ("one", "two"):
        assert main(["--face-model", str(FACE_MODEL / "face_model.npz"), "--count", "6", "-o", str(tmp_path / folder)]) == 0
    skins = load_skins(tmp_path / "one", "train")
    assert len(skins) == 6 and max(s.brightness for s in skins) > 2 * min(s.brightness for s in skins)
    for skin in skins:
        assert skin.face.shape == skin.head.shape == (512, 512, 3)
        red, green, blue = skin.face.mean((0, 1))
        assert red > green > blue
    for one in sorted((tmp_path / "one").iterdir()):
        assert one.read_bytes() == (tmp_path / "two" / one.name).read_bytes()


@needs_model
def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    from training.made_skins import main
    (tmp_path / "file").write_text("")
    assert main(["--face-model", str(FACE_MODEL / "face_model.npz"), "-o", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
