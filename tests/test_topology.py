"""The shipped topology is sound, and a damaged one is refused with its name and the cause."""

import numpy as np
import pytest

from inference_core.errors import TopologyError
from inference_core.paths import weights_dir
from inference_core.topology import load_topology

FILE = weights_dir() / "topology.npz"


@pytest.fixture(scope="module")
def topology():
    return load_topology()


def arrays():
    with np.load(FILE, allow_pickle=False) as z:
        return {k: z[k] for k in z.files}


def test_lids_have_at_least_six_cells_of_opening(topology):
    cells = topology.landmarks(np.c_[topology.uvs * topology.size, np.zeros(len(topology.uvs))].astype(np.float64))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert np.linalg.norm(cells[upper] - cells[lower]) >= 6


def test_the_mean_face_is_its_own_mirror_image(topology):
    mean = topology.mean_canonical.astype(np.float64)
    np.testing.assert_allclose(mean[topology.mirror], mean * [-1, 1, 1], atol=1e-6)
    np.testing.assert_array_equal(topology.cells[topology.mirror] + topology.cells * [0, 1] * 1,
                                  np.c_[topology.cells[:, 0], np.full(len(topology.cells), topology.size - 1)])


def test_a_map_and_its_vertices_are_the_same_numbers(topology):
    vertices = np.random.default_rng(0).normal(size=(len(topology.cells), 3)).astype(np.float32)
    position_map = topology.position_map(vertices)
    np.testing.assert_array_equal(topology.vertices(position_map), vertices)
    assert np.isnan(position_map).any(2).sum() == topology.size**2 - len(vertices)


def test_landmarks_lie_on_the_mean_face_where_a_face_has_them(topology):
    points = topology.landmarks(topology.mean_canonical)
    assert (points[36:42, 0] < 0).all() and (points[42:48, 0] > 0).all()      # the subject's right eye first
    assert points[8, 1] == points[:, 1].min() and points[30, 2] == points[:, 2].max()
    assert points[19, 1] > points[37, 1] > points[41, 1] > points[30, 1] > points[51, 1] > points[57, 1]


def test_the_faces_look_outwards(topology):
    corners = topology.mean_canonical[topology.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert normals[:, 2].sum() > 0 and (normals[:, 2] > 0).mean() > 0.85


def test_openings_are_holes(topology):
    """Three loops of edges with one face beside the rim: two eyes and the mouth."""
    edges = {}
    for face in topology.faces:
        corners = [v for v in face if v >= 0]
        for a, b in zip(corners, corners[1:] + corners[:1]):
            edges[(a, b)] = True
    border = {a: b for a, b in edges if (b, a) not in edges}
    loops = 0
    while border:
        loops += 1
        start, current = next(iter(border.items()))
        del border[start]
        while current in border:
            current = border.pop(current)
    assert loops == 4


def save(path, changed):
    np.savez(path, **changed)
    return path


@pytest.mark.parametrize("damage, cause", [
    (lambda a: a.update(mirror=np.roll(a["mirror"], 1)), "mirror"),
    (lambda a: a["faces"].__setitem__((5, 0), 10**6), "faces points outside"),
    (lambda a: a["faces"].__setitem__(5, a["faces"][5][[0, 3, 2, 1]]), "flipped|direction"),
    (lambda a: a.update(cells=a["cells"][::-1]), "out of order"),
    (lambda a: a.update(landmark_weights=a["landmark_weights"] * 2), "sum to 1"),
    (lambda a: a.update(mean_canonical=a["mean_canonical"][:-1]), "shape"),
    (lambda a: a.pop("uvs"), "not a topology file"),
    (lambda a: a.update(name=np.array([{"x": 1}], dtype=object)), "not a topology file"),
])
def test_an_inconsistent_topology_is_refused_with_file_and_cause(tmp_path, damage, cause):
    changed = {k: v.copy() for k, v in arrays().items()}
    damage(changed)
    with pytest.raises(TopologyError, match=cause) as caught:
        load_topology(save(tmp_path / "odd.npz", changed))
    assert "odd.npz" in str(caught.value)


def test_a_cut_off_or_missing_topology_is_refused_with_file_and_cause(tmp_path):
    (tmp_path / "cut.npz").write_bytes(FILE.read_bytes()[:1000])
    for name in ("cut.npz", "none.npz"):
        with pytest.raises(TopologyError, match=name):
            load_topology(tmp_path / name)
