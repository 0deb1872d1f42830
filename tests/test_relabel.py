"""Portraits' points anew: many looks at one photo say where its points are, each skin is drawn as often as it can be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tqdm", reason="training needs the [training] extra")

from training import relabel                                      # noqa: E402
from training.portrait_files import Portrait, _replaced                     # noqa: E402
from training.portraits import COMMONEST, LIGHTNESS_STEP, RAREST, balanced_shares        # noqa: E402

SIDE, PLACE = 220, np.array([93.3, 121.8])
PARTNERS = np.arange(478)[::-1]


def portrait(level: int = 0) -> Portrait:
    """A round spot of light on grey skin; every FaceMesh point lies near it."""
    y, x = np.mgrid[:SIDE, :SIDE]
    spot = np.exp(-((x - PLACE[0]) ** 2 + (y - PLACE[1]) ** 2) / (2 * 3.0**2))
    picture = np.repeat((level + 200 * spot[..., None] * (level == 0)).astype(np.uint8), 3, 2)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    points = np.random.default_rng(1).uniform(60, 140, (478, 3))
    return Portrait("one.jpg", jpeg, points)


def centres_of_light(python, title, pictures, quiet) -> np.ndarray:
    """A FaceMesh that sees all points in the middle of the spot, their number as depth; the second look finds no face, the
    third is 3 pixels off."""
    out = np.empty((len(pictures), 478, 3))
    y, x = np.mgrid[:relabel.SIDE, :relabel.SIDE]
    for row, picture in enumerate(pictures):
        light = picture.mean(2)
        out[row] = [(x * light).sum() / light.sum(), (y * light).sum() / light.sum(), 0]
        out[row, :, 2] = np.arange(478)
    out[1], out[2, :, :2] = np.nan, out[2, :, :2] + 3
    return out


def test_looks_from_all_sides_say_where_a_point_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relabel, "mediapipe_points", centres_of_light)
    with np.errstate(divide="ignore"):                          # eyes in one place have no distance to count in
        points, spread = relabel.relabelled([portrait()], PARTNERS, Path("python"))
    np.testing.assert_allclose(points[0, :, :2], np.tile(PLACE, (478, 1)), atol=0.06)
    assert not np.isnan(spread[0])


def test_a_mirrored_look_names_the_points_of_the_other_side() -> None:
    seen = np.c_[np.arange(478.0), np.zeros(478), np.arange(478.0)]
    crop = relabel.crop_around((50, 60), relabel.SIDE)
    straight = relabel.back_from_look(seen, crop, False, PARTNERS)
    back = relabel.back_from_look(seen * [-1, 1, 1] + [relabel.SIDE - 1, 0, 0], crop, True, PARTNERS)
    np.testing.assert_allclose(back, straight[PARTNERS], atol=1e-9)


def test_a_face_that_is_hardly_found_again_keeps_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relabel, "mediapipe_points", lambda python, title, pictures, quiet: np.full(
        (len(pictures), 478, 3), np.nan))
    points, spread = relabel.relabelled([portrait()], PARTNERS, Path("python"))
    np.testing.assert_array_equal(points[0], portrait().points)
    assert np.isnan(spread[0])


def test_what_an_interrupted_run_has_done_is_not_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def looks(python, title, pictures, quiet):
        asked.append(len(pictures))
        return centres_of_light(python, title, pictures, quiet)
    monkeypatch.setattr(relabel, "mediapipe_points", looks)
    with np.errstate(divide="ignore"):
        first = relabel.kept_or_made(tmp_path / "0.npz", [portrait()], PARTNERS, Path("python"))
        again = relabel.kept_or_made(tmp_path / "0.npz", [portrait()], PARTNERS, Path("python"))
        relabel.kept_or_made(tmp_path / "0.npz", [portrait(), portrait()], PARTNERS, Path("python"))      # others: made anew
    np.testing.assert_array_equal(first[0], again[0])
    assert asked == [len(relabel.LOOKS), 2 * len(relabel.LOOKS)] and [p.name for p in tmp_path.iterdir()] == ["0.npz"]


def test_points_take_the_place_of_those_of_the_same_name_alone(tmp_path: Path) -> None:
    old = np.zeros((3, 478, 3), np.float16)
    np.savez(tmp_path / "points.npz", name=np.array(["b", "x"]), points=np.stack([old[0] + 1, old[0] + 2]).astype(np.float32))
    new = _replaced(old, np.array(["a", "b", "c"]), tmp_path / "points.npz")
    assert new[:, 0, 0].tolist() == [0, 1, 0]
    for wrong, said in ((tmp_path / "none.npz", "no such points"), (tmp_path / "other.npz", "holds no points of portraits")):
        np.savez(tmp_path / "other.npz", name=np.array(["b"]), points=np.zeros((2, 478, 3)))
        with pytest.raises(ValueError, match=said):
            _replaced(old, np.array(["a"]), wrong)


def test_rare_skin_is_drawn_more_often_within_bounds() -> None:
    assert portrait(40).skin_lightness() < portrait(120).skin_lightness() < portrait(240).skin_lightness()
    lightness = LIGHTNESS_STEP * np.r_[np.full(10, 4.5), np.full(200, 7.5), np.full(190, 8.5)]
    shares = balanced_shares(lightness)
    assert shares.sum() == pytest.approx(1)
    assert 1 < shares[0] / shares[20] <= RAREST / COMMONEST and shares[20] == pytest.approx(shares[150])
