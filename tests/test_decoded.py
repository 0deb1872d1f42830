"""On Windows OpenCV opens no path with letters outside the code page: nothing of the training asks it to."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the [training] extra")

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model" / "face_model.npz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Häute 皮"
    folder.mkdir()
    return folder


@pytest.fixture
def picture(folder: Path) -> np.ndarray:
    """(64, 64, 3) uint8 BGR; as 0.png, a.face.jpg and a.head.jpg it lies in the folder."""
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), (0, 0), 3)
    for name in ("0.png", "a.face.jpg", "a.head.jpg"):
        (folder / name).write_bytes(cv2.imencode(Path(name).suffix, picture)[1].tobytes())
    return picture


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch):
    """What OpenCV says there of such a path."""
    as_here = cv2.imread
    monkeypatch.setattr(cv2, "imread", lambda *given: None)
    monkeypatch.setattr(cv2, "imwrite", lambda *given: False)
    return as_here


def test_skins_are_read_from_any_path_as_opencv_reads_them(folder, picture, windows) -> None:
    from training.skins import GAMMA, load_skins
    skin, = load_skins(folder, "train")
    seen = windows(str(folder / "a.face.jpg"))[..., ::-1]
    np.testing.assert_array_equal(skin.face, ((seen / np.float32(255)) ** np.float32(GAMMA)).astype(np.float32))
    (folder / "a.head.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="a.head.jpg: cannot be read as a picture"):
        load_skins(folder, "train")


def test_the_weight_mask_of_the_original_is_read_from_any_path(folder, picture, windows) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow trains")
    from training.train_original import LPRNET_SIZE, open_maps
    (folder / "samples.json").write_text(json.dumps(dict(done=True, yaw_deg=[0.0])))
    for name, kind in (("images", np.uint8), ("maps", np.uint16)):
        np.save(folder / f"{name}.npy", np.zeros((1, LPRNET_SIZE, LPRNET_SIZE, 3), kind))
    mask = open_maps(folder, folder / "0.png").mask
    grey = windows(str(folder / "0.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(mask, cv2.resize(grey, mask.shape, interpolation=cv2.INTER_AREA))


def test_the_pictures_for_mediapipe_are_read_from_any_path(folder, picture, windows, monkeypatch) -> None:
    seen = []

    class FaceMesh:
        def __init__(self, **options) -> None: ...
        def __enter__(self): return self
        def __exit__(self, *given) -> None: ...

        def process(self, image):
            seen.append(image)
            return SimpleNamespace(multi_face_landmarks=None)
    stand_in = SimpleNamespace(solutions=SimpleNamespace(face_mesh=SimpleNamespace(FaceMesh=FaceMesh)))
    monkeypatch.setitem(sys.modules, "mediapipe", stand_in)
    monkeypatch.delitem(sys.modules, "training.mediapipe_points", raising=False)
    importlib.import_module("training.mediapipe_points").main(folder)
    monkeypatch.delitem(sys.modules, "training.mediapipe_points")
    np.testing.assert_array_equal(seen[0], picture[..., ::-1])


@pytest.mark.skipif(not FACE_MODEL.is_file(), reason="needs the face model in ../shared")
def test_skins_are_made_and_sheets_written_at_any_path(folder, windows, monkeypatch) -> None:
    pytest.importorskip("numba", reason="rendering needs the [training] extra")
    from training import made_skins, portraits, rendering
    assert made_skins.main(["--face-model", str(FACE_MODEL), "--count", "1", "-o", str(folder)]) == 0
    assert windows(str(folder / "made_00.face.jpg")).shape == (512, 512, 3)
    sheet = np.dstack([np.full((8, 8), value, np.uint8) for value in (200, 100, 50)])
    monkeypatch.setattr(rendering, "RenderSource", lambda *given: None)
    monkeypatch.setattr(portraits, "PortraitSource", lambda *given, **options: type("", (list,), dict(dropped=0))())
    given = ["--face-model", str(FACE_MODEL), "--sheet", str(folder / "sheet.png")]
    for module, more in ((rendering, ["--textures", "x"]), (portraits, ["x", "--facemesh", "x"])):
        (folder / "sheet.png").unlink(missing_ok=True)
        monkeypatch.setattr(module, "contact_sheet", lambda *given: sheet)
        assert module.main([*given, *more]) == 0
        np.testing.assert_array_equal(windows(str(folder / "sheet.png"))[..., ::-1], sheet)
