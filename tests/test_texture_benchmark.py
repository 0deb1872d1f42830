"""The figures of benchmarks.texture on pictures whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from synthetic_faces import mean_face, photo_of

from benchmarks.texture import figures, look_up, main, silhouette, table, true_colours
from inference_core.pose import HeadPose, rotation_from_angles
from training.sample import SAMPLE_SIZE

SKIN = (190, 140, 120)


def test_values_are_looked_up_between_pixels() -> None:
    ramp = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_allclose(look_up(ramp, np.array([[1, 1], [1.5, 1], [0, 0.5]]))[:, 0], [5, 5.5, 2], atol=0.07)


def test_each_cell_has_the_colour_of_the_view_that_it_faces_most() -> None:
    face = mean_face()
    views = []
    for yaw, colour in ((-70, 50), (0, 100), (70, 150)):
        pose = HeadPose(rotation_from_angles(yaw, 0, 0), 8.0, np.full(2, SAMPLE_SIZE / 2))
        views.append((np.full((SAMPLE_SIZE, SAMPLE_SIZE, 3), colour, np.uint8), pose))
    colours = true_colours(face.vertices_canonical, views)
    # positive yaw looks to the left edge of the picture and shows the subject's left
    left = face.vertices_canonical[:, 0]
    cheek = np.abs(left) > 6
    seen = np.isfinite(colours[:, 0])
    assert seen.mean() > 0.9 and set(np.unique(colours[seen])) == {50, 100, 150}
    assert (colours[cheek & seen & (left > 0), 0] == 150).mean() > 0.9
    assert (colours[cheek & seen & (left < 0), 0] == 50).mean() > 0.9


def test_an_exact_mesh_on_even_skin_makes_no_error_and_one_beside_the_face_does() -> None:
    face = mean_face(photo=SAMPLE_SIZE)
    photo = photo_of(face, np.full((64, 64, 3), SKIN, np.uint8), SAMPLE_SIZE)
    true = np.tile(np.float32(SKIN), (len(face.vertices_image), 1))
    inside = silhouette(face.vertices_image, face.topology.triangles)
    exact = figures(photo, face, true, inside)
    assert exact["outside"] == 0 and exact["visible_error"] < 3 and exact["filled_error"] < 10
    beside = dataclasses.replace(face, vertices_image=face.vertices_image + np.float32([80, 0, 0]))
    moved = figures(photo, beside, true, inside)
    assert moved["outside"] > 20 and moved["visible_wrong"] > 20


def test_a_band_without_heads_is_told_as_such() -> None:
    row = dict.fromkeys(("visible", "outside", "visible_error", "visible_wrong", "filled_error", "filled_wrong"))
    lines = table({"60-75": {"network": {"n": 0} | row}}).splitlines()
    assert lines[1].split() == ["60-75", "network", "0"] + ["-"] * 6


def test_what_is_missing_is_named(tmp_path, capsys) -> None:
    assert main(["--face-model", str(tmp_path / "no.npz"), "--textures", str(tmp_path)]) == 1
    assert "no.npz" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--face-model", "x", "--textures", "y", "--people", "0"])
