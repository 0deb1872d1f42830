"""The report on annotated photos: its figures are right, no photo is lost in silence, bad folders are named."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from inference_core.errors import InputError
from inference_core.images import read_image
from training import evaluate
from training.annotated_photos import Outcome, read_sources
from training.scores import LIP_PAIRS

KEYS = {"n", "nme68", "nme51", "over10", "found", "lip_corr", "lip_slope", "eye_corr", "eye_slope", "width_corr",
        "width_slope", "nme68_3d", "nme68_band_mean", "nme68_3d_band_mean"}
SIDE = 200


def face(number: int = 0) -> np.ndarray:
    """(68, 2): the points of a face 100 x 100 pixels large whose openings differ with the number."""
    rng = np.random.default_rng(number)
    points = np.random.default_rng(99).uniform(70, 105, (68, 2))
    points[:17] = np.stack([np.linspace(50, 150, 17), np.linspace(50, 150, 17)], 1)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), *LIP_PAIRS):
        points[lower] = points[upper] + [0, rng.uniform(0, 15)]
    points[54] = points[48] + [rng.uniform(20, 40), 0]
    return points


def write(folder: Path, entries: list[dict]) -> Path:
    """A source: picture n is grey n, so that whoever sees it knows which one it is."""
    folder.mkdir(parents=True)
    for number, entry in enumerate(entries):
        assert cv2.imwrite(str(folder / entry["file"]), np.full((SIDE, SIDE, 3), number, np.uint8))
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


def annotated(number: int, **more) -> dict:
    entry = {"file": f"{number}.png", "size": [SIDE, SIDE], "points": face(number).tolist(), "z": None, "yaw": None}
    return {**entry, **more}


def unannotated(number: int) -> dict:
    return {**annotated(number), "points": None}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the network answers for picture n: landmarks, a list of several, or None; with --crop truth and detector."""
    given: list = []
    crops = []

    def of(image: np.ndarray) -> list[SimpleNamespace]:
        shift = np.array(image.shape[1::-1]) / 2 - SIDE / 2         # of the border
        answer = given[image[image.shape[0] // 2, image.shape[1] // 2, 0]]
        several = answer if isinstance(answer, list) else [answer]
        deep = [points if points is None or points.shape[1] == 3 else np.c_[points, np.zeros(68)] for points in several]
        return [SimpleNamespace(landmarks_image=(points + [*shift, 0]).astype(np.float32))
                for points in deep if points is not None]

    def one(image, crop, network, least_presence, careful):
        crops.append(crop)
        return next(iter(of(image)), None)

    network = SimpleNamespace(engine="litert", input_size=9, card=SimpleNamespace(name="fake"))
    monkeypatch.setattr(evaluate, "load_network", lambda name, engine: network)
    monkeypatch.setattr(evaluate, "capture_crop", one)
    monkeypatch.setattr(evaluate, "capture_faces", lambda image, options: of(image))
    return given


def run(folder: Path, *more: str) -> dict:
    written = folder.parent / "scores.json"
    assert evaluate.main([str(folder), "--json", str(written), *more]) == 0
    return json.loads(written.read_text())


@pytest.mark.parametrize("crop", ["truth", "detector"])
def test_a_shift_by_three_per_cent_of_the_face_is_an_error_of_three(tmp_path: Path, answers: list, crop: str) -> None:
    write(tmp_path / "photos" / "helen", [annotated(n) for n in range(5)])
    answers += [face(n) + [3, 0] for n in range(5)]
    scores = run(tmp_path / "photos", "--crop", crop)["helen"]
    assert set(scores) == KEYS and scores["n"] == 5
    assert scores["nme68"] == pytest.approx(3, abs=1e-4) and scores["nme51"] == pytest.approx(3, abs=1e-4)
    assert (scores["over10"], scores["found"], scores["nme68_band_mean"]) == (0, 100, None)
    for name in ("lip", "eye", "width"):
        assert scores[f"{name}_corr"] == pytest.approx(1) and scores[f"{name}_slope"] == pytest.approx(1, abs=1e-4)


def test_the_inner_points_are_those_after_the_jaw_and_shares_are_of_faces(tmp_path: Path, answers: list) -> None:
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(4)])
    jaw = np.where(np.arange(68)[:, None] < 17, [8.0, 0.0], [0.0, 0.0])
    answers += [face(0) + jaw, face(1) + jaw, face(2) + jaw, face(3) + [0, 12]]
    scores = run(tmp_path / "photos")["a"]
    assert scores["nme68"] == pytest.approx((3 * 8 * 17 / 68 + 12) / 4, abs=1e-4)
    assert scores["nme51"] == pytest.approx(12 / 4, abs=1e-4) and scores["over10"] == 25


def test_half_the_openings_have_half_the_slope(tmp_path: Path, answers: list) -> None:
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(9)])
    mean = np.mean([face(n) for n in range(9)], 0)
    answers += [(face(n) + mean) / 2 for n in range(9)]
    scores = run(tmp_path / "photos")["a"]
    for name in ("lip", "eye", "width"):
        assert scores[f"{name}_corr"] == pytest.approx(1, abs=1e-4)
        assert scores[f"{name}_slope"] == pytest.approx(0.5, abs=1e-3)


def test_bands_of_yaw_have_their_unweighted_mean(tmp_path: Path, answers: list, capsys) -> None:
    yaws = [-5.0, 29.9, 10, 20, -45, 30, 60, -88.0]
    errors = [1, 1, 1, 1, 2, 2, 6, 6]
    write(tmp_path / "photos" / "aflw2000", [
        annotated(n, yaw=yaw, points_reannotated=(face(n) + [1, 0]).tolist()) for n, yaw in enumerate(yaws)])
    answers += [face(n) + [error, 0] for n, error in enumerate(errors)]
    scores = run(tmp_path / "photos")["aflw2000"]
    assert scores["nme68"] == pytest.approx(20 / 8, abs=1e-4)
    assert scores["nme68_band_mean"] == pytest.approx(3, abs=1e-4)
    lines = {line[:14].strip(): line.split() for line in capsys.readouterr().out.splitlines()}
    assert [lines[band][1] for band in ("all", "0-30", "30-60", "60-90")] == ["8", "4", "2", "2"]
    assert lines["60-90"][3] == "6.00" and "1.50" in lines["2nd points"]


@pytest.mark.parametrize("crop", ["truth", "detector"])
def test_depths_are_measured_where_they_are_annotated_without_their_mean(tmp_path, answers, capsys, crop: str) -> None:
    depths = np.linspace(-20, 20, 68)
    write(tmp_path / "photos" / "aflw2000", [annotated(n, yaw=yaw, z=(depths + 1000 * n).tolist())
                                             for n, yaw in enumerate([0.0, 10, 40, 80])])
    # 3 px aside, and depths that are all as far off, or 4 px to and fro: the mean of those is 0
    wrong = np.where(np.arange(68) % 2, 4.0, -4.0)
    answers += [np.c_[face(n) + [3, 0], depths - 77 + (n > 0) * wrong] for n in range(4)]
    scores = run(tmp_path / "photos", "--crop", crop)["aflw2000"]
    assert scores["nme68"] == pytest.approx(3, abs=1e-4)
    assert scores["nme68_3d"] == pytest.approx((3 + 5 + 5 + 5) / 4, abs=1e-4)
    assert scores["nme68_3d_band_mean"] == pytest.approx(((3 + 5) / 2 + 5 + 5) / 3, abs=1e-4)
    assert "in 3D 4.67" in capsys.readouterr().out


def test_without_a_face_in_each_band_there_is_no_mean_of_bands(tmp_path: Path, answers: list, capsys) -> None:
    write(tmp_path / "photos" / "a", [annotated(n, yaw=yaw) for n, yaw in enumerate([0.0, 40.0, None])])
    answers += [face(n) for n in range(3)]
    assert run(tmp_path / "photos")["a"]["nme68_band_mean"] is None
    assert "no yaw" in capsys.readouterr().out


@pytest.mark.parametrize("crop", ["truth", "detector"])
def test_a_face_that_is_not_found_stays_in_the_report(tmp_path: Path, answers: list, crop: str) -> None:
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(4)])
    answers += [face(0) + [2, 0], None, face(2) + [2, 0], None]
    scores = run(tmp_path / "photos", "--crop", crop, "--plot", str(tmp_path / "plots"))["a"]
    assert (scores["n"], scores["found"], scores["over10"]) == (4, 50, 50)
    assert scores["nme68"] == pytest.approx(2, abs=1e-4)


def test_when_no_face_is_found_at_all_there_is_still_a_report(tmp_path: Path, answers: list) -> None:
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(3)])
    answers += [None] * 3
    scores = run(tmp_path / "photos", "--crop", "detector", "--plot", str(tmp_path / "plots"))["a"]
    rest = KEYS - {"n", "found", "over10"}
    assert scores == {"n": 3, "found": 0, "over10": 100, **dict.fromkeys(rest)}


def test_of_several_faces_the_one_that_overlaps_most_counts_and_a_far_one_is_none(tmp_path, answers) -> None:
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(3)])
    answers += [[face(0) + [60, 60], face(0) + [4, 0], face(0) - [20, 0]], [face(1) + [60, 60]], [face(2) + [4, 0]]]
    scores = run(tmp_path / "photos", "--crop", "detector")["a"]
    assert scores["nme68"] == pytest.approx(4, abs=1e-4) and scores["found"] == pytest.approx(200 / 3)


def test_pictures_without_points_are_counted_with_the_detector_alone(tmp_path: Path, answers: list, capsys) -> None:
    photos = tmp_path / "photos"
    write(photos / "nonface", [unannotated(n) for n in range(3)])
    write(photos / "utkface_sample", [unannotated(n) for n in range(3)])
    # a face in a corner is a false alarm, and not the face of a close crop
    answers += [face(0), None, face(2) - 60]
    scores = run(photos, "--crop", "detector", "--plot", str(tmp_path / "plots"))
    assert scores == {"nonface": {"n": 3, "false_alarms": 2},
                      "utkface_sample": {"n": 3, "found": pytest.approx(100 / 3)}}
    assert "a false alarm in 2" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"nonface-worst.png", "utkface_sample-worst.png"}
    answers[0] = answers[2] = None              # an old sheet does not stay when nothing is wrong any more
    scores = run(photos / "nonface", "--crop", "detector", "--plot", str(tmp_path / "plots"))
    assert scores == {"nonface": {"n": 3, "false_alarms": 0}}
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["utkface_sample-worst.png"]
    capsys.readouterr()
    assert run(photos) == {"nonface": {"n": 3, "false_alarms": None}, "utkface_sample": {"n": 3, "found": None}}
    assert "measured with --crop detector alone" in capsys.readouterr().out


def test_a_single_source_is_read_too(tmp_path: Path, answers: list) -> None:
    source = write(tmp_path / "photos" / "lfpw", [annotated(0), annotated(1)])
    answers += [face(0), face(1)]
    scores = run(source)
    assert list(scores) == ["lfpw"] and scores["lfpw"]["n"] == 2
    assert scores["lfpw"]["lip_corr"] is None           # of two faces a correlation says nothing


def test_one_look_is_measured_unless_a_careful_capture_is_asked_for(tmp_path: Path, answers: list, monkeypatch) -> None:
    asked = []
    write(tmp_path / "photos" / "a", [annotated(0)])
    answers.append(face(0))
    kept = evaluate.capture_crop
    monkeypatch.setattr(evaluate, "capture_crop", lambda *given, careful, **more: asked.append(careful)
                        or kept(*given, careful=careful, **more))
    monkeypatch.setattr(evaluate, "capture_faces", lambda image, options: asked.append(options.careful) or [])
    for arguments in ([], ["--careful"], ["--crop", "detector"], ["--crop", "detector", "--careful"]):
        run(tmp_path / "photos", *arguments)
    assert asked == [False, True, False, True]


def test_plots_are_a_curve_and_the_worst_twelve(tmp_path: Path, answers: list) -> None:
    write(tmp_path / "photos" / "a", [annotated(n, yaw=3.0) for n in range(14)])
    answers += [None, *(face(n) + [n / 2, 0] for n in range(1, 14))]
    run(tmp_path / "photos", "--plot", str(tmp_path / "plots"))
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["a-curve.png", "a-worst.png"]
    from training.error_plots import curve, worst
    source, = read_sources(tmp_path / "photos")
    outcomes = [Outcome(photo, answer) for photo, answer in zip(source.photos, answers)]
    assert [o.photo.path.stem for o in worst(source, outcomes)] == ["0", *(str(n) for n in range(13, 2, -1))]
    sheet = read_image(tmp_path / "plots" / "a-worst.png")
    assert sheet.shape[1] > 4 * 400 and sheet.shape[0] > 3 * 400
    # at 10 % the curve stands at 13 of 14 faces
    drawn = curve("a", outcomes)
    column = drawn[:, -30].astype(int)
    blue_or_orange = np.flatnonzero(np.ptp(column, axis=1) > 60)
    assert blue_or_orange.mean() == pytest.approx(46 + (1 - 13 / 14) * (560 - 46 - 52), abs=2)


def test_a_real_network_is_measured_as_the_capture_answers(tiny_weights: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    from inference_core.crop import crop_from_landmarks
    from inference_core.engine import load_network
    from inference_core.regression import capture_crop
    source = write(tmp_path / "photos" / "a", [annotated(n) for n in range(3)])
    away = []
    for number in range(3):
        # black pictures: the network is sure that there is no face, and is asked nevertheless
        found = capture_crop(read_image(source / f"{number}.png"), crop_from_landmarks(face(number), upright=False),
                             load_network(), passes=2, least_presence=0)
        away.append(np.linalg.norm(found.landmarks_image[:, :2] - face(number), axis=1).mean())
    scores = run(source)["a"]
    assert scores["nme68"] == pytest.approx(np.mean(away), rel=1e-5) and scores["found"] == 100


BROKEN = {
    "not a JSON file": "{", "not a list of photos": "{}", "entry 1 cannot be used (not an object)": "[3]",
    "entry 1 cannot be used ('file' is missing)": json.dumps([{"points": None}]),
    "entry 1 cannot be used ('points' is missing)": json.dumps([{"file": "0.png", "size": [SIDE, SIDE]}]),
    "entry 2 cannot be used (points is not a list of 68 pairs)": json.dumps([annotated(0), annotated(1, points=[[1]])]),
    "are not 68 pairs of pixels": json.dumps([annotated(0, points=[[1, 2, 3]] * 68)]),
    "are not 68 pairs": json.dumps([annotated(0, points=[[float("nan"), 2]] * 68)]),
    "have no extent": json.dumps([annotated(0, points=[[5, 2]] * 68)]),
    "yaw is 'left'": json.dumps([annotated(0, yaw="left")]),
    "size is '[0, 5]'": json.dumps([annotated(0, size=[0, 5])]),
    "lists a picture twice": json.dumps([annotated(0), annotated(0)]),
    "some entries have points and some have none": json.dumps([annotated(0), unannotated(1)]),
    "nested": "[" * 100_000,
    "z is not a list of 68 depths": json.dumps([annotated(0, z=[1.0])]),
    "z are not 68 depths in pixels": json.dumps([annotated(0, z=[float("inf")] * 68)]),
    "z is there without points": json.dumps([annotated(0, points=None, z=[1.0] * 68)]),
    "points_reannotated is not a list": json.dumps([annotated(0, points_reannotated=[])]),
}


@pytest.mark.parametrize("cause", BROKEN)
def test_annotations_that_cannot_be_used_are_named(tmp_path: Path, answers: list, capsys, cause: str) -> None:
    source = write(tmp_path / "photos" / "a", [annotated(0), annotated(1)])
    (source / "annotations.json").write_text(BROKEN[cause])
    said = refused(capsys, tmp_path / "photos", "--json", str(tmp_path / "scores.json"))
    assert str(source / "annotations.json") in said and (cause in said or cause == "nested")
    assert not (tmp_path / "scores.json").exists()


def refused(capsys, *arguments) -> str:
    """The one sentence that is said."""
    assert evaluate.main([str(argument) for argument in arguments]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("name", ["../0.png", "/etc/passwd", "..", "a\\0.png", "C:0.png", "a/../../0.png", "",
                                  "x" * 300, 5])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, name) -> None:
    source = write(tmp_path / "photos" / "a", [annotated(0)])
    (source / "annotations.json").write_text(json.dumps([annotated(0, file=name)]))
    with pytest.raises(InputError, match="not a name in this folder"):
        read_sources(tmp_path / "photos")


def test_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import annotated_photos
    write(tmp_path / "photos" / "a", [annotated(n) for n in range(3)])
    for limit, cause in (("MAX_PHOTOS", "more than 2 photos"), ("MAX_BYTES", "larger than the")):
        with monkeypatch.context() as patch, pytest.raises(InputError, match=cause):
            patch.setattr(annotated_photos, limit, 2)
            read_sources(tmp_path / "photos")


def test_a_picture_that_is_missing_damaged_or_of_another_size_ends_the_report(tmp_path, answers, capsys) -> None:
    source = write(tmp_path / "photos" / "a", [annotated(n) for n in range(3)])
    answers += [face(n) for n in range(3)]
    written = tmp_path / "scores.json"
    picture = source / "1.png"
    whole = picture.read_bytes()
    picture.unlink()
    assert "1.png: listed in annotations.json and not there" in refused(capsys, source, "--json", written)
    picture.write_bytes(whole[:len(whole) // 2])
    assert "1.png: the picture is cut off or damaged" in refused(capsys, source, "--json", written)
    cv2.imwrite(str(picture), np.zeros((50, 60, 3), np.uint8))
    assert "1.png: 60 x 50 pixels where annotations.json says 200 x 200" in refused(capsys, source, "--json", written)
    assert not written.exists()


def test_folders_that_are_none_and_results_without_a_place_are_named(tmp_path: Path, answers: list, capsys) -> None:
    assert "nowhere: cannot be read" in refused(capsys, tmp_path / "nowhere")
    assert "no folder with an annotations.json in it" in refused(capsys, tmp_path)
    source = write(tmp_path / "photos" / "a", [annotated(0)])
    answers.append(face(0))
    assert "its folder does not exist" in refused(capsys, source, "--json", tmp_path / "none" / "scores.json")
    assert "cannot be used as a folder" in refused(capsys, source, "--plot", source / "0.png")


def test_a_network_that_is_not_there_is_named(tiny_weights: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    source = write(tmp_path / "photos" / "a", [annotated(0)])
    assert "holds no network 'best'" in refused(capsys, source, "--weights", "best")
