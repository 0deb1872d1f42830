"""The original's own weights and PRNet's index files: read exactly or refused in a sentence; then everything works with
them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow reads the original's checkpoint")
pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")

import original_files  # noqa: E402

from inference_core import CaptureOptions, capture_faces, export_take, open_take, sample_texture, smooth  # noqa: E402
from inference_core.cli import main  # noqa: E402
from inference_core.engine import load_network  # noqa: E402
from inference_core.errors import InputError, OutputError, TakeError, WeightsError  # noqa: E402
from inference_core.formats import write_mesh  # noqa: E402
from inference_core.original.checkpoint import read_lprnet_128  # noqa: E402
from inference_core.original.index_files import read_index_files  # noqa: E402
from inference_core.original.prnet_topology import topology_file  # noqa: E402
from inference_core.original.weights_folder import write_weights_folder  # noqa: E402
from inference_core.topology import load_topology  # noqa: E402

SIDE, VALUES = 48, 4_484_867


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return original_files.tensors_of_lprnet_128()


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory, tensors) -> Path:
    return original_files.write_checkpoint(tmp_path_factory.mktemp("original") / "lprnet_128", tensors)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Path:
    """A weights folder of a small topology in PRNet's format, whose network answers its mean face."""
    folder = tmp_path_factory.mktemp("theirs")
    files = read_index_files(original_files.write_index_files(folder / "uv-data", SIDE), SIDE)
    data = topology_file(files, SIDE, "prnet", load_topology())
    write_weights_folder(folder / "weights", original_files.steady_network(data, folder, 64), files)
    return folder / "weights"


def test_every_weight_of_the_published_layout_is_read_into_its_layer(saved_model: Path, tensors) -> None:
    model = read_lprnet_128(saved_model)
    assert sum(weight.size for weight in model.get_weights()) == VALUES
    name = "layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE".format
    for layer, number, kernel in (("stem", 0, "kernel"), ("block1_depthwise", 2, "depthwise_kernel"),
                                  ("block8_pointwise", 32, "kernel"), ("up1", 34, "kernel"),
                                  ("position_map", 44, "kernel")):
        read = model.get_layer(layer).get_weights()
        np.testing.assert_array_equal(read[0], tensors[name(number, kernel)])
        np.testing.assert_array_equal(read[1], tensors[name(number, "bias")])
    norm = model.get_layer("up5_bn").get_weights()
    for value, part in zip(norm, ("gamma", "beta", "moving_mean", "moving_variance")):
        np.testing.assert_array_equal(value, tensors[name(43, part)])


def without(tensors: dict, name: str) -> dict:
    return {key: value for key, value in tensors.items() if not key.startswith(name)}


KERNEL = "layer_with_weights-4/kernel/.ATTRIBUTES/VARIABLE_VALUE"
WRONG = {
    "holds no layer_with_weights-44/kernel": lambda t: without(t, "layer_with_weights-44/"),
    "has the shape (1, 1, 32, 65), where lprnet_128 has (1, 1, 32, 64)":
        lambda t: {**t, KERNEL: np.zeros((1, 1, 32, 65), np.float32)},
    "holds a number that is none": lambda t: {**t, KERNEL: np.full((1, 1, 32, 64), np.nan, np.float32)},
    "or is no float32": lambda t: {**t, KERNEL: np.zeros((1, 1, 32, 64))},
    "has more layers with weights than the 45": lambda t: {**t, KERNEL.replace("-4/", "-45/"): t[KERNEL]},
}


@pytest.mark.parametrize("cause", WRONG)
def test_a_checkpoint_of_another_network_is_refused_by_what_differs(tmp_path: Path, tensors, cause: str) -> None:
    folder = original_files.write_checkpoint(tmp_path / "other", WRONG[cause](tensors))
    with pytest.raises(WeightsError) as refused:
        read_lprnet_128(folder)
    assert cause in str(refused.value) and str(folder) in str(refused.value)


def test_a_checkpoint_that_is_not_whole_is_refused(tmp_path: Path, tensors) -> None:
    with pytest.raises(WeightsError, match="no variables/variables.index in it"):
        read_lprnet_128(tmp_path)
    folder = original_files.write_checkpoint(tmp_path / "lprnet_128", tensors)
    data, index = folder / "variables" / "variables.data-00000-of-00001", folder / "variables" / "variables.index"
    whole, listed = data.read_bytes(), index.read_bytes()
    for broken in (whole[:1000], whole[:5_000_000] + b"abcd" + whole[5_000_004:], b""):
        data.write_bytes(broken)
        with pytest.raises(WeightsError, match="damaged or not whole"):
            read_lprnet_128(folder)
    data.unlink()
    with pytest.raises(WeightsError, match="data files are not there"):
        read_lprnet_128(folder)
    data.write_bytes(whole)
    index.write_bytes(listed[:len(listed) // 2])
    with pytest.raises(WeightsError, match="damaged or not whole"):
        read_lprnet_128(folder)
    index.write_bytes(bytes(5 << 20))
    with pytest.raises(WeightsError, match="larger than lprnet_128 can be"):
        read_lprnet_128(folder)


INDEX = {
    ("face_ind.txt", "one two"): "not a text of numbers", ("face_ind.txt", "5 4 3"): "not in rising order",
    ("face_ind.txt", "1 2 2304"): "not a whole one from 0 to 2303", ("face_ind.txt", "1 2 3.5"): "not a whole one",
    ("face_ind.txt", "1 nan 3"): "not a whole one", ("face_ind.txt", ""): "not in rising order",
    ("triangles.txt", "0 1"): "not rows of three", ("triangles.txt", "0 1 -1"): "not a whole one",
    ("triangles.txt", "0 1 99999"): "not a whole one", ("triangles.txt", "0 0 0"): "makes no mesh",
    ("uv_kpt_ind.txt", "1 2 3"): "not two rows of 68", ("uv_kpt_ind.txt", "5 " * 136): "give PRNet's own files",
    ("canonical_vertices.npy", "x"): "not the mean face of these texels",
}


@pytest.mark.parametrize(("name", "text"), INDEX)
def test_index_files_that_make_no_mesh_are_named(tmp_path: Path, name: str, text: str) -> None:
    folder = original_files.write_index_files(tmp_path, SIDE)
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=INDEX[name, text]) as refused:
        topology_file(read_index_files(folder, SIDE), SIDE, "prnet", load_topology())
    assert name in str(refused.value) or "region" in str(refused.value)


def test_index_files_are_bounded_and_no_pickle_is_opened(tmp_path: Path, monkeypatch) -> None:
    from inference_core.original import index_files
    folder = original_files.write_index_files(tmp_path, SIDE)
    np.save(folder / "canonical_vertices.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError, match="canonical_vertices.npy: not the mean face"):
        read_index_files(folder, SIDE)
    (folder / "canonical_vertices.npy").unlink()
    monkeypatch.setattr(index_files, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="face_ind.txt: larger than such a file can be"):
        read_index_files(folder, SIDE)
    with pytest.raises(InputError, match="triangles.txt: cannot be read"):
        monkeypatch.setattr(index_files, "MAX_BYTES", 1 << 20)
        (folder / "triangles.txt").unlink()
        read_index_files(folder, SIDE)


@pytest.mark.parametrize(("size", "mirrored", "canonical"), [(48, False, False), (48, True, False), (48, False, True),
                                                             (32, False, False), (80, True, False)])
def test_the_topology_is_theirs_seen_from_outside_and_landmarks_lie_where_the_files_say(tmp_path, size, mirrored,
                                                                                       canonical) -> None:
    folder = original_files.write_index_files(tmp_path / "uv", SIDE, mirrored=mirrored, canonical=canonical)
    data = topology_file(read_index_files(folder, SIDE), size, "prnet", load_topology())
    (tmp_path / "topology.npz").write_bytes(data)
    topology = load_topology(tmp_path / "topology.npz")         # checks winding, mirror, ranges
    assert topology.size == size
    if size == SIDE:
        texels = np.loadtxt(folder / "face_ind.txt").astype(int)
        assert set(topology.cells @ [SIDE, 1]) <= set(texels) and len(topology.cells) > 0.97 * len(texels)
    a, b, c = topology.mean_canonical[topology.triangles].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    front = np.abs(topology.mean_canonical[topology.triangles].mean(1)[:, 0]) < 3
    assert (normals[front, 2] > 0).mean() > 0.9
    marks = topology.landmarks((topology.cells / (size - 1)) @ np.eye(2, 3))[:, :2]
    np.testing.assert_allclose(marks, np.loadtxt(folder / "uv_kpt_ind.txt")[::-1].T / (SIDE - 1), atol=1.2 / size)
    ours = load_topology()
    np.testing.assert_allclose(topology.mean_canonical[topology.regions["rigid"]].mean(0), 0, atol=1e-4)
    apart = topology.landmarks(topology.mean_canonical) - ours.landmarks(ours.mean_canonical)
    apart = np.linalg.norm(apart - apart.mean(0), axis=1)
    assert apart.mean() < (4 if canonical else 0.6)             # cm; the made-up face is no face
    assert all(topology.regions[name].sum() > 3 for name in ("rigid", "lips", "nose", "left_lids", "right_lids"))


def test_the_command_makes_a_folder_that_answers_as_the_checkpoint_does(saved_model, tmp_path, capsys) -> None:
    uv = original_files.write_index_files(tmp_path / "uv-data", 64)
    made = tmp_path / "original"
    arguments = ["import-weights", str(saved_model), str(uv), "-o", str(made), "--map-side", "64"]
    assert main(arguments) == 0 and "vertices" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["original", "uv-data"]
    network = load_network(str(made))
    assert network.topology.size == 128 and network.topology.name == "prnet"
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    out = np.array(read_lprnet_128(saved_model)(picture[None].astype(np.float32) / 255, training=False))[0]
    # PRNet: pixels = output x side x 1.1; ours: units of the crop from its corner, a pixel's centre half a pixel in
    expected = out * 1.1 + np.float32([0.5 / 128, 0.5 / 128, 0])
    np.testing.assert_allclose(network.predict(picture).position_map_crop, expected, atol=3e-3)
    tensorflow = load_network(str(made), "tensorflow").predict(picture).position_map_crop
    np.testing.assert_allclose(tensorflow, network.predict(picture).position_map_crop, atol=2e-3)
    assert main(arguments) == 1 and "is there already" in capsys.readouterr().err
    assert main([*arguments[:3], "-o", str(tmp_path / "new"), "--map-side", "63"]) == 2
    assert main([*arguments[:3], "-o", str(tmp_path / "no" / "new"), "--map-side", "64"]) == 1
    assert main([*arguments[:3], "-o", str(tmp_path / "new"), "--map-side", "64", "--map-scale", "40"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["original", "uv-data"]


def test_a_photo_is_captured_textured_and_written_on_their_mesh(theirs: Path, astronaut, tmp_path: Path) -> None:
    face, = capture_faces(astronaut, CaptureOptions(weights=str(theirs)))
    topology = load_topology(theirs / "topology.npz")
    assert face.topology.sha256 == topology.sha256 and face.vertices_image.shape == (len(topology.cells), 3)
    # the network answers its mean face: that is what comes out in centimetres, wherever the crop lies
    assert np.abs(face.vertices_canonical - topology.mean_canonical).mean() < 0.1
    assert abs(face.pose.yaw_pitch_roll_deg[0]) < 1
    texture = sample_texture(astronaut, face, 64)
    assert texture.image.shape == (64, 64, 3) and texture.visible.any()
    for kind in ("obj", "ply", "glb", "npz"):
        write_mesh(tmp_path / f"face.{kind}", face, texture)
    lines = (tmp_path / "face.obj").read_text().splitlines()
    assert sum(line.startswith("v ") for line in lines) == len(topology.cells)
    assert sum(line.startswith("f ") for line in lines) == len(topology.faces)


def test_a_take_carries_their_topology_and_is_read_anywhere(theirs: Path, astronaut, tmp_path: Path, capsys) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(6):
        cv2.imwrite(str(frames / f"{number:03}.png"), np.roll(astronaut, 2 * number, 1)[..., ::-1])
    take = tmp_path / "clip.lprtake"
    assert main(["video", str(frames), "-o", str(take), "--fps", "25", "--weights", str(theirs)]) == 0
    topology = load_topology(theirs / "topology.npz")
    raw = open_take(take)                               # the shipped topology is another one
    assert raw.topology.sha256 == topology.sha256 and raw.valid.all()
    assert np.abs(raw.canonical(3) - topology.mean_canonical).mean() < 0.1
    smoothed = smooth(raw)
    for name in ("meshes/a.####.obj", "clip.glb", "clip.pc2", "clip.npz", "clip_landmarks.csv", "clip_pose.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    assert export_take(smoothed, tmp_path / "clip.glb") and export_take(smoothed, tmp_path / "clip.pc2")
    assert export_take(raw, tmp_path / "clip.npz") and export_take(smoothed, tmp_path / "meshes" / "a.####.obj")
    assert main(["export", str(take), "-o", str(tmp_path / "clip_landmarks.csv")]) == 0
    assert main(["info", str(take), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.split("\n", 2)[-1])["frames"] == 6
    assert main(["video", str(frames), "-o", str(take), "--resume"]) == 0       # complete; the network is found again
    (take / "topology.npz").write_bytes(b"PK broken")
    with pytest.raises(TakeError, match="topology.npz: damaged or altered"):
        open_take(take)
    (take / "topology.npz").unlink()
    with pytest.raises(TakeError, match="its vertices are those of the topology 'prnet'"):
        open_take(take)


def test_blender_gets_their_mesh(theirs: Path, astronaut_png: Path, tmp_path: Path, run_blender) -> None:
    out = tmp_path / "face.blend"
    done = run_blender("-m", "lprnet_blender", "image", astronaut_png, "-o", out, "--weights", theirs)
    assert done.returncode == 0, done.stderr
    code = ("import bpy, sys; bpy.ops.wm.open_mainfile(filepath=sys.argv[1]); "
            "print('vertices', [len(o.data.vertices) for o in bpy.data.objects if o.type == 'MESH'])")
    told = run_blender("-c", code, out).stdout
    assert f"vertices [{len(load_topology(theirs / 'topology.npz').cells)}]" in told


def test_a_folder_that_cannot_be_written_leaves_nothing(theirs: Path, tmp_path: Path) -> None:
    files = read_index_files(original_files.write_index_files(tmp_path / "uv", SIDE), SIDE)
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        write_weights_folder(tmp_path / "taken", load_network_model(theirs), files)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "uv"]


def load_network_model(folder: Path):
    import keras
    return keras.models.load_model(folder / "lprnet_128.keras", compile=False)


def test_importing_the_core_does_not_load_what_reads_others_weights() -> None:
    code = "import sys, inference_core.cli; print([m for m in sys.modules if 'original' in m or m == 'keras'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parent.parent).stdout.strip() == "[]"
