"""300W-LP's parameters become PRNet's position maps, the original trains on them, and what it learned can be used."""

from __future__ import annotations

import json
import os
import signal
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="SciPy reads MATLAB files: pip install '.[training]'")

import made_up_basel  # noqa: E402
from eager_steps import eagerly  # noqa: E402
from scipy.io import loadmat, savemat  # noqa: E402

from inference_core.errors import InputError  # noqa: E402
from training import w300lp  # noqa: E402
from training.morphable_model import read_model, read_sample, rotation_3ddfa  # noqa: E402


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    return made_up_basel.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(files):
    return read_model(*files)


def test_the_model_is_read_from_one_based_indices_with_its_mouth_closed(files, model) -> None:
    fields = loadmat(files[0])["model"][0, 0]
    count = made_up_basel.GRID ** 2 + 68
    assert model.mean.shape == (count, 3) and model.shape.shape == (3 * count, 199)
    assert model.triangles.min() == 0 and len(model.triangles) == 2 * (made_up_basel.GRID - 1) ** 2
    np.testing.assert_array_equal(model.triangles[-114:].T + 1, fields["tri_mouth"])
    np.testing.assert_array_equal(model.landmarks, np.arange(68) + made_up_basel.GRID ** 2)
    np.testing.assert_array_equal(model.mean[5], fields["shapeMU"][15:18, 0])


def test_turns_are_those_of_3ddfa() -> None:
    quarter = np.pi / 2
    np.testing.assert_allclose(rotation_3ddfa(quarter, 0, 0) @ [0, 0, 1], [0, 1, 0], atol=1e-12)
    # looks to the left edge
    np.testing.assert_allclose(rotation_3ddfa(0, quarter, 0) @ [0, 0, 1], [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_3ddfa(0, 0, quarter) @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    mixed = rotation_3ddfa(0.1, 0.7, -0.2)
    np.testing.assert_allclose(
        mixed, rotation_3ddfa(0.1, 0, 0) @ rotation_3ddfa(0, 0.7, 0) @ rotation_3ddfa(0, 0, -0.2))


def test_a_map_holds_where_each_vertex_lies_in_the_crop(model, tmp_path: Path) -> None:
    folder = made_up_basel.write_samples(tmp_path, [25.0])
    mat, picture = folder / "AFW" / "000.mat", cv2.imread(str(folder / "AFW" / "000.jpg"))
    on = w300lp.unwrap(model)
    crop, where, yaw = w300lp.sample_map(model, on, mat, picture, None)
    assert yaw == pytest.approx(25) and crop.shape == (128, 128, 3)
    # by hand, as the published example does it
    info = loadmat(mat)
    shape = model.mean.ravel() + model.shape @ info["Shape_Para"][:, 0] + model.expression @ info["Exp_Para"][:, 0]
    pose = info["Pose_Para"][0]
    seen = pose[6] * shape.reshape(-1, 3) @ rotation_3ddfa(*pose[:3]).T + pose[3:6]
    seen[:, 1] = 200 - 1 - seen[:, 1]
    marks = seen[model.landmarks]
    (left, top), (right, bottom) = marks[:, :2].min(0), marks[:, :2].max(0)
    size = 1.5 * (right - left + bottom - top) / 2
    corner = np.array([(left + right) / 2 - size / 2, (top + bottom) / 2 - size / 2])
    expected = np.c_[(seen[:, :2] - corner) * 127 / size, (seen[:, 2] - seen[:, 2].min()) * 127 / size]
    # at a texel under a vertex of the grid the map is that vertex
    flat = np.c_[model.uvs[:, 0], 1 - model.uvs[:, 1]] * 127
    on_texel = np.flatnonzero(np.abs(flat - np.rint(flat)).max(1) < 1e-9)
    assert len(on_texel) >= 4
    for vertex in on_texel[on_texel < made_up_basel.GRID ** 2]:
        column, row = np.rint(flat[vertex]).astype(int)
        np.testing.assert_allclose(where[row, column], expected[vertex], atol=1e-3)
    assert where[..., 2].min() >= 0 and on.raster.covered.all()
    # and the picture is there where the map says
    points = where[40:90:10, 40:90:10, :2].reshape(-1, 2)
    there = cv2.remap(crop, points.astype(np.float32)[None], None, cv2.INTER_LINEAR)[0].astype(float)
    origin = points * size / 127 + corner
    here = cv2.remap(picture, origin.astype(np.float32)[None], None, cv2.INTER_LINEAR)[0].astype(float)
    assert np.abs(there - here).mean() < 2


def test_the_mask_weighs_landmarks_features_face_and_nothing_else(model) -> None:
    on = w300lp.unwrap(model)
    mask = w300lp.weight_mask(on)
    assert set(np.unique(mask)) == {0, 3, 4, 16}
    assert (mask[tuple(on.texels.T)] == 16).all() and (mask == 16).sum() == len(np.unique(on.texels, axis=0))
    nose, chin = on.texels[30], on.texels[8]
    assert mask[nose[0] - 3, nose[1]] == 4 and mask[127, 64] == 0 and mask[chin[0] + 3, chin[1]] == 0
    assert mask[on.texels[27][0] - 20, 64] == 3                  # the forehead


def test_places_are_drawn_within_ten_per_cent_and_the_same_for_a_seed(model) -> None:
    vertices = np.zeros((len(model.mean), 3))
    vertices[model.landmarks, :2] = np.random.default_rng(0).uniform(50, 150, (68, 2))
    plain = w300lp.place(vertices, model.landmarks, None, 128)
    middle = plain.to_image(np.array([0.5, 0.5]))
    sizes, shifts = [], []
    for seed in range(200):
        crop = w300lp.place(vertices, model.landmarks, np.random.default_rng(seed), 128)
        sizes.append(plain.scale / crop.scale)
        shifts.append(np.abs(crop.to_image(np.array([0.5, 0.5])) - middle).max())
    assert 0.9 <= min(sizes) < 0.92 and 1.08 < max(sizes) <= 1.1
    side = np.ptp(vertices[model.landmarks, :2], axis=0).mean()
    assert 0.09 * side < max(shifts) <= 0.1 * side


MODEL_WRONG = {
    "its `model` lacks kpt_ind": dict(kpt_ind=None),
    "kpt_ind names vertices outside 1 to": dict(kpt_ind=np.zeros((1, 68))),
    "kpt_ind has the shape (1, 5)": dict(kpt_ind=np.ones((1, 5))),
    "tri names vertices outside 1": dict(tri=np.full((3, 9), 1e6)),
    "tri has the shape": dict(tri=np.ones((9, 3))), "shapeMU has 10 numbers": dict(shapeMU=np.zeros((10, 1))),
    "a number in shapePC is none": dict(shapePC=np.full((1932, 199), np.nan)),
    "shapePC holds no numbers": dict(shapePC="x"),
    "expMU has the shape": dict(expMU=np.zeros((3, 1))), "expPC has the shape": dict(expPC=np.zeros((3, 29))),
}


@pytest.mark.parametrize("cause", MODEL_WRONG)
def test_a_model_that_cannot_be_used_is_named_with_its_field(tmp_path: Path, cause: str) -> None:
    paths = made_up_basel.write_model(tmp_path, **MODEL_WRONG[cause])
    with pytest.raises(InputError) as refused:
        read_model(*paths)
    assert cause in str(refused.value) and str(paths[0]) in str(refused.value)


def test_files_that_are_no_matlab_files_or_unpack_to_too_much_are_refused(model, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    good = made_up_basel.write_samples(tmp_path / "good", [0.0]) / "AFW" / "000.mat"
    bomb = zlib.compress(bytes(64 << 20), 9)
    header = good.read_bytes()[:128]
    for content, cause in ((b"", "format 5 to 7"), (b"x" * 500, "format 5 to 7"), (b"\x80\x04." * 99, "format 5 to 7"),
                           (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), "format 5 to 7"),
                           (good.read_bytes()[:400], "cannot|holds no|not a MATLAB"),
                           (header + np.array([15, len(bomb)], "<u4").tobytes() + bomb, "unpacks to more")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=cause) as refused:
            read_sample(path, model)
        assert str(path) in str(refused.value)
    for change, cause in ((dict(Pose_Para=np.zeros((1, 7))), "no pose of a head"),
                          (dict(Shape_Para=np.zeros((3, 1))), "Shape_Para"), (dict(Pose_Para="x"), "no numbers"),
                          (dict(Exp_Para=np.full((29, 1), np.inf)), "a number in Exp_Para is none")):
        savemat(path, {k: v for k, v in loadmat(good).items() if k[0] != "_"} | change)
        with pytest.raises(InputError, match=cause):
            read_sample(path, model)
    with pytest.raises(InputError, match="cannot be read"):
        read_sample(tmp_path / "none.mat", model)


def make(files, source: Path, output: Path, *more: str) -> int:
    return w300lp.main([str(source), "--model", str(files[0]), "--uv", str(files[1]), "-o", str(output), *more])


def test_a_conversion_goes_on_where_it_stopped_and_gives_the_same(files, tmp_path: Path, capsys) -> None:
    source = made_up_basel.write_samples(tmp_path / "data", [0, 20, -50, 70])
    assert make(files, source, tmp_path / "whole") == 0 and "4 samples" in capsys.readouterr().out
    broken = source / "AFW" / "002.mat"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:300])
    assert make(files, source, tmp_path / "stopped") == 1 and "002.mat" in capsys.readouterr().err
    assert json.loads((tmp_path / "stopped" / "samples.json").read_text())["done"] is False
    broken.write_bytes(whole)
    assert make(files, source, tmp_path / "stopped") == 0
    for name in ("images.npy", "maps.npy", "samples.json", "weights.png"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert make(files, source, tmp_path / "whole", "--seed", "2") == 1
    assert "begun with other samples or options" in capsys.readouterr().err
    assert make(files, tmp_path / "whole", tmp_path / "new") == 1
    assert "no NAME.mat with a NAME.jpg" in capsys.readouterr().err


def test_what_stops_a_conversion_is_a_sentence(files, tmp_path: Path, monkeypatch, capsys) -> None:
    source = made_up_basel.write_samples(tmp_path / "data", [0, 20])

    def said(output: str, code: int = 1, *more: str) -> str:
        capsys.readouterr()
        assert make(files, source, tmp_path / output, *more) == code
        lines = [line for line in capsys.readouterr().err.splitlines() if line.strip() and "position maps" not in line]
        assert len(lines) == 1, lines
        return lines[0]
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in said("file")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), dict(free=2 * 147456 - 1)))
        assert "out: needs 0.0 GB" in said("out") and not (tmp_path / "out" / "images.npy").exists()
        patch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), dict(free=2 * 147456)))
        assert make(files, source, tmp_path / "out") == 0
    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "open_memmap", lambda *given: open(tmp_path / "nowhere" / "images.npy"))
        assert "images.npy" in said("written")
    (source / "AFW" / "000.mat").write_bytes(b"")
    assert said("broken").endswith("fetch it again, or take it out and give a new folder with -o")
    with pytest.raises(SystemExit):
        make(files, source, tmp_path / "new", "--seed", "-1")
    assert "--seed" in capsys.readouterr().err


def test_from_parameters_to_a_network_that_is_used_and_measured(files, tmp_path: Path, capsys) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow trains")
    pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")
    from inference_core import CaptureOptions, capture_faces
    from training import map_evaluation, train, train_original
    source = made_up_basel.write_samples(tmp_path / "data", [0, -50, 70])
    data, run = tmp_path / "maps", tmp_path / "run"
    assert make(files, source, data, "--exact") == 0
    command = ["--data", str(data), "-o", str(run), "--epochs", "2", "--batch", "2"]
    # a stop in the middle of the first epoch: the checkpoint is there, and the same command goes on
    learn = train_original.OriginalTrainer.learn
    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.setattr(train_original.OriginalTrainer, "learn",
                      lambda self, *a: (os.kill(os.getpid(), signal.SIGINT), learn(self, *a))[1])
        assert train.main(command) == 130
    assert (run / "checkpoint.npz").is_file() and not (run / "weights").exists()
    assert train.main(command) == 0
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2] and log[1]["loss"] < log[0]["loss"]
    capsys.readouterr()
    scores = tmp_path / "scores.json"
    assert map_evaluation.main([str(data), "--weights", str(run / "weights"), "--json", str(scores)]) == 0
    report = json.loads(scores.read_text())
    assert set(report) == set(map_evaluation.MEASURES)
    assert all(value is not None for row in report.values() for value in row.values())
    assert "mean" in capsys.readouterr().out.splitlines()[0]
    picture = cv2.imread(str(source / "AFW" / "000.jpg"))
    faces = capture_faces(picture, CaptureOptions(weights=str(run / "weights"), box=(40, 40, 160, 160)))
    assert all(face.topology.name == "prnet" for face in faces)         # a network of four steps may answer a point
    assert train.main([*command[:3], str(run), "--epochs", "2", "--batch", "3"]) == 1
    assert "other data or options" in capsys.readouterr().err
    assert map_evaluation.main([str(data), "--weights", "default"]) == 1
    assert train.main(["--data", str(tmp_path), "-o", str(run)]) == 1
    assert "not a folder of position maps" in capsys.readouterr().err


def test_an_original_trained_on_replaces_its_weights_and_is_bound_to_its_data(files, tmp_path: Path, monkeypatch,
                                                                              capsys) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow trains")
    from training import train, train_original
    source = made_up_basel.write_samples(tmp_path / "data", [0, 20])
    data, run = tmp_path / "maps", tmp_path / "run"
    assert make(files, source, data) == 0 == make(files, source, tmp_path / "other seed", "--seed", "2")

    def write(folder, model, index_files):
        folder.mkdir()
        np.save(folder / "first.npy", model.get_weights()[0])

    def learn(self, *_):                                    # what it learns is another test's
        self.step += 1
        first = self.model.weights[0]
        first.assign(first + 0.01)
        return 1.0
    monkeypatch.setattr(train_original, "write_weights_folder", write)
    monkeypatch.setattr(train_original.OriginalTrainer, "learn", learn)
    command = ["--data", str(data), "-o", str(run), "--batch", "2", "--epochs"]
    written = []
    for epochs in "12":
        assert train.main([*command, epochs]) == 0
        written.append((run / "weights" / "first.npy").read_bytes())
    assert written[0] != written[1]
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.npz", "log.jsonl", "weights"]
    mask = cv2.imread(str(data / "weights.png"))
    cv2.imwrite(str(tmp_path / "mask.png"), mask // 2)
    for more in (["--weight-mask", str(tmp_path / "mask.png")], ["--data", str(tmp_path / "other seed")]):
        capsys.readouterr()
        assert train.main([*command, "3", *more]) == 1
        assert "other data or options" in capsys.readouterr().err
    checkpoint = run / "checkpoint.npz"
    with np.load(checkpoint) as z:                          # of before: without the data's identity
        arrays = dict(z)
    arrays["about"] = json.dumps(dict(samples=2, batch=2, seed=1))
    np.savez(checkpoint, **arrays)
    assert train.main([*command, "3"]) == 0
    for content in (b"", checkpoint.read_bytes()[:9999]):
        checkpoint.write_bytes(content)
        capsys.readouterr()
        assert train.main([*command, "4"]) == 1
        said = capsys.readouterr().err.strip()
        assert "damaged checkpoint" in said and str(checkpoint) in said and "\n" not in said
    assert train.main([*command, "4", "-o", str(tmp_path / "mask.png")]) == 1
    assert "choose another" in capsys.readouterr().err


def test_the_rate_is_halved_every_five_epochs() -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow trains")
    from training.train_original import BATCH, EPOCHS, learning_rate
    assert [learning_rate(epoch) for epoch in (0, 4, 5, 9, 10, 14)] == [1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5, 2.5e-5]
    assert (EPOCHS, BATCH) == (15, 16)


def test_maps_that_are_off_by_so_much_are_measured_so(files, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow trains")
    from types import SimpleNamespace

    from inference_core.original.index_files import read_index_files
    from inference_core.original.prnet_topology import topology_file
    from inference_core.topology import load_topology
    from training import map_evaluation
    source = made_up_basel.write_samples(tmp_path / "data", [0, 40, 80])
    assert make(files, source, tmp_path / "maps", "--exact") == 0
    indices = read_index_files(tmp_path / "maps" / "uv-data", 128)
    (tmp_path / "t.npz").write_bytes(topology_file(indices, 128, "t", load_topology()))
    maps = np.load(tmp_path / "maps" / "maps.npy") / 65535 * 1.1 * 128
    rows = iter(range(3))

    def predict(image):
        off = maps[next(rows)] + [3, 4, 50]             # 5 pixels in the plane; depth alone is free
        return SimpleNamespace(position_map_crop=((off + [0.5, 0.5, 0]) / 128).astype(np.float32))
    network = SimpleNamespace(topology=load_topology(tmp_path / "t.npz"), input_size=128, predict=predict,
                              card=SimpleNamespace(name="exact"))
    monkeypatch.setattr(map_evaluation, "load_network", lambda name: network)
    report = map_evaluation.measure(tmp_path / "maps", "exact")
    for number, band in enumerate(("0-30", "60-90", "30-60")):      # by their paths, AFW first
        marks = network.topology.landmarks(network.topology.vertices(maps[number]))
        size = np.sqrt(np.prod(np.ptp(marks[:, :2], axis=0)))
        for name in ("68 points, 2D", "68 points, 3D", "dense, 2D", "dense, 3D"):
            assert report[name][band] == pytest.approx(500 / size, rel=1e-3)
        assert report["reconstruction"][band] < 0.05
