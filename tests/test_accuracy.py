"""The comparison with FaceMesh: same photos, same measures, one table; groups of people beside the mean of all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from benchmarks import accuracy, accuracy_groups
from inference_core.errors import InputError
from training import evaluate, mediapipe_mesh
from training.annotated_photos import read_sources
from training.mediapipe_mesh import IBUG, mediapipe_points

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model"
needs_model = pytest.mark.skipif(not (FACE_MODEL / "face_model.npz").is_file(),
                                 reason="needs the face model in ../shared/face_model")
SIDE = 200
RNG = np.random.default_rng(3)
FACE = np.concatenate([[[60.0, 60], [140, 140]], RNG.uniform(60, 140, (66, 2))])        # a box of 80 x 80


def photos(folder: Path, entries: list[dict]) -> Path:
    folder.mkdir(parents=True)
    for number, entry in enumerate(entries):
        entry |= {"file": f"{number}.png", "size": [SIDE, SIDE]}
        cv2.imwrite(str(folder / entry["file"]), np.full((SIDE, SIDE, 3), number, np.uint8))
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder.parent


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ours answers 8 pixels aside, 10 % of the face."""
    fake = SimpleNamespace(engine="litert", input_size=9, card=SimpleNamespace(name="ours"))
    monkeypatch.setattr(accuracy, "load_cards", lambda: ["ours"])
    monkeypatch.setattr(accuracy, "load_network", lambda name: fake)
    monkeypatch.setattr(accuracy, "find_python", lambda given: Path(sys.executable))
    face = SimpleNamespace(landmarks_image=np.c_[FACE + [8, 0], np.zeros(68)].astype(np.float32))
    monkeypatch.setattr(evaluate, "capture_crop", lambda *_, **__: face)


def test_both_are_measured_alike_and_a_missed_face_is_said(network, tmp_path, monkeypatch, capsys) -> None:
    folder = photos(tmp_path / "photos" / "aflw", [{"points": FACE.tolist(), "yaw": yaw, "z": [0.0] * 68}
                                                  for yaw in (0, 40, 80, 80)])

    def theirs(python, title, pictures):
        # twice the face in 512 pixels, so 3.2 for one of the photo; off by 4 pixels, 5 %
        assert all(picture.shape == (512, 512, 3) for picture in pictures)
        out = np.zeros((len(pictures), 478, 3))
        out[:, IBUG, :2] = (FACE + [0, 4] - [100, 100]) * 3.2 + 255.5
        out[3] = np.nan
        return out
    monkeypatch.setattr(accuracy, "mediapipe_points", theirs)
    written = tmp_path / "accuracy.json"
    assert accuracy.main([str(folder), "--json", str(written)]) == 0
    report = json.loads(written.read_text())["points"]
    assert report["ours"]["aflw"]["nme68"] == pytest.approx(10, abs=1e-4) and report["ours"]["aflw"]["found"] == 100
    assert report["FaceMesh"]["aflw"]["nme68"] == pytest.approx(5, abs=1e-4)
    assert report["FaceMesh"]["aflw"]["found"] == 75
    assert report["FaceMesh"]["aflw"]["nme68_3d_band_mean"] == pytest.approx(5, abs=1e-4)
    lines = capsys.readouterr().out.splitlines()
    assert "10.00 / 10.00" in next(line for line in lines if line.startswith("ours"))
    assert "5.00 / 5.00 25 % lost" in next(line for line in lines if line.startswith("FaceMesh"))
    assert sum("mean of bands" in line for line in lines) == 1


def test_a_group_is_judged_by_the_mean_of_all(network, tmp_path, monkeypatch, capsys) -> None:
    people = [{"points": None, "age": age, "gender": gender, "race": "other"}
              for age, gender in ((5, "female"), (30, "female"), (39, "male"), (40, "male"))]
    folder = photos(tmp_path / "photos" / "people", people)
    mesh = np.random.default_rng(0).uniform(150, 250, (468, 2))
    mesh[:2] = [[150, 150], [250, 250]]         # a box of 100 x 100 in a picture of 400 x 400

    def faces(picture, options):
        assert picture.shape == (400, 400, 3)
        number = int(picture[0, 0, 0])
        topology = SimpleNamespace(facemesh_points=lambda _: np.c_[mesh + [(4, 1, 1, 2)[number], 0], np.zeros(468)])
        face = SimpleNamespace(box=(150, 150, 250, 250), vertices_image=None, topology=topology)
        corner = SimpleNamespace(box=(0, 0, 90, 90), vertices_image=None, topology=None)
        return [corner] if number == 3 else [corner, face]
    monkeypatch.setattr(accuracy_groups, "capture_faces", faces)
    monkeypatch.setattr(accuracy_groups, "mediapipe_points", lambda python, title, pictures: np.tile(
        np.c_[np.r_[mesh, mesh[:10]], np.zeros(478)], (4, 1, 1)))
    monkeypatch.setattr(accuracy_groups, "averaged_points", lambda pictures, single, partners, python: (single, None))
    written = tmp_path / "accuracy.json"
    assert accuracy.main([str(folder), "--json", str(written)]) == 0
    rows = json.loads(written.read_text())["groups"]["people"]["ours"]
    assert rows["all"]["distance"] == pytest.approx(2) and rows["all"]["found"] == 75
    assert rows["age 0-9"]["worse"] == pytest.approx(2) and rows["age 20-39"]["worse"] == pytest.approx(0.5)
    assert rows["age 40-59"] == dict(n=1, found=0, found_facemesh=100, distance=None, worse=None)
    assert rows["gender female"]["worse"] == pytest.approx(1.25)
    assert "more than 25 % worse than the mean: age 0-9\n" in capsys.readouterr().out


@pytest.mark.parametrize(("key", "value"), [("age", "old"), ("age", -1), ("age", 500), ("gender", 3),
                                            ("race", "x" * 99)])
def test_what_says_nothing_about_a_person_is_refused(tmp_path: Path, key: str, value) -> None:
    folder = photos(tmp_path / "photos" / "people", [{"points": None, key: value}])
    with pytest.raises(InputError, match=f"entry 1 cannot be used \\({key} is"):
        read_sources(folder)


def test_without_mediapipe_one_sentence_says_what_to_do(tmp_path: Path, capsys, monkeypatch) -> None:
    folder = photos(tmp_path / "photos" / "a", [{"points": FACE.tolist()}])
    assert accuracy.main([str(folder), "--facemesh-python", str(tmp_path / "python")]) == 1
    assert "no Python with MediaPipe; run make facemesh-environment" in capsys.readouterr().err
    monkeypatch.setattr(mediapipe_mesh, "SCRIPT", tmp_path / "none.py")
    with pytest.raises(InputError, match="MediaPipe does not run there .*none.py"):
        mediapipe_points(Path(sys.executable), "a", [np.zeros((9, 9, 3), np.uint8)])


@needs_model
def test_the_labels_limit_is_what_the_face_model_makes_of_averaged_facemesh_points(monkeypatch) -> None:
    from benchmarks import label_limit
    from benchmarks.label_limit import LabelLimit
    from inference_core.pose import HeadPose, compose, rotation_from_angles
    from training.face_model import load_face_model
    from training.fitting import load_anchors
    from training.landmark_places import landmark_places
    model = load_face_model(FACE_MODEL / "face_model.npz")
    shape = model.neutral + 0.6 * model.identity[0] - 0.5 * model.identity[3] - model.origin
    pose = HeadPose(rotation_from_angles(15, 4, 3), 21.0, np.array([200.0, 210.0]), 1 / 70)
    points = compose(load_anchors(FACE_MODEL / "facemesh_correspondence.npz").pick(shape), pose)
    vertices, weights = landmark_places(model.mirror)
    true = compose((shape[vertices] * weights[..., None]).sum(1), pose)[:, :2]
    limit = LabelLimit(FACE_MODEL / "face_model.npz", FACE_MODEL / "facemesh_correspondence.npz", Path(sys.executable))
    monkeypatch.setattr(label_limit, "averaged_points", lambda photos, single, partners, python: (single - 9, None))
    blank, nowhere = np.zeros((9, 9, 3), np.uint8), np.full((478, 3), np.nan)
    none, seen = limit([blank, blank], np.stack([nowhere, points + 9]))
    away = np.linalg.norm(seen - true, axis=1)                  # of a face 300 pixels high; the grid costs the most
    assert none is None and away.mean() < 1 and away.max() < 4
