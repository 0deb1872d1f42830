"""The report on openings says how far a network follows lids and lips."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from training.render_check import main, openings_report


@pytest.fixture
def faces():
    """(40, 68, 2) and yaws: a fixed frame of jaw points around openings that vary from face to face."""
    rng = np.random.default_rng(3)
    points = np.tile(rng.uniform(0.3, 0.7, (68, 2)), (40, 1, 1))
    points[:, :17] = np.stack([np.linspace(0, 1, 17), np.abs(np.linspace(-1, 1, 17))], 1)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        open_vertically(points, upper, lower, rng.uniform(0, 0.1, 40))
    lips = rng.uniform(0, 0.2, 40)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        open_vertically(points, upper, lower, lips)
    points[:, 48] = [0.4, 0.2]
    points[:, 54] = np.stack([0.6 + rng.uniform(0, 0.2, 40), np.full(40, 0.2)], 1)
    return points, np.tile([10.0, -30.0, 60.0, -80.0], 10)


def open_vertically(points, upper, lower, gap):
    points[:, upper, 0] = points[:, lower, 0] = 0.5
    points[:, upper, 1], points[:, lower, 1] = 0.5 - gap / 2, 0.5 + gap / 2


def answer(true, share):
    """What a network says that moves every point only `share` of the way from the average face."""
    mean = true.mean(0)
    return mean + share * (true - mean)


def test_the_truth_is_followed_fully(faces):
    true, yaw = faces
    for band in openings_report(true, true, yaw).values():
        assert band["n"] == 20 and band["nme68"] == 0 and band["nme51"] == 0
        for name in ("lip", "eye", "width"):
            assert band[f"{name}_corr"] == pytest.approx(1) and band[f"{name}_slope"] == pytest.approx(1)


def test_half_the_openings_give_a_slope_of_a_half_and_full_correlation(faces):
    true, yaw = faces
    for band in openings_report(answer(true, 0.5), true, yaw).values():
        for name in ("lip", "eye", "width"):
            assert band[f"{name}_slope"] == pytest.approx(0.5) and band[f"{name}_corr"] == pytest.approx(1)
        assert band["nme68"] > 0


def test_the_average_face_has_slope_zero_and_no_correlation(faces):
    true, yaw = faces
    for band in openings_report(answer(true, 0.0), true, yaw).values():
        assert band["eye_slope"] == pytest.approx(0) and band["eye_corr"] is None


def test_distances_are_per_cent_of_the_box_whatever_the_frame_and_z_does_not_count(faces):
    true, yaw = faces
    size = np.sqrt(np.prod(np.ptp(true, axis=1), axis=1))
    off = true + np.stack([0.03 * size, 0 * size], 1)[:, None]
    deep = [np.concatenate([p, np.full((40, 68, 1), z)], 2) * 200 for p, z in ((off, 0.0), (true, 5.0))]
    report = openings_report(*deep, yaw)
    assert report["0-45"]["nme68"] == pytest.approx(3) and report["45-90"]["nme51"] == pytest.approx(3)


def test_bands_are_by_yaw_to_either_side(faces):
    true, yaw = faces
    wrong = np.where((np.abs(yaw) > 45)[:, None, None], true + 0.1, true)
    report = openings_report(wrong, true, yaw)
    assert report["0-45"]["nme68"] == 0 and report["45-90"]["nme68"] > 1


def test_too_few_samples_and_openings_that_never_change_give_none_without_warnings(faces):
    true, _ = faces
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = openings_report(true[:2], true[:2], np.zeros(2))
        same = openings_report(np.tile(true[:1], (5, 1, 1)), np.tile(true[:1], (5, 1, 1)), np.zeros(5))
        nothing = openings_report(true[:0], true[:0], np.zeros(0))
    assert report["0-45"] == {**dict.fromkeys(report["0-45"]), "n": 2}
    assert report["45-90"] == {**dict.fromkeys(report["0-45"]), "n": 0} == nothing["45-90"]
    assert same["0-45"]["nme68"] == 0 and same["0-45"]["lip_corr"] is None and same["0-45"]["lip_slope"] is None


def test_the_report_is_json(faces):
    true, yaw = faces
    assert json.loads(json.dumps(openings_report(true, true, yaw)))["0-45"]["n"] == 20


def test_landmarks_that_do_not_belong_together_are_refused(faces):
    true, yaw = faces
    with pytest.raises(ValueError, match="belong together"):
        openings_report(true[:5], true, yaw)


SHARED = Path(__file__).resolve().parents[2] / "shared"
FACE_MODEL, TEXTURES = SHARED / "face_model" / "face_model.npz", SHARED / "face_textures"
needs_shared = pytest.mark.skipif(not (FACE_MODEL.is_file() and TEXTURES.is_dir()),
                                  reason="needs the face model and the skins in ../shared")
RENDERS = ["--face-model", str(FACE_MODEL), "--textures", str(TEXTURES), "--count", "12"]


@needs_shared
def test_a_network_that_answers_the_mean_face_is_found_out_on_renders(tiny_weights, monkeypatch, tmp_path, capsys):
    pytest.importorskip("numba", reason="rendering needs the [training] extra")
    pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    written = tmp_path / "report.json"
    assert main(["--weights", "lprnet2", *RENDERS, "--json", str(written)]) == 0
    report = json.loads(written.read_text())
    assert report["0-45"]["n"] + report["45-90"]["n"] == 12
    near = report["0-45"]
    assert near["nme68"] > 3 and abs(near["eye_slope"]) < 0.3 and abs(near["lip_slope"]) < 0.3
    assert "lip_slope" in capsys.readouterr().out


@needs_shared
def test_what_is_missing_is_said_in_one_sentence(tiny_weights, monkeypatch, tmp_path, capsys):
    pytest.importorskip("numba", reason="rendering needs the [training] extra")
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    for arguments in (["--weights", "no_such_network", *RENDERS],
                      ["--weights", "lprnet2", *RENDERS, "--json", str(tmp_path / "none" / "report.json")],
                      ["--weights", "lprnet2", "--face-model", str(tmp_path / "none.npz"), "--textures", str(TEXTURES)]):
        assert main(arguments) == 1
        said = capsys.readouterr().err.strip()
        assert said and "\n" not in said
    assert not list(tmp_path.iterdir())


def test_what_is_left_of_a_shut_eye_is_a_share_of_its_opening_at_rest():
    from inference_core.topology import load_topology
    from training.scores import eye_openings, shut_eyes
    topology = load_topology()
    rest = topology.landmarks(topology.mean_canonical).astype(float)

    def lids(right, left):
        face = rest.copy()
        for pairs, share in ((((37, 41), (38, 40)), right), (((43, 47), (44, 46)), left)):
            for upper, lower in pairs:
                face[upper] = face[lower] + share * (rest[upper] - rest[lower])
        return face
    np.testing.assert_allclose(eye_openings(lids(0.4, 0.7)) / eye_openings(rest), [0.4, 0.7], atol=1e-9)
    truth = np.stack([lids(0, 0), lids(0.05, 1), lids(1, 1)])
    answer = np.stack([lids(0.1, 0.2), lids(0.3, 1), lids(0, 0)])
    found = shut_eyes(answer * 3.0, truth, rest)                       # whatever the scale
    assert found["shut_n"] == 3 and found["wink_n"] == 1
    assert found["shut_left"] == pytest.approx(20) and found["shut_true"] == pytest.approx(5 / 3) and found["wink_left"] == pytest.approx(30)
    assert shut_eyes(truth[2:], truth[2:], rest) == dict(shut_n=0, shut_true=None, shut_left=None, wink_n=0,
                                                            wink_left=None)
