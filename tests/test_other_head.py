"""Another head than the training's: read from MakeHuman's format, registered, rendered, scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="registration needs SciPy: pip install '.[training]'")

from inference_core.errors import InputError  # noqa: E402
from inference_core.topology import load_topology  # noqa: E402
from training import makehuman  # noqa: E402
from training.registration import register  # noqa: E402

EYES = {"r": -3.2, "l": 3.2}


def ball(centre, radius: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """A ball of 10 x 12 quads: points and corners."""
    around, down = np.meshgrid(np.arange(12) * np.pi / 6, np.linspace(0.05, np.pi - 0.05, 11))
    points = np.stack([np.sin(down) * np.sin(around), np.cos(down), np.sin(down) * np.cos(around)], -1).reshape(-1, 3)
    n = np.arange(132).reshape(11, 12)
    quads = np.stack([n[:-1], n[1:], np.roll(n, -1, 1)[1:], np.roll(n, -1, 1)[:-1]], -1).reshape(-1, 4)
    return np.asarray(centre) + radius * points, quads


def write_checkout(folder: Path) -> Path:
    """MakeHuman's layout with our own mean mesh for a body, moved and a tenth larger: every true point is known."""
    topology = load_topology()
    data = folder / "makehuman" / "data"
    body = topology.mean_canonical * 1.1 + [0, 70, 5]
    marks = topology.landmarks(body.astype(np.float64))
    parts = [("body", body, topology.triangles)]
    for side, rows in (("r", slice(36, 42)), ("l", slice(42, 48))):
        centre = marks[rows].mean(0) - [0, 0, 1.2]
        parts += [(f"helper-{side}-eye", *ball(centre)), (f"joint-{side}-eye", *ball(centre, 0.1))]
    parts.append(("joint-jaw", *ball(marks[8], 0.1)))
    lines, first = ["# made up"], 1
    for name, points, corners in parts:
        lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in points / 10] + [f"g {name}"]
        lines += ["f " + " ".join(f"{corner + first}/1" for corner in face) for face in corners]
        first += len(points)
    (data / "3dobjs").mkdir(parents=True)
    (data / "3dobjs" / "base.obj").write_text("\n".join(lines))
    nose = np.flatnonzero(topology.regions["nose"])
    for number in range(makehuman.DETAILS):
        write_target(data / "targets" / "nose" / f"nose-part{number}-incr.target", nose, [0, 0, 0.1 * (number == 3)])
    for person in makehuman.PEOPLE:
        write_target(data / "targets" / "macrodetails" / f"{person}.target", [0], [0, 0, 0])
    return folder


def write_target(path: Path, vertices, move) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# a target\n" + "\n".join(f"{vertex} {move[0]} {move[1]} {move[2]}" for vertex in vertices) + "\n")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    return write_checkout(tmp_path_factory.mktemp("makehuman"))


def test_a_person_is_the_base_moved_by_its_targets_in_centimetres(checkout: Path) -> None:
    head, topology = makehuman.read_head(checkout), load_topology()
    count = len(topology.cells)
    np.testing.assert_allclose(head.base[:count], topology.mean_canonical * 1.1 + [0, 70, 5], atol=1e-3)
    assert len(head.eyes[0]) == 240 and head.joints["joint-r-eye"][0] < 0 < head.joints["joint-l-eye"][0]
    moved = head.person(np.random.default_rng(0)) - head.base
    nose = np.flatnonzero(topology.regions["nose"])
    assert 0 < moved[nose[0], 2] <= 1.0 * makehuman.STRONGEST        # a decimetre tenth is a centimetre
    assert np.count_nonzero(moved.any(1)) == len(nose)
    np.testing.assert_array_equal(head.person(np.random.default_rng(0)), moved + head.base)


@pytest.mark.parametrize(("name", "text", "cause"), [
    ("3dobjs/base.obj", "v 1 2 3\nf 1 1 1", "not MakeHuman's"), ("3dobjs/base.obj", "v a b c", "not MakeHuman's"),
    ("3dobjs/base.obj", None, "cannot be read"), ("targets/nose/nose-part3-incr.target", "99999999 0 0 0",
                                                  "not a target"),
    ("targets/nose/nose-part3-incr.target", "x y", "not a target")])
def test_what_is_no_checkout_of_makehuman_is_named(tmp_path: Path, name: str, text: str | None, cause: str) -> None:
    folder = write_checkout(tmp_path)
    path = folder / "makehuman" / "data" / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=cause) as refused:
        makehuman.read_head(folder).person(np.random.default_rng(0))
    assert "give a checkout" in str(refused.value)


def bumpy(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack([8 * u, 10 * v, 4 - 3 * u**2 - 2 * v**2 + 2 * np.exp(-12 * (u**2 + (v - 0.2)**2))
                     - np.exp(-20 * ((np.abs(u) - 0.5)**2 + (v - 0.5)**2))], -1)


def grid(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v, u = np.meshgrid(np.linspace(1, -1, side), np.linspace(-1, 1, side), indexing="ij")
    n = np.arange(side * side).reshape(side, side)
    a, b, c, d = n[:-1, :-1].ravel(), n[1:, :-1].ravel(), n[1:, 1:].ravel(), n[:-1, 1:].ravel()
    return u.ravel(), v.ravel(), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def test_a_mesh_is_laid_onto_other_vertices_of_the_same_surface() -> None:
    u, v, triangles = grid(33)
    ours = bumpy(u, v)
    other_u, other_v, other_triangles = grid(58)
    there = bumpy(other_u, other_v) * 1.2 + [3, 0, 40]
    corners = np.array([0, 32, 33 * 32, 33 * 33 - 1])
    same = ours[corners] * 1.2 + [3, 0, 40]
    found, laid = register(ours, triangles, (ours[corners] + [[0.3, 0, 0.2], [0, 0.3, 0], [0.2, 0, 0], [0, 0, 0.4]],
                                             same), there,
                           other_triangles)
    assert found.known.mean() > 0.97
    true = ours * 1.2 + [3, 0, 40]
    inner = (np.abs(u) < 0.8) & (np.abs(v) < 0.8)
    assert np.linalg.norm(found(there) - true, axis=1)[inner].mean() < 0.25        # of 19 across
    assert np.abs(found(there) - laid)[found.known].max() < 0.1
    # what a point means stays with it when the other mesh moves
    np.testing.assert_allclose(found(there + [0, 0, 5])[found.known], found(there)[found.known] + [0, 0, 5], atol=1e-9)


def test_flipped_triangles_are_counted() -> None:
    from training.other_head import flipped
    topology = load_topology()
    mean = topology.mean_canonical.astype(np.float64)
    assert flipped(mean, topology) == 0 == flipped(mean * 1.3, topology)
    assert flipped(mean * [-1, 1, 1], topology) > len(topology.triangles) / 2       # left for right
    folded = mean.copy()
    triangle = topology.triangles[len(topology.triangles) // 2]
    folded[triangle[0]] = 2 * folded[triangle[1:]].mean(0) - folded[triangle[0]]        # over the opposite edge
    assert flipped(folded, topology) >= 1


def test_the_table_is_by_bands_and_an_answer_that_is_right_has_no_error() -> None:
    from training.other_head import MEASURES, _answer, report_of, unshared
    topology = load_topology()
    truth = topology.mean_canonical.astype(np.float64) * [1.1, 1.0, 1.05]
    known = np.ones(len(truth), bool)
    image = np.zeros((4, 4, 3), np.uint8)
    turn = np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])
    right = [_answer(yaw, truth, 0.7 * truth @ turn.T + [1, 2, 3], image, topology, known) for yaw in (0.0, 50.0)]
    # the mean face is another
    assert max(right[0].scores[i] for i in (0, 2, 3, 4)) < 1e-9 and right[0].scores[1] > 1
    wrong = truth.copy()
    wrong[topology.regions["nose"], 2] += 1.0
    answers = [*right, _answer(-90.0, truth, wrong, image, topology, known)]
    report = report_of(answers)
    assert report["60-90"]["nose"] > 5 and report["0-30"]["nose"] < 1e-9 and report["90"]["n"] == 1
    assert report["mean"]["nose"] == pytest.approx(report["60-90"]["nose"] / 3)
    assert set(report["mean"]) == {"n", *MEASURES}
    assert unshared([answers[2]] * 3, topology, known) < 1e-9 < unshared(answers, topology, known)


def test_what_is_apart_from_what_all_share_is_measured_where_the_truth_is_known_as_the_mesh_is() -> None:
    from training.other_head import Answer, unshared
    topology = load_topology()
    truth = topology.mean_canonical.astype(np.float64)
    known = np.ones(len(truth), bool)
    known[:400] = False
    image = np.zeros((4, 4, 3), np.uint8)
    answers = [Answer(0.0, truth, truth + move * ~known[:, None], image, ()) for move in (-3.0, 3.0)]
    assert unshared(answers, topology, known) < 1e-9 < unshared(answers, topology, ~known)


def test_from_a_checkout_to_the_table(checkout: Path, shared_dir: Path, tiny_weights: Path, tmp_path: Path,
                                      monkeypatch) -> None:
    pytest.importorskip("numba", reason="the rasteriser needs numba: pip install '.[training]'")
    pytest.importorskip("ai_edge_litert", reason="the engine litert is not installed")
    from training import other_head
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    monkeypatch.setattr(other_head, "YAWS_DEG", (0, 45, 90))
    written, sheet = tmp_path / "scores.json", tmp_path / "sheet.png"
    arguments = ["--makehuman", str(checkout), "--face-model", str(shared_dir / "face_model" / "face_model.npz"),
                 "--textures", str(shared_dir / "face_textures"), "--people", "1", "--json", str(written), "--sheet",
                 str(sheet)]
    assert other_head.main(arguments) == 0
    report = json.loads(written.read_text())
    # the tiny network answers close to the mean face, and so is this head
    assert 0 < report["mean"]["mesh"] < 8 and report["mean"]["flipped"] < 200 and sheet.is_file()
    assert other_head.main([*arguments[:1], str(tmp_path), *arguments[2:]]) == 1
