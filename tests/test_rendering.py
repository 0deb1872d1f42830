"""Rendered samples: labels lie on their pictures, shut eyes look shut, draws keep their bounds, the split holds."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("numba", reason="rendering needs the [training] extra")

from inference_core.pose import compose  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared"
FACE_MODEL, TEXTURES = SHARED / "face_model" / "face_model.npz", SHARED / "face_textures"
pytestmark = pytest.mark.skipif(not (FACE_MODEL.is_file() and TEXTURES.is_dir()),
                                reason="needs the face model and the skins in ../shared")
SPOT_TEXELS = 9


@pytest.fixture(scope="module")
def model():
    from training.face_model import load_face_model
    return load_face_model(FACE_MODEL)


@pytest.fixture(scope="module")
def source(model):
    from training.rendering import RenderSource
    return RenderSource(model, TEXTURES)


@pytest.fixture
def bare(monkeypatch):
    """No hair, beard, brows or glasses in the way, eyes pure green."""
    from training import rendering
    from training.render_mesh import EYE
    drawn = rendering.draw_look

    def look(rng, brightness, glasses):
        out = drawn(rng, brightness, glasses)
        out.flat[EYE] = 0, 1, 0, 0
        return replace(out, hair=None, glasses=None, cover=np.zeros((4, 4), np.float32), pupil=0.0, lash=0.0,
                       iris=np.float32([0, 1, 0]))
    monkeypatch.setattr(rendering, "draw_look", look)


def spotted_skins(folder, model, vertices):
    """A folder with one grey skin that has a green spot at each vertex."""
    skin = model.face_material == model.material_names.index("M_Face")
    faces, corners = model.faces[skin].ravel(), model.face_uvs[skin].ravel()
    face = np.full((512, 512, 3), 150, np.uint8)
    for vertex in vertices:
        u, v = model.uvs[corners[np.flatnonzero(faces == vertex)[0]]]
        cv2.circle(face, (int(u * 512), int((1 - v) * 512)), SPOT_TEXELS, (40, 220, 40), -1)
    cv2.imwrite(str(folder / "grey.face.jpg"), face)
    cv2.imwrite(str(folder / "grey.head.jpg"), np.full((256, 256, 3), 150, np.uint8))
    return folder


def test_the_picture_shows_each_piece_of_skin_where_the_label_says(model, tmp_path, bare):
    from training.rendering import RenderSource
    from training.warping import vertex_normals
    narrow = model.neutral[:6706] - model.origin
    # cheeks, forehead, nose, chin
    wanted = [[4, -2.5, 2.0], [-4, -2.5, 2.0], [2, 3.0, 3.0], [-2, 3.0, 3.0], [0, -2.0, 5.0], [0, -11, 2.5]]
    vertices = [int(np.linalg.norm(narrow - p, axis=1).argmin()) for p in wanted]
    source = RenderSource(model, spotted_skins(tmp_path, model, vertices))
    offs = []
    for sample in source.samples(25, 4):
        points = compose(sample.canonical.astype(np.float64), sample.pose)
        camera = (sample.canonical @ np.float32(sample.pose.rotation).T).astype(np.float32)
        facing = vertex_normals(camera, source._mesh.triangles[(source._mesh.triangles < 6706).all(1)])
        for vertex in vertices:
            x, y = points[vertex, :2]
            if facing[vertex, 2] < 0.75:
                continue
            i, j = int(round(y)), int(round(x))
            part = sample.image[i - 9:i + 10, j - 9:j + 10].astype(np.float64)
            green = np.clip(part[..., 1] - part[..., [0, 2]].max(-1) - 8, 0, None)
            rows, columns = np.mgrid[i - 9:i + 10, j - 9:j + 10]
            assert green.sum() > 0
            offs.append(np.hypot((green * columns).sum() / green.sum() - x, (green * rows).sum() / green.sum() - y))
    assert len(offs) > 30
    # a spot of skin is not flat: its middle is not exactly its vertex
    assert np.median(offs) < 0.7 and max(offs) < 3


def test_a_sample_is_framed_by_its_own_landmarks(source):
    from training.face_model import NARROW_VERTICES
    from training.sample import SAMPLE_MARGIN, SAMPLE_SIZE, SAMPLE_UP
    for sample in source.samples(6, 3):
        assert sample.image.shape == (SAMPLE_SIZE, SAMPLE_SIZE, 3) and sample.image.dtype == np.uint8
        assert sample.canonical.shape == (NARROW_VERTICES, 3) and sample.canonical.dtype == np.float32
        points = compose(source.landmarks(sample.canonical.astype(np.float64)), sample.pose)[:, :2]
        low, high = points.min(0), points.max(0)
        assert SAMPLE_SIZE / (high - low).max() == pytest.approx(SAMPLE_MARGIN, rel=1e-4)
        centre = (low + high) / 2 - [0, SAMPLE_UP * (high - low)[1]]
        np.testing.assert_allclose(centre, (SAMPLE_SIZE - 1) / 2, atol=0.01)


def eyeball_pixels(source, monkeypatch, shares):
    """How many pixels between the brows and cheeks of mostly frontal faces are the eyes' green."""
    from inference_core.pose import rotation_from_angles
    from training import render_draws, rendering

    def lids(rng, weights):
        return dict.fromkeys(render_draws.SIDES, shares)
    monkeypatch.setattr(render_draws, "_draw_lids", lids)
    monkeypatch.setattr(rendering, "draw_rotation",
                        lambda rng: rotation_from_angles(rng.uniform(-40, 40), rng.uniform(-15, 15), 0.0))
    counts = []
    for sample in source.samples(16, 8):
        points = compose(source.landmarks(sample.canonical.astype(np.float64)), sample.pose)[36:48, :2]
        (left, top), (right, bottom) = points.min(0).astype(int) - 2, points.max(0).astype(int) + 3
        part = sample.image[top:bottom, left:right].astype(int)
        counts.append(int((part[..., 1] > 1.6 * part[..., [0, 2]].max(-1) + 12).sum()))
    return np.array(counts)


def test_shut_eyes_show_no_eyeball_and_open_eyes_do(source, monkeypatch, bare):
    shut = eyeball_pixels(source, monkeypatch, 0.0)
    opened = eyeball_pixels(source, monkeypatch, 1.0)
    assert np.median(shut) == 0 and shut.max() < 8
    assert np.median(opened) > 60


def test_the_same_seed_gives_the_same_samples_however_many(source):
    short, long = list(source.samples(2, 11)), list(source.samples(20, 11))
    for a, b in zip(short, long):
        # the batch's matrix product may sum in another order, and so move an edge
        np.testing.assert_allclose(a.canonical, b.canonical, atol=1e-4)
        np.testing.assert_allclose(a.pose.shift, b.pose.shift, atol=1e-2)
        assert np.abs(a.image.astype(int) - b.image).mean() < 0.3
    assert np.abs(short[0].image.astype(int) - next(source.samples(1, 12)).image).mean() > 5


def test_heldout_skins_are_never_trained_on(source, model):
    from training.rendering import RenderSource
    from training.skins import HELDOUT_SKINS
    heldout = RenderSource(model, TEXTURES, split="heldout")
    held, trained = ({skin.name for skin in s._skins} for s in (heldout, source))
    assert held == set(HELDOUT_SKINS) and not held & trained
    assert len(held | trained) == len(list(TEXTURES.glob("*.face.jpg")))
    # nor are the same faces drawn under other skins
    held_face, trained_face = (next(s.samples(1, 7)) for s in (heldout, source))
    assert np.abs(held_face.canonical - trained_face.canonical).max() > 0.1
    shades = [skin.brightness for skin in heldout._skins]
    assert min(shades) < 0.15 and max(shades) > 0.4


def test_an_unknown_split_and_a_folder_without_skins_are_refused(model, tmp_path):
    from training.rendering import RenderSource
    with pytest.raises(ValueError, match="heldout"):
        RenderSource(model, TEXTURES, split="test")
    with pytest.raises(ValueError, match="face.jpg"):
        RenderSource(model, tmp_path)


def test_heads_turn_as_far_as_they_should_and_no_further():
    from inference_core.pose import HeadPose
    from training.render_draws import MAX_PITCH_DEG, MAX_YAW_DEG, draw_rotation
    rng = np.random.default_rng(0)
    angles = np.array([HeadPose(draw_rotation(rng), 1.0, np.zeros(2)).yaw_pitch_roll_deg for _ in range(2000)])
    yaw = np.abs(angles[:, 0])
    assert yaw.max() <= MAX_YAW_DEG + 1e-6 and np.abs(angles[:, 1]).max() <= MAX_PITCH_DEG + 1e-6
    assert 0.2 < np.mean(yaw > 45) < 0.35 and np.mean(yaw < 20) > 0.3


def test_openings_are_drawn_from_shut_to_wide_and_never_inside_out(source, model):
    from training.expressions import LIP_OVERLAP_CM
    from training.render_draws import draw_face
    rng, rows = np.random.default_rng(5), []
    for _ in range(400):
        person = rng.normal(0, 0.85, 100)
        weights, gaze = draw_face(rng, model.expression_names, source._openings, person)
        assert weights.dtype == np.float32 and np.abs(gaze).max() < 0.5
        rows.append(source._openings.measure(person, weights))
    rows = np.array(rows)
    assert rows[:, :2].min() > -1e-3 and rows[:, 2:].min() > -LIP_OVERLAP_CM - 1e-3
    assert 0.2 < np.mean(rows[:, :2].max(1) < 0.12) < 0.4           # both shut
    assert np.mean(rows[:, 0] > 0.9) > 0.1 and np.mean(rows[:, 3] > 1.0) > 0.15
    # neither can be guessed from the other
    assert abs(np.corrcoef(rows[:, :2].mean(1), rows[:, 3])[0, 1]) < 0.2


def test_a_sheet_is_written_and_a_wrong_folder_said_in_one_sentence(tmp_path, capsys):
    from training.rendering import main
    from training.sample import SAMPLE_SIZE
    sheet = tmp_path / "sheet.png"
    assert main(["--face-model", str(FACE_MODEL), "--textures", str(TEXTURES), "--sheet", str(sheet), "--count", "8"]) == 0
    assert cv2.imread(str(sheet)).shape == (2 * SAMPLE_SIZE, 8 * SAMPLE_SIZE, 3)
    capsys.readouterr()
    assert main(["--face-model", str(FACE_MODEL), "--textures", str(tmp_path), "--sheet", str(sheet)]) == 1
    said = capsys.readouterr().err.strip()
    assert str(tmp_path) in said and "\n" not in said


def test_glasses_can_be_asked_for_on_every_face():
    from training.render_look import draw_look
    looks = [[draw_look(np.random.default_rng(seed), 0.5, asked).glasses for seed in range(40)] for asked in (False, True)]
    assert all(looks[1]) and 2 < sum(worn is not None for worn in looks[0]) < 15
