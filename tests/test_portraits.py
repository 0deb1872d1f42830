"""Samples from portraits: labels lie on their pictures, whatever was done to the face; the split holds."""

import os
from pathlib import Path

import numpy as np
import pytest

from inference_core.pose import HeadPose, compose

SHARED = Path(__file__).resolve().parents[2] / "shared"
FACE_MODEL, PORTRAITS = SHARED / "face_model", SHARED / "portraits"
pytestmark = pytest.mark.skipif(not ((PORTRAITS / "landmarks.npz").is_file()
                                     and (FACE_MODEL / "face_model.npz").is_file()),
                                reason="needs the portraits and the face model in ../shared")
CORRESPONDENCE = FACE_MODEL / "facemesh_correspondence.npz"


@pytest.fixture(scope="module")
def model():
    from training.face_model import load_face_model
    return load_face_model(FACE_MODEL / "face_model.npz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Some portraits of every tar: a short table beside links to the real tars."""
    place = tmp_path_factory.mktemp("portraits")
    with np.load(PORTRAITS / "landmarks.npz") as z:
        rows = np.concatenate([np.flatnonzero(z["tar"] == tar)[:14] for tar in np.unique(z["tar"])])
        np.savez(place / "landmarks.npz", **{k: z[k][rows] for k in ("name", "tar", "facemesh", "source")},
                 source_names=z["source_names"])
    for tar in PORTRAITS.glob("*.tar"):
        os.symlink(tar, place / tar.name)
    return place


@pytest.fixture(scope="module")
def source(folder, model):
    from training.portraits import PortraitSource
    return PortraitSource(folder, model, CORRESPONDENCE, cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def mesh(model):
    from training.head_mesh import build_head_mesh
    return build_head_mesh(model)


def laid_over(mesh, model, photo=None, row=0):
    """One portrait under its fit; `photo` replaces the picture."""
    from training.fitting import SKIN_POINTS, FaceFitter, load_anchors
    from training.portrait_files import read_portraits
    from training.surroundings import lay_over_photo
    portrait = read_portraits(PORTRAITS)[row]
    fit = FaceFitter(model, load_anchors(CORRESPONDENCE)).fit(portrait.points)
    shape = mesh.shapes(fit.identity[None], fit.expression[None])[0]
    moves = mesh.spread_residuals(fit.residual[None, :SKIN_POINTS])[0]
    photo = portrait.photo() if photo is None else photo
    return portrait, fit, lay_over_photo(photo, mesh, shape, fit, moves)


@pytest.mark.parametrize("kind", ["plain", "turned", "expression", "both"])
def test_a_sample_is_framed_by_its_own_landmarks(source, mesh, kind):
    from training.face_model import NARROW_VERTICES
    from training.sample import SAMPLE_MARGIN, SAMPLE_SIZE, SAMPLE_UP
    for sample in source.samples(4, 3, kind):
        assert sample.image.shape == (SAMPLE_SIZE, SAMPLE_SIZE, 3) and sample.image.dtype == np.uint8
        assert sample.canonical.shape == (NARROW_VERTICES, 3) and sample.canonical.dtype == np.float32
        points = compose(mesh.landmarks(sample.canonical.astype(np.float64)), sample.pose)[:, :2]
        low, high = points.min(0), points.max(0)
        # perspective bends a landmark between its vertices by hundredths of a pixel
        assert SAMPLE_SIZE / (high - low).max() == pytest.approx(SAMPLE_MARGIN, rel=2e-3)
        centre = (low + high) / 2 - [0, SAMPLE_UP * (high - low)[1]]
        np.testing.assert_allclose(centre, (SAMPLE_SIZE - 1) / 2, atol=0.2)


def test_the_laid_over_face_meets_facemesh_at_lids_and_lips(mesh, model):
    from training.fitting import LIDS, LIPS, load_anchors
    portrait, fit, laid = laid_over(mesh, model)
    flat = np.c_[laid.texture[:6706], np.zeros(6706)]
    found = load_anchors(CORRESPONDENCE)
    rows = list(LIDS + LIPS)
    seen = (flat[found.vertices[rows]] * found.weights[rows][..., None]).sum(1)[:, :2]
    away = np.linalg.norm(seen - portrait.points[rows, :2], axis=1)
    eye_span = np.linalg.norm(portrait.points[33, :2] - portrait.points[263, :2])
    assert away.mean() < 0.005 * eye_span


@pytest.mark.parametrize("yaw", [-60.0, -20.0, 35.0])
def test_a_turned_picture_shows_each_piece_of_skin_where_the_label_says(mesh, model, monkeypatch, yaw):
    """The photo's colour is its own x and y, so a colour in the picture tells where it came from."""
    from training import redraw
    from training.sample import sample_frame
    from training.warping import vertex_normals
    monkeypatch.setattr(redraw, "_light", lambda rng, normals: np.ones(len(normals), np.float32))
    y, x = np.mgrid[:256, :256].astype(np.uint8)
    photo = np.stack([x, y, np.full_like(x, 128)], -1)
    _, fit, laid = laid_over(mesh, model, photo)
    turn = np.radians(-yaw)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    pose = HeadPose(rotation @ fit.pose.rotation, 1.0, np.zeros(2), 1 / 60)
    zoom, offset = sample_frame(mesh.landmarks(redraw.to_screen(laid.canonical[:6706], pose)))
    pose = HeadPose(pose.rotation, zoom, offset, 1 / 60)
    image = redraw.draw(np.random.default_rng(0), mesh, laid, laid.canonical, pose, paint_mouth=False,
                        widened={}, reach_cm=5.0, other_photo=photo)
    here = compose(laid.canonical[:6706].astype(np.float64), pose)
    camera = np.ascontiguousarray(laid.canonical @ np.float32(pose.rotation).T)
    facing = vertex_normals(camera, mesh.triangles)[:6706, 2]
    before = vertex_normals(laid.camera, mesh.triangles)[:6706, 2]
    own = mesh.texture_vertex[:6706] == np.arange(6706)
    rows = np.flatnonzero((facing > 0.6) & (before > 0.6) & own)
    px, py = np.round(here[rows, :2]).astype(int).T
    off = np.abs(image[py, px, :2].astype(float) - laid.texture[rows]).max(1)
    assert len(rows) > 500
    assert np.median(off) < 1.0 and np.percentile(off, 90) < 3.0


def test_the_same_seed_gives_the_same_samples_however_many(source):
    short, long = list(source.samples(3, 11)), list(source.samples(40, 11))
    for a, b in zip(short, long):
        np.testing.assert_array_equal(a.image, b.image)
        # the batch's matrix product may sum in another order
        np.testing.assert_allclose(a.canonical, b.canonical, atol=1e-4)
    assert not np.array_equal(short[0].image, next(source.samples(1, 12)).image)


def test_heldout_people_are_never_trained_on_and_other_licences_are_left_out(source, folder, model):
    from training.portrait_files import is_heldout, read_portraits
    from training.portraits import PortraitSource
    heldout = PortraitSource(folder, model, CORRESPONDENCE, cache_dir=folder / "cache", split="heldout")
    free, every = read_portraits(folder), read_portraits(folder, other_licences=True)
    assert len(free) == 4 * 14 and len(every) == 5 * 14
    held = sum(is_heldout(p.name) for p in free)
    assert len(heldout) + heldout.dropped == held > 0
    assert len(source) + source.dropped == len(free) - held


def test_portraits_of_stated_licence_alone_can_be_asked_for(folder, tmp_path):
    from training.portrait_files import STATED_SOURCES, read_portraits
    stated = {p.name for p in read_portraits(folder, stated_only=True)}
    with np.load(folder / "landmarks.npz") as z:
        of = dict(zip(z["name"].astype(str), z["source_names"][z["source"]].astype(str)))
        np.savez(tmp_path / "landmarks.npz", **{k: z[k] for k in ("name", "tar", "facemesh")})
    assert stated == {name for name, source in of.items() if source in STATED_SOURCES}
    assert 0 < len(stated) < len(read_portraits(folder))
    with pytest.raises(ValueError, match="landmarks.npz.*whose"):
        read_portraits(tmp_path, stated_only=True)


def test_fits_are_made_once(source, folder, model, monkeypatch):
    from training import portrait_files
    from training.portraits import PortraitSource

    def refuse(*_):
        raise AssertionError("fitted again")
    monkeypatch.setattr(portrait_files, "FaceFitter", refuse)
    again = PortraitSource(folder, model, CORRESPONDENCE, cache_dir=folder / "cache")
    assert len(again) == len(source)
    assert [p.suffixes for p in (folder / "cache").iterdir()] == [[".npz"]]


def test_lids_go_to_the_opening_that_was_drawn(source, model, monkeypatch):
    from training import expressions
    monkeypatch.setattr(expressions, "draw_lid_shares", lambda rng: {"L": 0.0, "R": 1.3})
    fit = source._fits.row(0)
    before = source._openings.measure(fit.identity, fit.expression)
    weights, _ = expressions.vary_expression(np.random.default_rng(0), model, source._openings, fit.identity,
                                             fit.expression, source._fits.expression)
    after = source._openings.measure(fit.identity, weights)
    assert after[0] == pytest.approx(0, abs=1e-3)
    assert after[1] == pytest.approx(1.3 * before[1], abs=1e-3)


def test_changed_lips_never_pass_through_each_other_and_mouths_open_wide(source, model):
    from training.expressions import LIP_OVERLAP_CM, vary_expression
    rng, gaps = np.random.default_rng(1), []
    for i in range(200):
        fit = source._fits.row(i % len(source._fits.error))
        weights, changed = vary_expression(rng, model, source._openings, fit.identity, fit.expression,
                                           source._fits.expression)
        if changed:
            gaps.append(source._openings.measure(fit.identity, weights)[2:].min())
    assert min(gaps) > -LIP_OVERLAP_CM - 1e-3
    assert max(gaps) > 2.0 and np.mean(np.array(gaps) < 0.1) > 0.1


def test_sampled_expressions_are_weights_and_close_and_open_the_eyes(model):
    from training.expressions import sample_expression
    rng = np.random.default_rng(2)
    weights = np.stack([sample_expression(rng, model) for _ in range(300)])
    assert weights.shape == (300, len(model.expression_names)) and weights.dtype == np.float32
    assert weights.min() >= 0 and weights.max() <= 1
    both = weights[:, [model.expression_index("eyeBlink_L"), model.expression_index("eyeBlink_R")]].min(1)
    assert np.mean(both > 0.8) > 0.15
    assert np.mean(weights[:, model.expression_index("eyeWide_L")] > 0.1) > 0.05


def test_a_wrong_folder_is_said_in_one_sentence(tmp_path, capsys):
    from training.portraits import main
    code = main([str(tmp_path / "none"), "--face-model", str(FACE_MODEL / "face_model.npz"), "--facemesh",
                 str(CORRESPONDENCE), "--sheet", str(tmp_path / "sheet.png"), "--cache", str(tmp_path)])
    said = capsys.readouterr().err.strip()
    assert code == 1 and "landmarks.npz" in said and "\n" not in said
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_of_all_four_kinds_is_written(folder, tmp_path):
    import cv2

    from training.portraits import main
    from training.sample import SAMPLE_SIZE
    sheet = tmp_path / "sheet.png"
    assert main([str(folder), "--face-model", str(FACE_MODEL / "face_model.npz"), "--facemesh",
                 str(CORRESPONDENCE), "--sheet", str(sheet), "--cache", str(folder / "cache"),
                 "--per-kind", "2"]) == 0
    assert cv2.imread(str(sheet)).shape == (8 * SAMPLE_SIZE, 2 * SAMPLE_SIZE, 3)


def test_an_unknown_split_is_refused(folder, model):
    from training.portraits import PortraitSource
    with pytest.raises(ValueError, match="heldout"):
        PortraitSource(folder, model, CORRESPONDENCE, cache_dir=folder, split="test")
