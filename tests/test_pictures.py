"""Pictures show the face where it is, leave the rest of the photo alone, and look alike at every size."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_faces import PHOTO, blotches, mean_face, photo_of

from inference_core.pictures import contact_sheet, depth_picture, draw_close_up, draw_overlay
from inference_core.rendering import render_mesh, render_views
from inference_core.topology import load_topology

GREY = np.full((PHOTO, PHOTO, 3), 90, np.uint8)


def drawn(image: np.ndarray, before: np.ndarray = GREY) -> np.ndarray:
    return np.abs(image.astype(int) - before).max(2)


def moved(face, scale=1.0, shift=(0, 0)):
    change = lambda points: (points * np.float32([scale] * 3) + np.float32([*shift, 0])).astype(np.float32)     # noqa: E731
    return dataclasses.replace(face, vertices_image=change(face.vertices_image), landmarks_image=change(face.landmarks_image))


def test_every_landmark_is_drawn_where_it_lies():
    face = mean_face(-20)
    marks = drawn(draw_overlay(GREY, [face], mesh=False))
    for x, y in np.rint(face.landmarks_image[:, :2]).astype(int):
        assert marks[y, x] > 100


def test_the_net_covers_the_face_and_nothing_beyond():
    face = mean_face()
    net = drawn(draw_overlay(GREY, [face], landmarks=False)) > 4
    low, high = face.vertices_image.min(0)[:2], face.vertices_image.max(0)[:2]
    rows, columns = np.nonzero(net)
    assert np.allclose([columns.min(), rows.min()], low, atol=4) and np.allclose([columns.max(), rows.max()], high, atol=4)
    assert 0.3 < net[rows.min():rows.max(), columns.min():columns.max()].mean() < 0.95      # skin shows between


def test_the_photo_given_is_not_changed():
    photo = GREY.copy()
    draw_overlay(photo, [mean_face()])
    assert (photo == 90).all()


def test_what_is_turned_away_is_not_drawn():
    front, back = (drawn(draw_overlay(GREY, [mean_face(yaw)], landmarks=False)) > 4 for yaw in (0, 180))
    assert back.sum() < 0.1 * front.sum()


@pytest.mark.parametrize("scale, shift", [(0.02, (200, 200)), (0.2, (100, 100)), (1, (250, -300)), (1, (9000, 0)), (8, (-900, -900))])
def test_small_large_and_leaving_faces_are_drawn_without_error(scale, shift):
    picture = draw_overlay(GREY, [moved(mean_face(), scale, shift)])
    assert picture.shape == GREY.shape and picture.dtype == np.uint8
    assert (drawn(picture) > 0).any() == (shift[0] < 5000)


def test_a_large_face_gets_lines_as_fine_for_its_size_as_a_small_one():
    strength = []
    for factor in (1, 3):
        face = moved(mean_face(), factor)
        grey = np.full((PHOTO * factor, PHOTO * factor, 3), 90, np.uint8)
        strength.append(drawn(draw_overlay(grey, [face], mesh=False), grey).mean())
    assert 0.7 < strength[0] / strength[1] < 1.4


def test_two_faces_are_both_drawn():
    left, right = moved(mean_face(), 0.4), moved(mean_face(), 0.4, (250, 200))
    both = drawn(draw_overlay(GREY, [left, right]))
    assert (both[:190, :190] > 50).any() and (both[220:, 270:] > 50).any()


def test_a_close_up_shows_the_whole_face_large():
    face = moved(mean_face(30), 0.15, (20, 300))
    picture = draw_close_up(GREY, face, 300)
    rows, columns = np.nonzero(drawn(picture, np.full((300, 300, 3), 90)) > 20)
    assert picture.shape == (300, 300, 3)
    assert max(np.ptp(rows), np.ptp(columns)) > 200 and rows.min() > 5 and rows.max() < 294


def test_depth_is_bright_at_the_nose_and_zero_beside_the_face():
    face = mean_face()
    depth = depth_picture(face, (PHOTO, PHOTO + 40))
    assert depth.shape == (PHOTO, PHOTO + 40) and depth.dtype == np.uint16
    assert depth[0, 0] == 0 and depth.max() > 65000 and depth[depth > 0].min() >= 6553
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    nose = face.vertices_image[face.vertices_image[:, 2].argmax()]
    assert np.hypot(column - nose[0], row - nose[1]) < 4


def test_depth_is_linear_in_the_depth_of_the_mesh():
    face = mean_face(15)
    depth = depth_picture(face, (PHOTO, PHOTO)).astype(float)
    x, y = np.rint(face.vertices_image[:, :2]).astype(int).T
    z = face.vertices_image[:, 2]
    expected = 6553.5 + 58981.5 * (z - z.min()) / np.ptp(z)
    over = depth[y, x] - expected
    inside = depth[y, x] > 0
    assert abs(np.median(over[inside])) < 300 and (over[inside] > -3000).mean() > 0.97      # something nearer may hide it


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 999))
def test_a_contact_sheet_holds_every_picture(count, columns, seed):
    rng = np.random.default_rng(seed)
    tiles = [np.full((*rng.integers(1, 90, 2), 3), 60 + 20 * i, np.uint8) for i in range(count)]
    sheet = contact_sheet(tiles, [f"picture {i}" for i in range(count)], columns=columns, size=40)
    for i in range(count):
        assert (sheet == 60 + 20 * i).all(2).sum() >= 38                 # a line of one pixel, at the least


def test_an_empty_contact_sheet_is_a_picture():
    assert contact_sheet([], []).ndim == 3


def test_a_long_label_stays_under_its_picture():
    tiles = [np.zeros((50, 50, 3), np.uint8)] * 2
    plain, labelled = (contact_sheet(tiles, [label, ""], size=100) for label in ("", "a very long name of a file, much too long"))
    rows, columns = np.nonzero((plain != labelled).any(2))
    assert len(rows) and columns.max() < 104


def head(**options):
    topology = load_topology()
    return render_mesh(topology.mean_canonical, topology.triangles, size=160, **options)


def shown(picture: np.ndarray) -> np.ndarray:
    return np.abs(picture.astype(int) - np.median(picture[:, :4], axis=1, keepdims=True)).max(2) > 12


def test_a_render_fills_the_picture_and_touches_no_edge():
    face = shown(head())
    rows, columns = np.nonzero(face)
    assert rows.min() > 2 and rows.max() < 157 and np.ptp(rows) > 120


@pytest.mark.parametrize("yaw", [50, -50])
def test_positive_yaw_looks_to_the_left_edge(yaw):
    topology = load_topology()
    skin = np.full((128, 128, 3), 128, np.uint8)
    skin[tuple(topology.cells[topology.regions["nose"]].T)] = 255, 0, 0
    picture = head(yaw_deg=yaw, uvs=topology.uvs, texture=skin).astype(int)
    nose = np.nonzero(picture[..., 0] > picture[..., 1] + 60)[1].mean()
    assert np.sign(80 - nose) == np.sign(yaw) and abs(80 - nose) > 15


def test_a_texture_is_shown_and_clay_is_without_colour():
    topology = load_topology()
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 220
    middle = (slice(70, 90), slice(40, 60))
    assert np.ptp(head()[middle].reshape(-1, 3).mean(0)) < 40
    coloured = head(uvs=topology.uvs, texture=red)[middle].reshape(-1, 3).mean(0)
    assert coloured[0] > 120 and coloured[1:].max() < 20


def test_views_stand_side_by_side_at_one_scale():
    topology = load_topology()
    picture = render_views(topology.mean_canonical, topology.triangles, (0, 45, 90), size=96)
    assert picture.shape == (96, 288, 3)
    heights = [np.ptp(np.nonzero(shown(picture[:, 96 * i:96 * (i + 1)]))[0]) for i in range(3)]
    assert max(heights) - min(heights) < 12


def test_a_render_of_a_captured_skin_looks_like_the_photo():
    from inference_core.texture import sample_texture
    face, skin = mean_face(), blotches()
    texture = sample_texture(photo_of(face, skin), face, 256)
    first, second = (render_mesh(face.vertices_canonical, face.topology.triangles, uvs=face.topology.uvs, texture=t, size=128)
                     for t in (skin, texture.image))
    assert np.median(np.abs(first.astype(int) - second)) < 4
