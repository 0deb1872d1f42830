"""Another light on a face of a label: brighter where the lamp shines, darker behind a nose, nothing else changed."""

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="training needs the [training] extra")

from inference_core.pose import HeadPose, compose  # noqa: E402
from inference_core.topology import load_topology  # noqa: E402
from training.face_model import NARROW_VERTICES  # noqa: E402
from training.labels import label_mesh  # noqa: E402
from training.relight import BRIGHTEST, DARKEST, Lamp, draw_lamp, relight, skin_of  # noqa: E402

TOPOLOGY, SIDE = load_topology(), 248
POSE = HeadPose(np.eye(3), 9.0, np.array([SIDE / 2, SIDE / 2]), 0.0)


@pytest.fixture(scope="module")
def face():
    """(6706, 3) whose mesh is the mean face, and the Skin."""
    mesh = label_mesh()
    sums, total = np.zeros((NARROW_VERTICES, 3)), np.full(NARROW_VERTICES, 1e-9)
    for corner in range(3):
        np.add.at(sums, mesh.sources[:, corner], mesh.weights[:, corner, None] * TOPOLOGY.mean_canonical)
        np.add.at(total, mesh.sources[:, corner], mesh.weights[:, corner])
    return (sums / total[:, None]).astype(np.float32), skin_of(TOPOLOGY, mesh)


def lamp(x, y, z, shadow=0.0):
    towards = np.float32([x, y, z])
    return Lamp(towards / np.linalg.norm(towards), np.full(3, 0.8, np.float32), np.full(3, 0.2, np.float32), 0.0, shadow, 1.0)


def level(image, landmark):
    x, y = np.rint(compose(TOPOLOGY.landmarks(TOPOLOGY.mean_canonical)[landmark], POSE)[:2]).astype(int)
    return image[y - 3:y + 4, x - 3:x + 4].mean()


def test_the_side_towards_the_lamp_is_brighter_and_the_mirror_image_is_lit_from_the_other_side(face):
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    from_left, from_right = (relight(grey, face[0], POSE, face[1], lamp(x, 0, 0.5)) for x in (-1, 1))
    assert level(from_left, 2) > 1.5 * level(from_left, 14) and level(from_right, 14) > 1.5 * level(from_right, 2)
    assert np.abs(from_left.astype(float) - from_right[:, ::-1]).mean() < 2
    above, below = (relight(grey, face[0], POSE, face[1], lamp(0, y, 0.5)) for y in (1, -1))
    assert level(above, 27) > level(above, 33) and level(below, 33) > level(below, 27)      # bridge and base of the nose


def test_a_nose_throws_its_shadow_to_the_side_away_from_the_lamp(face):
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    plain, thrown = (relight(grey, face[0], POSE, face[1], lamp(-1, 0, 0.6, shadow)) for shadow in (0.0, 1.0))
    darker = plain.astype(float).mean(-1) - thrown.astype(float).mean(-1)
    tip = int(compose(TOPOLOGY.landmarks(TOPOLOGY.mean_canonical)[30], POSE)[0])
    beside = darker[100:160]
    assert beside[:, tip + 5:tip + 35].max() > 20 and beside[:, tip - 35:tip - 5].max() < beside[:, tip + 5:tip + 35].max() / 2


def test_whatever_lamp_is_drawn_a_picture_stays_within_bounds_and_the_same_seed_gives_the_same(face):
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for seed in range(40):
        drawn = draw_lamp(np.random.default_rng(seed))
        assert np.linalg.norm(drawn.towards) == pytest.approx(1, abs=1e-5)
        lit = relight(image, face[0], POSE, face[1], drawn)
        assert lit.shape == image.shape and lit.dtype == np.uint8
        assert (lit <= np.minimum(image * BRIGHTEST + 1, 255)).all() and (lit >= np.floor(image * DARKEST) - 1).all()
    again = draw_lamp(np.random.default_rng(seed))
    np.testing.assert_array_equal(relight(image, face[0], POSE, face[1], again), lit)
