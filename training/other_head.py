"""Depth and shape on another head than the training's: MakeHuman's (CC0), with its own people and morphs.

    git clone https://github.com/makehumancommunity/makehuman
    python -m training.other_head --makehuman makehuman --face-model FILE --textures DIR --people 24 --sheet
    out/other_head.png

Nothing of that checkout becomes part of this project. Our mean mesh is registered to MakeHuman's base mesh once
(training/registration.py); what each of our vertices means there holds for all of its people. Every person is rendered
at several yaws (training/other_head_render.py) with held-out skins and given to a network of the weights folder.

By bands of yaw, of the canonical mesh against the person's corresponding points, after the similarity that fits best (a
photo does not tell size), in % of the distance of the outer eye corners: mean distance, and what the mean face would
have had in its place; of the 68 landmarks, of nose, of chin and jaw; the distance to the nearest point after ICP
(training/paper_scores.py); and how many of its triangles point the other way than on the mean face. "apart from what
all share": the mean distance without the mean offset over all people, which holds what the two heads mean differently
by a point, and what the network always gets wrong. "at best": of the shapes that the network's decoder can say the one
nearest to the truth: no training gets below it. --sheet: picture, truth and answer from the front and the side, of a
few.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.errors import InputError, LPRNetError
from inference_core.files import check_writable, write_bytes
from inference_core.images import write_image
from inference_core.pictures import contact_sheet
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.regression import capture_crop
from inference_core.rendering import render_mesh
from inference_core.rigid import fit_rigid
from inference_core.topology import Topology, load_topology
from training.face_model import load_face_model
from training.makehuman import OtherHead, read_head
from training.other_head_render import paint, picture
from training.nearest_shape import SayableShapes
from training.paper_scores import BANDS, in_band, reconstruction_error
from training.progress import Progress
from training.registration import Correspondence, register
from training.sample import sample_frame
from training.skins import draw_skin, load_skins

YAWS_DEG = (0, 15, -40, 50, -70, 80, 90, -90)
PITCH_SD_DEG, ROLL_SD_DEG, INVERSE_DISTANCE = 5.0, 4.0, 1 / 70.0
MEASURES = ("mesh", "mean face", "landmarks", "nose", "jaw", "surface", "flipped")
SHOWN, TILE = 4, 300


@dataclass(frozen=True, eq=False)
class Answer:
    """One render: yaw in degrees; truth, answer (N, 3) cm in the head's frame, the answer laid onto the truth;
    image."""

    yaw_deg: float
    truth: np.ndarray
    answer: np.ndarray
    image: np.ndarray
    scores: tuple[float, ...]


def correspond(head: OtherHead, topology: Topology) -> tuple[Correspondence, np.ndarray]:
    """Of our mean mesh with MakeHuman's base; also where our vertices lie on it. Raises InputError where they do not
    meet."""
    mean = topology.mean_canonical.astype(np.float64)
    marks = topology.landmarks(mean)
    ours = np.stack([marks[36:42].mean(0), marks[42:48].mean(0), marks[30], marks[8]])
    eyes = [head.base[np.unique(rows)] for rows in head.eyes]
    eyes = [np.r_[ball[:, :2].mean(0), ball[:, 2].max()] for ball in eyes]
    skin = head.base[np.unique(head.triangles)]
    nose = skin[(np.abs(skin[:, 0]) < 1) & (skin[:, 1] < eyes[0][1]) & (skin[:, 1] > eyes[0][1] - 6)]
    theirs = np.stack([*eyes, nose[nose[:, 2].argmax()], head.joints["joint-jaw"]])
    found, laid = register(mean, topology.triangles, (ours, theirs), head.base, head.triangles)
    if found.known.mean() < 0.95:
        raise InputError(f"{head.folder}: only {100 * found.known.mean():.0f} % of our mesh lies on MakeHuman's head; "
                         "give an unchanged checkout")
    return found, laid


def measure(options) -> tuple[list[Answer], float, float | None]:
    """The answers, their distance apart from what all share, and how near the network could have come at best."""
    head, topology, model = read_head(options.makehuman), load_topology(), load_face_model(options.face_model)
    network, skins = load_network(options.weights), load_skins(options.textures, "heldout")
    where, laid = correspond(head, topology)
    painted = paint(head, laid, model)
    progress = Progress(f"{network.card.name}: MakeHuman", options.people * len(YAWS_DEG))
    answers = []
    for number in range(options.people):
        rng = np.random.default_rng([options.seed, number])
        points = head.person(rng)
        points = points - where(points)[topology.regions["rigid"]].mean(0)
        truth, skin = where(points), draw_skin(rng, skins)
        for yaw in YAWS_DEG:
            rotation = rotation_from_angles(yaw, rng.normal(0, PITCH_SD_DEG), rng.normal(0, ROLL_SD_DEG))
            marks = topology.landmarks(truth)
            zoom, offset = sample_frame(compose(marks, HeadPose(rotation, 1.0, np.zeros(2), INVERSE_DISTANCE)))
            pose = HeadPose(rotation, zoom, offset, INVERSE_DISTANCE)
            image = picture(rng, head, painted, points, pose, skin)
            crop = crop_from_landmarks(compose(marks, pose), upright=False)
            face = capture_crop(image, crop, network, least_presence=-1.0)
            if face is None:
                raise InputError(f"the network {options.weights} answers no face; give another with --weights")
            found = face.vertices_canonical.astype(np.float64)
            answers.append(_answer(float(yaw), truth, found, image, topology, where.known))
            progress.advance(len(answers))
    progress.close()
    return answers, unshared(answers, topology, where.known), at_best(answers, network, where.known)


def _answer(yaw: float, truth: np.ndarray, found: np.ndarray, image, topology: Topology, known: np.ndarray) -> Answer:
    laid = _laid(found, truth, known)
    mean = _laid(topology.mean_canonical.astype(np.float64), truth, known)
    marks, true_marks = topology.landmarks(laid), topology.landmarks(truth)
    span = float(np.linalg.norm(true_marks[36] - true_marks[45]))
    away = 100 * np.linalg.norm(laid - truth, axis=1) / span
    part = {name: away[topology.regions[name] & known].mean() for name in ("nose", "jaw")}
    of_mean = 100 * np.linalg.norm(mean - truth, axis=1)[known].mean() / span
    of_marks = 100 * np.linalg.norm(marks - true_marks, axis=1).mean() / span
    scores = (away[known].mean(), of_mean, of_marks, part["nose"], part["jaw"],
              reconstruction_error(found, truth[known], true_marks), flipped(found, topology))
    return Answer(yaw, truth, laid, image, tuple(map(float, scores)))


def _laid(found: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    fit = fit_rigid(found[known], truth[known])
    return fit.scale * found @ fit.turn.T + fit.move


def unshared(answers: list[Answer], topology: Topology, known: np.ndarray) -> float:
    """Mean distance in % without the offset that all answers share, of the vertices (N,) bool of which the truth is
    known."""
    marks = np.stack([topology.landmarks(answer.truth)[[36, 45]] for answer in answers])
    span = np.linalg.norm(marks[:, 0] - marks[:, 1], axis=1)
    away = np.stack([answer.answer - answer.truth for answer in answers]) / span[:, None, None]
    return float(100 * np.linalg.norm(away - away.mean(0), axis=2)[:, known].mean())


def at_best(answers: list[Answer], network: Network, known: np.ndarray) -> float | None:
    """Mean distance in % of the nearest shapes that the network could say; None for one without a decoder."""
    if network.decoder is None:
        return None
    sayable = SayableShapes(network.decoder, network.topology)
    away = []
    for truth in {id(answer.truth): answer.truth for answer in answers}.values():
        laid = _laid(sayable.nearest(truth, known), truth, known)
        marks = network.topology.landmarks(truth)
        away.append(100 * np.linalg.norm(laid - truth, axis=1)[known].mean() / np.linalg.norm(marks[36] - marks[45]))
    return float(np.mean(away))


def flipped(vertices: np.ndarray, topology: Topology) -> int:
    """How many triangles of a canonical mesh (N, 3) point away from where they point on the mean face."""
    def normals(points):
        a, b, c = points[topology.triangles].transpose(1, 0, 2)
        return np.cross(b - a, c - a)
    return int((np.einsum("tk,tk->t", normals(vertices), normals(topology.mean_canonical)) < 0).sum())


def report_of(answers: list[Answer]) -> dict[str, dict[str, float | None]]:
    """{band of yaw, "90" and "mean" of the bands: {"n" and each measure}}."""
    yaw, scores = np.array([a.yaw_deg for a in answers]), np.array([a.scores for a in answers])
    rows = {band: in_band(yaw, band) for band in BANDS} | {"90": np.abs(yaw) >= 90}
    report: dict = {name: {"n": int(chosen.sum())} | {m: float(v) for m, v in zip(MEASURES, scores[chosen].mean(0))}
                    for name, chosen in rows.items() if chosen.any()}
    report["mean"] = {"n": len(answers)} | {m: float(np.mean([report[band][m] for band in BANDS])) for m in MEASURES}
    return report


def sheet(answers: list[Answer], topology: Topology) -> np.ndarray:
    """Rows: picture, truth and answer from the front, truth and answer from the side."""
    tiles, labels = [], []
    chosen = [answers[int(row)] for row in np.linspace(0, len(answers) - 1, min(2 * SHOWN, len(answers)))]
    for answer in chosen:
        tiles.append(answer.image)
        labels.append(f"yaw {answer.yaw_deg:.0f}, {answer.scores[0]:.1f} %")
        for view in (0, 90):
            for name, points in (("truth", answer.truth), ("answer", answer.answer)):
                tiles.append(render_mesh(points, topology.triangles, size=TILE, yaw_deg=view, extent=22.0))
                labels.append(name)
    return contact_sheet(tiles, labels, columns=5, size=TILE)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--makehuman", type=Path, required=True, metavar="DIR", help="a checkout of MakeHuman")
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--weights", default="default", metavar="NAME", help="a network that `lprnet info` lists")
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--sheet", type=Path, metavar="OUT.png")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.people < 1:
        parser.error("--people must be 1 or more")
    try:
        for path in (options.sheet, options.json):
            if path:
                check_writable(path)
        answers, own, best = measure(options)
        report = report_of(answers)
        if options.json:
            write_bytes(options.json, (json.dumps(report | {"unshared": own, "at best": best}, indent=1) + "\n").encode())
        if options.sheet:
            write_image(options.sheet, sheet(answers, load_topology()))
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print("yaw".ljust(8) + "".join(name.rjust(11) for name in ("n", *MEASURES)))
    for name, row in report.items():
        print(name.ljust(8) + str(row["n"]).rjust(11) + "".join(f"{row[m]:.2f}".rjust(11) for m in MEASURES))
    print(f"mesh, apart from what all share: {own:.2f}" + ("" if best is None else f"; at best {best:.2f}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
