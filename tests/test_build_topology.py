"""Making weights/topology.npz: the shipped one is what its sources give, and a wrong source is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference_core.paths import weights_dir
from inference_core.topology import load_topology

FACE_MODEL = Path(__file__).resolve().parents[2] / "shared" / "face_model"
PACKED, PROPOSAL = FACE_MODEL / "face_model.npz", FACE_MODEL / "layout_proposal.npz"
CORRESPONDENCE = FACE_MODEL / "facemesh_correspondence.npz"
needs_model = pytest.mark.skipif(not PACKED.is_file(), reason="needs the face model in ../shared/face_model")
IN_THE_FOLDER = ("PupilDilate_L", "eyeWide_L", "eyeWide_R", "jawOpen")


@pytest.fixture(scope="module")
def shipped():
    return load_topology()


@pytest.mark.parametrize("upper, lower", [(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)])
def test_lids_and_lips_of_the_shipped_grid_are_at_least_six_cells_open(shipped, upper, lower):
    rows = shipped.landmarks(np.repeat(shipped.uvs[:, 1:].astype(np.float64), 3, 1))[:, 0] * shipped.size
    assert rows[lower] - rows[upper] >= 6


def test_no_cell_of_the_shipped_grid_is_flipped_or_without_area(shipped):
    corners = shipped.uvs.astype(np.float64)[shipped.triangles] * shipped.size
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).max() < -1e-3


def test_the_shipped_grid_is_its_own_mirror_image(shipped):
    cells = shipped.cells
    np.testing.assert_array_equal(cells[shipped.mirror], cells * [1, -1] + [0, shipped.size - 1])
    np.testing.assert_allclose(shipped.uvs[shipped.mirror], shipped.uvs * [-1, 1] + [1, 0], rtol=0, atol=1e-7)
    np.testing.assert_array_equal(shipped.mean_canonical[shipped.mirror], shipped.mean_canonical * [-1, 1, 1])


def run(*arguments):
    from training.build_topology import main
    return main([str(argument) for argument in arguments])


@needs_model
def test_the_shipped_file_is_what_face_model_layout_and_correspondence_give(tmp_path):
    rebuilt = tmp_path / "rebuilt.npz"
    assert run(PACKED, "--layout", PROPOSAL, "--facemesh", CORRESPONDENCE, "-o", rebuilt) == 0
    shipped = weights_dir() / "topology.npz"
    with np.load(rebuilt, allow_pickle=False) as new, np.load(shipped, allow_pickle=False) as old:
        assert set(new.files) == set(old.files)
        for key in old.files:
            if old[key].dtype.kind == "f":
                np.testing.assert_allclose(new[key], old[key], rtol=0, atol=1e-6, err_msg=key)
            else:
                np.testing.assert_array_equal(new[key], old[key], err_msg=key)
    assert [file.name for file in tmp_path.iterdir()] == ["rebuilt.npz"]


@pytest.fixture(scope="module")
def packed():
    from training.face_model import load_face_model
    return load_face_model(PACKED)


@pytest.fixture
def obj_folder(packed, tmp_path):
    """A FaceXModel folder as ICT-FaceKit lays it out: whole meshes, the shape's name the file's name."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", packed.neutral, packed)
    for k in range(2):
        write_obj(folder / f"identity{k:03d}.obj", packed.neutral + packed.identity[k])
    for name in IN_THE_FOLDER:
        write_obj(folder / f"{name}.obj", packed.neutral + packed.expression_delta(name))
    return folder


def write_obj(path, points, model=None):
    lines = ["# written by a test", *("v %.7f %.7f %.7f" % tuple(p) for p in points.tolist())]
    if model is not None:
        lines += ["vt %.7f %.7f" % tuple(t) for t in model.uvs.tolist()]
        material = -1
        for corners, places, used in zip(model.faces.tolist(), model.face_uvs.tolist(), model.face_material):
            if used != material:
                material = used
                lines.append(f"usemtl {model.material_names[material]}")
            lines.append("f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(corners, places) if v >= 0))
    path.write_text("\n".join(lines) + "\n")


@needs_model
def test_an_obj_folder_is_read_as_the_packed_model(packed, obj_folder):
    from training.face_model import load_face_model
    read = load_face_model(obj_folder)
    assert read.expression_names == IN_THE_FOLDER                              # capitals first, as packed
    assert read.material_names == packed.material_names
    for key in ("faces", "face_uvs", "face_material"):
        np.testing.assert_array_equal(getattr(read, key), getattr(packed, key), err_msg=key)
    for key in ("neutral", "uvs"):
        np.testing.assert_allclose(getattr(read, key), getattr(packed, key), rtol=0, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(read.identity, packed.identity[:2], rtol=0, atol=1e-5)
    for name in IN_THE_FOLDER:
        expected = packed.expression_delta(name)
        np.testing.assert_allclose(read.expression_delta(name), expected, rtol=0, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(read.mirror, packed.mirror)


@needs_model
def test_an_obj_folder_unwraps_as_the_packed_model(packed, obj_folder):
    from training.face_model import load_face_model
    from training.layout import build_layout
    rounds = 3                                               # three are enough to tell two meshes apart
    np.testing.assert_allclose(build_layout(load_face_model(obj_folder), rounds)["uv"],
                               build_layout(packed, rounds)["uv"], rtol=0, atol=1e-4)


@needs_model
@pytest.mark.parametrize("spoil, cause", [
    (lambda f: (f / "generic_neutral_mesh.obj").unlink(), "generic_neutral_mesh.obj"),
    (lambda f: [p.unlink() for p in f.glob("identity*")], "lacks"),
    (lambda f: (f / "jawOpen.obj").write_text("v 0 0 0\n"), "jawOpen.obj has 1 vertices"),
    (lambda f: (f / "jawOpen.obj").write_text("v 0 zero 0\n"), "zero"),
    (lambda f: (f / "jawOpen.obj").unlink(), "jawOpen"),
])
def test_an_incomplete_obj_folder_is_refused_in_one_sentence(obj_folder, capsys, spoil, cause):
    spoil(obj_folder)
    assert refused(capsys, obj_folder, "-o", obj_folder.parent / "out.npz", cause=cause)
    assert [file.name for file in obj_folder.parent.iterdir()] == ["FaceXModel"]


def refused(capsys, *arguments, cause):
    assert run(*arguments) == 1
    message = capsys.readouterr().err.strip()
    assert "\n" not in message and cause in message, message
    return message


def test_a_missing_or_damaged_face_model_is_named_and_nothing_is_left(tmp_path, capsys):
    out = tmp_path / "out.npz"
    refused(capsys, tmp_path / "none.npz", "-o", out, cause="none.npz")
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 not a zip")
    refused(capsys, tmp_path / "damaged.npz", "-o", out, cause="damaged.npz")
    np.savez(tmp_path / "other.npz", neutral=np.zeros((5, 3)))
    refused(capsys, tmp_path / "other.npz", "-o", out, cause="other.npz")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["damaged.npz", "other.npz"]


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path, capsys):
    refused(capsys, tmp_path / "none.npz", "-o", tmp_path / "nowhere" / "out.npz", cause="nowhere")


@needs_model
def test_a_layout_of_another_mesh_is_named(tmp_path, capsys):
    with np.load(PROPOSAL, allow_pickle=False) as z:
        layout = {key: z[key] for key in ("uv", "tri", "eyes", "mouth")}
    np.savez(tmp_path / "short.npz", **{**layout, "uv": layout["uv"][:100]})
    out = tmp_path / "out.npz"
    refused(capsys, PACKED, "--layout", tmp_path / "short.npz", "-o", out, cause="short.npz: uv has")
    del layout["mouth"]
    np.savez(tmp_path / "lacking.npz", **layout)
    refused(capsys, PACKED, "--layout", tmp_path / "lacking.npz", "-o", out, cause="lacking.npz")
