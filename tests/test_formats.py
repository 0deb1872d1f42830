"""Mesh files hold the face that was given, in metres and upright, and other programs read them so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_readers import read_glb, read_obj, read_ply
from synthetic_faces import blotches, mean_face

from inference_core.errors import OutputError
from inference_core.formats import files_of, write_mesh
from inference_core.mesh import export_mesh, vertex_normals
from inference_core.pose import compose
from inference_core.texture import Texture

HERE = Path(__file__).resolve().parent
READERS = {".obj": read_obj, ".ply": read_ply, ".glb": read_glb}
ENDINGS = [*READERS, ".npz"]


@pytest.fixture(scope="module")
def face():
    """Turned in the photo, which must not show in the files."""
    return mean_face(30, 10, -15)


@pytest.fixture(scope="module")
def texture():
    skin = blotches(64)
    skin[0] = 255, 0, 0                             # the top row is red
    return Texture(skin, np.ones((64, 64), bool))


@pytest.mark.parametrize("ending", READERS)
def test_a_file_holds_the_mesh_in_metres_upright(tmp_path, face, texture, ending):
    write_mesh(tmp_path / f"face{ending}", face, texture)
    got = READERS[ending](tmp_path / f"face{ending}")
    np.testing.assert_allclose(got.vertices, face.vertices_canonical / 100, atol=1e-6)
    np.testing.assert_allclose(got.uvs, face.topology.uvs, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got.normals, axis=1), 1, atol=1e-3)
    width, height, depth = np.ptp(got.vertices, axis=0)
    assert 0.12 < width < 0.18 and 0.16 < height < 0.24 and 0.07 < depth < 0.14
    nose = got.vertices[:, 2].argmax()
    assert got.normals[nose, 2] > 0.7 and abs(got.vertices[nose, 0]) < 0.01
    assert got.vertices[face.topology.regions["left_lids"], 0].mean() > 0.02
    assert got.vertices[face.topology.regions["brows"], 1].min() > got.vertices[face.topology.regions["lips"], 1].max()


@pytest.mark.parametrize("ending", READERS)
def test_the_faces_are_those_of_the_topology_counter_clockwise_from_outside(tmp_path, face, ending):
    write_mesh(tmp_path / f"face{ending}", face)
    got = READERS[ending](tmp_path / f"face{ending}")
    expected = [[i for i in row if i >= 0] for row in face.topology.faces.tolist()]
    if ending == ".glb":
        expected = face.topology.triangles.tolist()
    assert sorted(map(tuple, got.faces)) == sorted(map(tuple, expected))
    first = np.array([row[:3] for row in got.faces])
    across = np.cross(got.vertices[first[:, 1]] - got.vertices[first[:, 0]], got.vertices[first[:, 2]] - got.vertices[first[:, 0]])
    assert ((across * got.normals[first].mean(1)).sum(1) > 0).mean() > 0.99


@pytest.mark.parametrize("ending", [".obj", ".glb"])
def test_the_picture_comes_with_the_file_to_the_last_bit(tmp_path, face, texture, ending):
    write_mesh(tmp_path / f"face{ending}", face, texture)
    np.testing.assert_array_equal(READERS[ending](tmp_path / f"face{ending}").picture, texture.image)


def test_a_ply_carries_the_skin_as_colours(tmp_path, face, texture):
    write_mesh(tmp_path / "face.ply", face, texture)
    colours = read_ply(tmp_path / "face.ply").colours
    middle = (face.topology.uvs * 64).astype(int).clip(0, 63)
    np.testing.assert_array_equal(colours, texture.image[middle[:, 1], middle[:, 0]])


@pytest.mark.parametrize("ending", READERS)
def test_without_a_texture_the_mesh_is_written_alone(tmp_path, face, ending):
    write_mesh(tmp_path / f"face{ending}", face)
    got = READERS[ending](tmp_path / f"face{ending}")
    assert got.picture is None and got.colours is None
    assert [path.name for path in tmp_path.iterdir()] == [f"face{ending}"]


def test_an_npz_holds_every_number_and_no_pickle(tmp_path, face, texture):
    write_mesh(tmp_path / "face.npz", face, texture)
    with np.load(tmp_path / "face.npz", allow_pickle=False) as got:
        numbers = {key: got[key] for key in got.files}
    for key in ("position_map_image", "vertices_image", "vertices_canonical", "landmarks_image"):
        np.testing.assert_array_equal(numbers[key], getattr(face, key))
    pose = dataclasses.replace(face.pose, rotation=numbers["rotation"], scale=float(numbers["scale"]), shift=numbers["shift"],
                               inverse_distance=float(numbers["inverse_distance"]))
    np.testing.assert_allclose(compose(numbers["vertices_canonical"].astype(float), pose), numbers["vertices_image"], atol=1e-3)
    np.testing.assert_array_equal(numbers["texture"], texture.image)
    assert str(numbers["topology_sha256"]) == face.topology.sha256
    np.testing.assert_allclose(numbers["yaw_pitch_roll_deg"], (30, 10, -15), atol=1e-6)


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_the_files_that_are_announced_are_made(tmp_path, face, texture, ending):
    path = tmp_path / f"my face é{ending}"
    write_mesh(path, face, texture)
    assert sorted(tmp_path.iterdir()) == sorted(files_of(path))
    assert files_of(path)[-1] == path


def test_an_obj_beside_its_photo_does_not_touch_the_photo(tmp_path, face, texture):
    for ending in (".png", ".jpg", ".jpeg"):
        (tmp_path / f"me{ending}").write_bytes(b"photo")
    write_mesh(tmp_path / "me.obj", face, texture)
    assert all((tmp_path / f"me{ending}").read_bytes() == b"photo" for ending in (".png", ".jpg", ".jpeg"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path, face, texture, ending):
    (tmp_path / "file").touch()
    for folder in ("file", "missing"):
        with pytest.raises(OutputError, match=f"face{ending}|face_skin.png"):
            write_mesh(tmp_path / folder / f"face{ending}", face, texture)
    (tmp_path / f"taken{ending}").mkdir()
    with pytest.raises(OutputError, match="taken"):
        write_mesh(tmp_path / f"taken{ending}", face, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["file", f"taken{ending}"])


def test_a_material_that_cannot_be_written_leaves_the_old_obj_as_it_was(tmp_path, face, texture):
    (tmp_path / "face.obj").write_text("old")
    (tmp_path / "face.mtl").mkdir()
    with pytest.raises(OutputError, match="face.mtl"):
        write_mesh(tmp_path / "face.obj", face, texture)
    assert (tmp_path / "face.obj").read_text() == "old"


@pytest.mark.parametrize("name", ["face.fbx", "face", "face.objx"])
def test_an_unknown_ending_is_refused(tmp_path, face, name):
    with pytest.raises(OutputError, match=name):
        write_mesh(tmp_path / name, face)
    assert not list(tmp_path.iterdir())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 1000))
def test_normals_are_of_length_one_and_turn_with_the_mesh(seed, scale):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(12, 3)) * scale
    triangles = np.unique(np.sort([rng.choice(12, 3, replace=False) for _ in range(15)], 1), axis=0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    used = np.unique(triangles)
    normals = vertex_normals(points, triangles)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vertex_normals(points @ turn.T, triangles)[used], normals[used] @ turn.T, atol=1e-3)


def test_the_export_is_the_canonical_face_alone(face):
    mesh = export_mesh(face)
    straight = export_mesh(mean_face())
    np.testing.assert_array_equal(mesh.vertices, straight.vertices)


@pytest.fixture(scope="module")
def imported(run_blender, face, texture, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder with spaces")
    paths = [folder / f"my face{ending}" for ending in READERS]
    for path in paths:
        write_mesh(path, face, texture)
    done = run_blender(HERE / "blender_import.py", *paths)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, done.stdout + done.stderr
    return dict(zip(READERS, json.loads(lines[0].removeprefix("FACTS "))))


@pytest.mark.parametrize("ending", READERS)
def test_blender_reads_the_file(imported, face, ending):
    """Blender turns y up into z up for OBJ and glTF by their rules, and leaves a PLY as it is."""
    got = imported[ending]
    assert got["vertices"] == len(face.vertices_canonical)
    if ending == ".ply":
        size = np.subtract(got["high"], got["low"])[[0, 2, 1]]
    else:
        size = np.subtract(got["high"], got["low"])
        assert got["nose_normal"][1] < -0.7 and abs(got["nose"][0]) < 0.01
        u, v = got["nose_uv"]
        assert abs(u - 0.5) < 0.05 and 0.4 < v < 0.6
        assert got["pictures"] == [[64, 64]] and got["top_row"][0][0] > 0.99 and got["top_row"][0][1] < 0.01
    np.testing.assert_allclose(size, np.ptp(face.vertices_canonical, axis=0)[[0, 2, 1]] / 100, atol=1e-4)
    if ending != ".glb":
        assert got["quads"] == (face.topology.faces[:, 3] >= 0).sum()
    if ending == ".ply":
        assert got["colours"] == 1
