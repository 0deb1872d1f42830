"""Every kind of file holds the take's faces at their own time, and Blender shows them so."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_readers import read_glb, read_obj, read_ply
from synthetic_faces import blotches
from take_readers import read_animation, read_mdd, read_pc2
from takes import FPS, acted, write_take

from inference_core.errors import OutputError
from inference_core.mesh import vertex_normals
from inference_core.pose import compose, rotation_from_angles
from inference_core.take import TakeFrame, open_take
from inference_core.take_formats import ExportOptions, export_take, kind_of
from inference_core.take_formats.low_rank import low_rank
from inference_core.take_formats.morph_normals import morph_normals
from inference_core.take_formats.motion import held_rows, quaternions
from inference_core.take_formats.sequence import numbered
from inference_core.texture import Texture
from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent
COUNT, LOST = 40, (0, 1, 20, 21)
NAMES = ["shot.obj", "shot.ply", "shot.glb", "shot.pc2", "shot.mdd", "landmarks.csv", "pose.csv", "shot.npz"]


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    topology = load_topology()
    path = tmp_path_factory.mktemp("takes") / "a.lprtake"
    frames = (dataclasses.replace(acted(topology, i, LOST), index=i + 5, time_s=i / FPS + 2) for i in range(COUNT))
    return open_take(write_take(path, topology, frames))


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    topology = load_topology()
    path = tmp_path_factory.mktemp("takes") / "short.lprtake"
    return open_take(write_take(path, topology, (acted(topology, i, (1,)) for i in range(4))))


@pytest.fixture(scope="module")
def texture() -> Texture:
    return Texture(blotches(64), np.ones((64, 64), bool))


def in_metres(take, row: int) -> np.ndarray:
    return take.canonical(row) / 100


@pytest.mark.parametrize(("name", "read"), [("shot.obj", read_obj), ("shot.ply", read_ply)])
def test_a_sequence_has_a_mesh_a_frame_with_a_face_numbered_as_in_the_source(tmp_path, short, name, read) -> None:
    files = export_take(short, tmp_path / name)
    ending = Path(name).suffix
    assert [file.name for file in files] == [f"shot.{number:04d}{ending}" for number in (0, 2, 3)]
    assert sorted(files) == sorted(tmp_path.iterdir())
    for file, row in zip(files, (0, 2, 3)):
        np.testing.assert_allclose(read(file).vertices, in_metres(short, row), atol=1e-6)


def test_a_sequence_shares_one_skin(tmp_path, short, texture) -> None:
    files = export_take(short, tmp_path / "shot_##.obj", options=ExportOptions(texture=texture))
    assert [file.name for file in files] == ["shot_skin.png", "shot.mtl", "shot_00.obj", "shot_02.obj", "shot_03.obj"]
    assert sorted(files) == sorted(tmp_path.iterdir())
    np.testing.assert_array_equal(read_obj(files[-1]).picture, texture.image)
    coloured = export_take(short, tmp_path / "c.ply", options=ExportOptions(texture=texture))
    assert read_ply(coloured[0]).colours is not None


@pytest.mark.parametrize(("name", "expected"), [
    ("a.obj", "a.0007.obj"), ("a_%03d.obj", "a_007.obj"), ("a_%d.obj", "a_7.obj"), ("##.obj", "07.obj"),
    ("a.##########.obj", "a.0000000007.obj")])
def test_the_number_goes_where_the_name_says(name: str, expected: str) -> None:
    assert numbered(Path(name), 7) == Path(expected)


@pytest.mark.parametrize("name", ["a_%099999999d.obj", "#_#.obj", "a_" + 40 * "#" + ".obj"])
def test_a_number_that_no_name_can_hold_is_refused(tmp_path, short, name: str) -> None:
    with pytest.raises(OutputError, match="one number"):
        export_take(short, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_point_caches_hold_every_frame_and_the_last_face_where_one_is_lost(tmp_path, take) -> None:
    rate, points = read_pc2(export_take(take, tmp_path / "a.pc2")[-1])
    times, points_mdd = read_mdd(export_take(take, tmp_path / "a.mdd")[-1])
    assert rate == 1.0 and len(points) == COUNT
    np.testing.assert_allclose(times, take.time_s - 2, atol=1e-5)
    np.testing.assert_array_equal(points, points_mdd)
    for row, shown in ((0, 2), (1, 2), (2, 2), (19, 19), (20, 19), (21, 19), (22, 22), (39, 39)):
        np.testing.assert_allclose(points[row], in_metres(take, shown), atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mdd", "a.pc2", "a_mesh.obj"]
    np.testing.assert_allclose(read_obj(tmp_path / "a_mesh.obj").vertices, points[0], atol=1e-6)


def test_a_varying_rate_is_laid_on_an_even_one_where_the_kind_has_no_stamps(tmp_path) -> None:
    topology = load_topology()
    stamps = [0, 1, 2, 3, 6, 7, 8]                          # two frames are missing in the source
    frames = [dataclasses.replace(acted(topology, i), time_s=stamp / FPS) for i, stamp in enumerate(stamps)]
    take = open_take(write_take(tmp_path / "a.lprtake", topology, frames))
    points = read_pc2(export_take(take, tmp_path / "a.pc2")[-1])[1]
    assert len(points) == 9
    for sample, row in enumerate((0, 1, 2, 3, 3, 4, 4, 5, 6)):
        np.testing.assert_allclose(points[sample], in_metres(take, row), atol=1e-6)
    assert read_mdd(export_take(take, tmp_path / "a.mdd")[-1])[0] == pytest.approx(np.array(stamps) / FPS)


def test_stamps_without_any_rate_are_refused_where_a_rate_is_needed(tmp_path) -> None:
    topology = load_topology()
    frames = [dataclasses.replace(acted(topology, i), time_s=time_s) for i, time_s in enumerate((0, 0.01, 0.02, 1e9))]
    take = open_take(write_take(tmp_path / "a.lprtake", topology, frames))
    with pytest.raises(OutputError, match=r"a\.pc2.*too uneven.*\.mdd"):
        export_take(take, tmp_path / "a.pc2")
    assert [path.name for path in tmp_path.iterdir()] == ["a.lprtake"]


def test_a_glb_shows_every_frame_to_a_tenth_of_a_millimetre_and_says_how_exactly(tmp_path, take) -> None:
    path, = export_take(take, tmp_path / "a.glb")
    read_glb(path)
    got = read_animation(path)
    np.testing.assert_allclose(got.times, take.time_s - 2, atol=1e-5)
    rows = held_rows(take)
    off = [np.linalg.norm(got.vertices(i) - in_metres(take, rows[i]), axis=1).max() * 1000 for i in range(COUNT)]
    assert max(off) < 0.1 and max(off) == pytest.approx(got.extras["worst_error_mm"], abs=2e-3)
    assert got.weights.min() >= 0 and got.weights.max() <= 1 and got.extras["first_time_s"] == 2
    assert len(got.targets) <= 16 and path.stat().st_size < 5e6


def test_in_a_glb_the_head_moves_the_node(tmp_path, take) -> None:
    got = read_animation(export_take(take, tmp_path / "a.glb")[0])
    x, y, z, w = got.rotations.T.astype(float)
    turned = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)], 1)      # of the x axis
    rows = held_rows(take)
    np.testing.assert_allclose(turned, take.rotation[rows][:, :, 0], atol=1e-6)
    np.testing.assert_allclose(got.ways[:, 0], (take.shift[rows, 0] - 319.5) / take.scale[rows] / 100, atol=1e-6)
    assert (got.ways[:, 2] == 0).all() and got.ways[5, 1] > 0              # above the middle of the picture


def test_a_moving_face_is_shaded_as_it_moves(tmp_path, take) -> None:
    """By normals that follow the morph targets: with those of one face a wide mouth is shaded as if it were shut."""
    path, = export_take(take, tmp_path / "a.glb")
    got, off = read_animation(path), []
    for key in range(2, COUNT, 3):
        expected = vertex_normals(in_metres(take, int(held_rows(take)[key])), take.topology.triangles)
        off.append(np.rad2deg(np.arccos(np.clip((got.normals(key) * expected).sum(1), -1, 1))))
    assert np.mean(off) < 0.5
    still = np.rad2deg(np.arccos(np.clip((got.base_normals * expected).sum(1), -1, 1)))
    assert np.mean(still) > 8 * np.mean(off)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**20))
def test_fitted_normals_are_of_unit_length_without_weights(count: int, rank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random((count, rank))
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1]])
    faces = rng.normal(size=(count, 4, 3))
    base, targets = morph_normals(faces.__getitem__, triangles, weights)
    np.testing.assert_allclose(np.linalg.norm(base, axis=1), 1, atol=1e-5)
    assert targets.shape == (rank, 4, 3) and np.isfinite(targets).all()


def test_with_the_head_meshes_move_as_it_did(tmp_path, short) -> None:
    files = export_take(short, tmp_path / "a.ply", options=ExportOptions(head=True))
    for file, row in zip(files, (0, 2, 3)):
        pose = dataclasses.replace(short.pose(row), inverse_distance=0.0)
        flat = compose(short.canonical(row).astype(float), pose)            # without perspective
        expected = (flat - [319.5, 239.5, 0]) * [1, -1, 1] / pose.scale / 100
        np.testing.assert_allclose(read_ply(file).vertices, expected, atol=1e-5)


def test_tables_have_a_line_a_frame_and_empty_cells_without_a_face(tmp_path, take) -> None:
    for name, count in (("landmarks.csv", 204), ("my pose.CSV", 20)):
        file, = export_take(take, tmp_path / name)
        with file.open(newline="") as text:
            rows = list(csv.DictReader(text))
        assert len(rows) == COUNT and len(rows[0]) == 4 + count
        assert [int(row["index"]) for row in rows] == take.index.tolist()
        assert [float(row["time_s"]) for row in rows] == pytest.approx(take.time_s)
        for number, row in enumerate(rows):
            numbers = list(row.values())[4:]
            assert (row["valid"] == "1") == take.valid[number] and all(numbers) == take.valid[number]
            assert take.valid[number] or not any(numbers)
    pose = rows[5]
    angles = [float(pose[f"{name}_deg"]) for name in ("yaw", "pitch", "roll")]
    assert angles == pytest.approx(take.pose(5).yaw_pitch_roll_deg, abs=1e-5)
    with (tmp_path / "landmarks.csv").open(newline="") as text:
        row = list(csv.DictReader(text))[7]
    points = np.array([[float(row[f"{axis}{i}"]) for axis in "xyz"] for i in range(68)])
    np.testing.assert_allclose(points, take.landmarks_image(7), atol=1e-3)


def test_an_npz_holds_every_number(tmp_path, take) -> None:
    path, = export_take(take, tmp_path / "a.npz")
    with np.load(path, allow_pickle=False) as got:
        numbers = {key: got[key] for key in got.files}
    assert numbers["position"].shape == (COUNT, len(take.topology.cells), 3) and numbers["position"].dtype == np.float32
    for key in ("valid", "time_s", "confidence", "index"):
        np.testing.assert_array_equal(numbers[key], getattr(take, key))
    for row in range(COUNT):
        if row in LOST:
            assert all(np.isnan(numbers[key][row]).all() for key in ("position", "landmarks", "pose", "rotation"))
            continue
        np.testing.assert_array_equal(numbers["position"][row], take.canonical(row))
        np.testing.assert_array_equal(numbers["landmarks"][row], take.landmarks_image(row))
    flat = np.c_[numbers["position"][9], np.ones(len(take.topology.cells))] @ numbers["pose"][9].T
    away = 1 - numbers["inverse_distance"][9] * flat[:, 2] / numbers["scale"][9]
    image = np.c_[numbers["shift"][9] + (flat[:, :2] - numbers["shift"][9]) / away[:, None], flat[:, 2]]
    np.testing.assert_allclose(image, take.vertices_image(9), atol=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path, short, name: str) -> None:
    with pytest.raises(OutputError, match="missing"):
        export_take(short, tmp_path / "missing" / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_take_without_a_face_makes_no_file(tmp_path, name: str) -> None:
    empty = write_take(tmp_path / "a.lprtake", load_topology(), [TakeFrame(0, 0.0), TakeFrame(1, 0.04)])
    with pytest.raises(OutputError, match=f"{name}.*no frame of the take has a face"):
        export_take(open_take(empty), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["a.lprtake"]


def test_a_single_frame_can_be_written_to_every_kind(tmp_path) -> None:
    topology = load_topology()
    take = open_take(write_take(tmp_path / "a.lprtake", topology, [acted(topology, 3)]))
    for name in NAMES:
        assert export_take(take, tmp_path / name)[-1].stat().st_size > 300
    np.testing.assert_allclose(read_animation(tmp_path / "shot.glb").vertices(0), in_metres(take, 0), atol=1e-5)
    assert len(read_pc2(tmp_path / "shot.pc2")[1]) == 1


@pytest.mark.parametrize(("name", "cause"), [
    ("a.fbx", "obj"), ("a", "obj"), ("a.landmarks", "obj"), ("a.csv", "pose.csv")])
def test_a_name_that_says_no_kind_is_answered_with_those_there_are(name: str, cause: str) -> None:
    with pytest.raises(OutputError, match=cause):
        kind_of(name)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(1, 12), st.integers(0, 2**20))
def test_faces_mixed_of_few_shapes_are_found_again(count: int, rank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes, weights = rng.normal(size=(rank, 50, 3)), rng.normal(size=(count, rank))
    faces = (np.einsum("ir,rnc->inc", weights, shapes) + rng.normal(size=(50, 3))).astype(np.float32)
    found = low_rank(faces.__getitem__, count)
    again = found.base + np.einsum("ir,rnc->inc", found.weights, found.shapes)
    off = np.linalg.norm(again - faces, axis=2)
    assert off.max() < 0.01 and len(found.shapes) <= min(count, rank + 2)
    assert found.worst_cm == pytest.approx(off.max(), abs=1e-4)
    assert found.rms_cm == pytest.approx(np.sqrt((off**2).mean()), abs=1e-4)


def test_faces_of_more_shapes_than_are_allowed_say_how_far_off_they_are() -> None:
    faces = np.random.default_rng(0).normal(size=(40, 30, 3)).astype(np.float32)
    found = low_rank(faces.__getitem__, 40, most=10)
    again = found.base + np.einsum("ir,rnc->inc", found.weights, found.shapes)
    assert len(found.shapes) == 10
    assert found.rms_cm == pytest.approx(np.sqrt(((again - faces) ** 2).sum(2).mean()), rel=1e-3) and found.rms_cm > 0.5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-180, 180)] * 3), min_size=1, max_size=8))
def test_quaternions_turn_as_the_matrices_do(angles) -> None:
    rotations = np.array([rotation_from_angles(*each) for each in angles])
    x, y, z, w = quaternions(rotations).T
    again = np.stack([np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)]),
                      np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)]),
                      np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)])]).transpose(2, 0, 1)
    np.testing.assert_allclose(again, rotations, atol=1e-9)


def test_blender_shows_the_take_at_every_frame(tmp_path, take, run_blender) -> None:
    """The y up of glTF becomes z up by its rules; the meshes of the caches keep their own axes."""
    paths = [export_take(take, tmp_path / f"my take{ending}")[-1] for ending in (".glb", ".pc2", ".mdd")]
    frames = (0, 7, 15, 21, 33)
    done = run_blender(HERE / "blender_take.py", tmp_path / "seen.npz", FPS, ",".join(map(str, frames)), *paths)
    assert "DONE" in done.stdout, done.stdout + done.stderr
    with np.load(tmp_path / "seen.npz", allow_pickle=False) as seen:
        rows = held_rows(take)[list(frames)]
        expected = np.array([in_metres(take, int(row)) for row in rows])
        for kind in ("pc2", "mdd"):
            np.testing.assert_allclose(seen[kind], expected, atol=2e-6)
        upright = expected[..., [0, 2, 1]] * [1, -1, 1]
        np.testing.assert_allclose(seen["glb"], upright, atol=1e-4)
        assert seen["glb_names"].tolist()[:2] == ["Basis", "shape 1"]
        turn = seen["glb_matrix"][:, :3, :3]                # of z up space: conjugated by the swap of axes
        swap = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
        np.testing.assert_allclose(turn, swap @ take.rotation[rows] @ swap.T, atol=1e-4)
