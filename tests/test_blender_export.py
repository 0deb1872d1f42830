"""Faces exported from Blender, judged by other readers than ours: they show what the take holds, however it was baked,
at the take's own times where the format has times, else at the scene's frames."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import takes
from bake_truth import FACE_SIZE_M, world
from export_readers import decoded, obj_picture, obj_points, read_gltf, read_sequence, read_usd, z_up
from hypothesis import given, settings
from hypothesis import strategies as st
from take_readers import read_mdd, read_pc2

from inference_core.mesh import vertex_normals
from inference_core.take import TakeRows, open_take
from inference_core.topology import load_topology
from lprnet_blender.scene.even_times import even_times

HERE = Path(__file__).resolve().parent
START, CURSOR, COUNT, FPS = 11, np.array([0.25, -0.5, 1.0]), 22, 24
LOST = (6, 7, 8, 15)
FRAMES = list(range(START, START + 22))                 # of the scene: 21 / 25 s are 20.2 frames
SEEN = [row for row in range(COUNT) if row not in LOST]
WAYS = ["ABSOLUTE_OBJECT", "RELATIVE_OBJECT", "POINT_CACHE_OBJECT", "ABSOLUTE_VERTICES", "RELATIVE_VERTICES",
        "POINT_CACHE_VERTICES", "ABSOLUTE_NONE"]
EXACT_M, MIXED_M = 1e-5 * FACE_SIZE_M, 1e-4             # at most 64 shapes that are mixed: a tenth of a millimetre
OBJ_M = 2e-6                                            # six decimals
RunBlender = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> TakeRows:
    """25 frames a second, which in a scene of 24 lie between the frames."""
    topology = load_topology()
    return open_take(takes.write_take(tmp_path_factory.mktemp("takes") / "acted.lprtake", topology,
                                      (takes.acted(topology, index, LOST) for index in range(COUNT))))


@pytest.fixture(scope="module")
def exported(run_blender: RunBlender, take: TakeRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    done = run_blender(HERE / "blender_export.py", take.path, folder, str(FPS), ",".join(map(str, FRAMES)), *WAYS)
    assert "DONE" in done.stdout, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def told(exported: Path) -> dict:
    return json.loads((exported / "told.json").read_text())


@pytest.fixture(scope="module")
def shown(exported: Path) -> dict[str, np.ndarray]:
    """What the scene showed at FRAMES."""
    with np.load(exported / "truth.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def imported(run_blender: RunBlender, take: TakeRows, exported: Path) -> dict[str, np.ndarray]:
    """Read back by Blender's importers, into a scene of another frame rate where the format has times."""
    files, keys = [], ",".join(str(scene_frame(take, row)) for row in SEEN)
    for way in WAYS:
        files += [exported / f"{way}.abc", keys, exported / f"{way}.fbx", ",".join(map(str, FRAMES))]
    files += [exported / f"{WAYS[0]}.glb", keys, exported / f"{WAYS[0]}.usdc", keys]
    done = run_blender(HERE / "blender_export_read.py", exported / "read.npz", str(FPS), "1.0", *files)
    assert "DONE" in done.stdout, done.stdout + done.stderr
    with np.load(exported / "read.npz") as arrays:
        return dict(arrays)


def scene_frame(take: TakeRows, row: int) -> float:
    return START + float(take.time_s[row] - take.time_s[0]) * FPS


def truth(take: TakeRows, row: int, way: str) -> np.ndarray:
    return world(take, row, not way.endswith("NONE"), CURSOR)


def assert_at_keys(take: TakeRows, way: str, at: Callable[[float], np.ndarray], within_m: float) -> None:
    """Every face of the take at its own time, and the last one held while it is lost."""
    for row in SEEN:
        assert np.abs(at(scene_frame(take, row)) - truth(take, row, way)).max() < within_m, row
    for held, until in ((5, 9), (14, 16)):
        assert np.abs(at(scene_frame(take, until) - 0.05) - truth(take, held, way)).max() < within_m, held


@pytest.mark.parametrize("way", WAYS)
def test_gltf_shows_every_face_at_its_own_time(take: TakeRows, exported: Path, way: str) -> None:
    got = read_gltf(exported / f"{way}.glb")
    assert_at_keys(take, way, lambda frame: got.at(frame / FPS), MIXED_M)
    assert 1 <= got.targets < len(SEEN) and len(got.times) >= len(SEEN)


@pytest.mark.parametrize("way", WAYS)
def test_gltf_with_a_shape_for_every_key_is_exact(take: TakeRows, exported: Path, way: str) -> None:
    got = read_gltf(exported / f"{way}_exact.glb")
    assert_at_keys(take, way, lambda frame: got.at(frame / FPS), 2 * EXACT_M)


def test_gltf_from_absolute_keys_moves_as_the_scene_does(take: TakeRows, exported: Path) -> None:
    """Blender's own exporter writes two keyframes and equal weights for absolute keys, and says it has finished."""
    got = read_gltf(exported / "ABSOLUTE_VERTICES.glb")
    faces = np.stack([got.at(scene_frame(take, row) / FPS) for row in SEEN])
    assert np.ptp(faces, axis=0).max() > 0.01
    assert np.abs(faces - np.stack([truth(take, row, "ABSOLUTE_VERTICES") for row in SEEN])).max() < MIXED_M


@pytest.mark.parametrize("way", ["ABSOLUTE_OBJECT", "POINT_CACHE_VERTICES"])
def test_gltf_shades_a_moving_face_as_it_moves(take: TakeRows, exported: Path, way: str) -> None:
    got, off = read_gltf(exported / f"{way}.glb"), []
    for row in SEEN[::2]:
        expected = vertex_normals(truth(take, row, way), take.topology.triangles)
        dots = (got.normals_at(scene_frame(take, row) / FPS) * expected).sum(1)
        off.append(np.rad2deg(np.arccos(np.clip(dots, -1, 1))))
    assert np.mean(off) < 0.6


@pytest.mark.parametrize("way", WAYS)
def test_usd_has_every_face_at_its_own_time_code(take: TakeRows, exported: Path, way: str) -> None:
    got = read_usd(exported / f"{way}.usdc")
    assert got.rate == FPS
    assert_at_keys(take, way, got.at, EXACT_M)


@pytest.mark.parametrize("way", WAYS)
def test_alembic_has_every_face_at_its_own_time(take: TakeRows, imported, way: str) -> None:
    for number, row in enumerate(SEEN):
        assert np.abs(imported[f"{way}.abc"][number] - truth(take, row, way)).max() < EXACT_M, row


@pytest.mark.parametrize("way", WAYS)
def test_fbx_shows_what_the_scene_does_at_every_frame(shown, imported, way: str) -> None:
    for number, frame in enumerate(FRAMES):
        assert np.abs(imported[f"{way}.fbx"][number] - shown[way][number]).max() < MIXED_M, frame


@pytest.mark.parametrize("way", WAYS)
def test_meshes_and_point_caches_show_what_the_scene_does_at_every_frame(exported: Path, shown, way: str) -> None:
    meshes = read_sequence(exported, way)
    times, points = read_mdd(exported / f"{way}.mdd")
    rate, points_pc2 = read_pc2(exported / f"{way}.pc2")
    assert sorted(meshes) == FRAMES and rate == 1.0
    np.testing.assert_allclose(times, np.arange(len(FRAMES)) / FPS, atol=1e-6)
    np.testing.assert_array_equal(points, points_pc2)
    for number, frame in enumerate(FRAMES):
        assert np.abs(meshes[frame] - shown[way][number]).max() < OBJ_M, frame
        assert np.abs(z_up(points[number]) - shown[way][number]).max() < EXACT_M, frame
    np.testing.assert_allclose(obj_points(exported / f"{way}_mesh.obj"), points[0], atol=OBJ_M)


def test_blender_reads_its_gltf_and_usd_back(take: TakeRows, imported) -> None:
    for number, row in enumerate(SEEN):
        for ending, within_m in (("glb", MIXED_M), ("usdc", EXACT_M)):
            off = np.abs(imported[f"{WAYS[0]}.{ending}"][number] - truth(take, row, WAYS[0])).max()
            assert off < within_m, (ending, row)


def test_the_skin_goes_along(exported: Path, imported) -> None:
    way = WAYS[0]
    for picture in (read_gltf(exported / f"{way}.glb").picture, obj_picture(exported / f"{way}.{START:04d}.obj"),
                    obj_picture(exported / f"{way}_mesh.obj"),
                    decoded(read_usd(exported / f"{way}.usdc").picture.read_bytes())):
        assert picture.shape == (32, 32, 3)
        assert picture[0, 0].tolist() == [200, 100, 50] and picture[-1, 0].tolist() == [0, 0, 0]
    assert imported[f"{way}.fbx pictures"].tolist() == [f"{way}_skin.png"]
    assert imported[f"{way}.abc uvs"] == 1
    assert str(imported[f"{way}.abc name"]) == str(imported[f"{way}.fbx name"]) == "acted"


@pytest.mark.parametrize("way", WAYS)
def test_an_export_leaves_the_scene_as_it_was_and_nothing_but_its_files(exported: Path, told, way: str) -> None:
    assert told[way]["before"] == told[way]["after"]
    written = {name for entry in told[way].values() for name in entry.get("files", ())} | {f"{way}_exact.glb"}
    assert {path.name for path in exported.iterdir() if path.name.startswith(f"{way}")} == written


def test_what_a_format_cannot_carry_is_said(told) -> None:
    assert any("no pictures" in note for note in told[WAYS[0]]["abc"]["notes"])
    assert all("mm off" in told[way]["glb"]["notes"][0] for way in WAYS)


@settings(max_examples=60, deadline=None)
@given(st.floats(-100, 1000), st.sampled_from([0.4, 0.8, 0.96, 1.0, 1.2, 2.5]),
       st.lists(st.integers(1, 4), min_size=1, max_size=40), st.floats(0, 0.01), st.integers(0, 2**20))
def test_even_times_have_every_key_of_an_even_clip(start, step, gaps, trembling, seed) -> None:
    places = np.r_[0, np.cumsum(gaps)]
    times = start + step * (places + trembling * np.random.default_rng(seed).uniform(-0.5, 0.5, len(places)))
    even, off = even_times(times)
    if off == 0:
        assert np.isin(times, even).all()
        if len(even) > 2:
            assert np.ptp(np.diff(even)) <= 0.05 * np.diff(even).mean()
    if np.median(gaps) == 1:
        assert off == 0
    assert (even[0], even[-1]) == (times[0], times[-1]) and len(even) <= 8 * len(times) + 1


def test_uneven_times_say_how_far_off_the_samples_are() -> None:
    times = np.array([0, 1, 2.31, 3.07, 4.5, 5.05, 6.77])
    even, off = even_times(times)
    assert 0 < off < 0.5 and off == pytest.approx(max(np.abs(even - time).min() for time in times))
