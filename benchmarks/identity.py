"""How much of what people differ in is seen: rendered heads at rest with held-out skins, ours and FaceMesh's network.

    make training-environment
    python -m benchmarks.identity --face-model FILE --textures DIR

"In the picture": frontal faces, FaceMesh's 468 points of each laid on the mean person's by a similarity, so that only the
shape is left. r and slope: of the answered over the true differences between people, all points together; "differ": mean
size of the true differences, "off": what the answers miss of them, both in % of sqrt(w h) of the points' box. "In space":
our mesh against the true one, in its own canonical frame, heads turned up to 30 degrees, after the similarity that fits
best; % of the distance of the outer eye corners.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.facemesh import FaceMesh, crop_of, facemesh_file
from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.errors import LPRNetError
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.rigid import fit_rigid
from inference_core.topology import Topology
from training.face_model import NARROW_VERTICES, load_face_model
from training.labels import label_mesh
from training.mediapipe_mesh import MESH
from training.paper_scores import OUTER_CORNERS
from training.progress import Progress
from training.rendering import RenderSource
from training.sample import sample_frame

DISTANCE_CM, MAX_YAW_DEG, MAX_PITCH_DEG = 70.0, 30.0, 15.0


def differences(true: np.ndarray, answered: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """(n, V, d) each and size (n,) -> r, slope, differ, off, as the module says."""
    flat = np.zeros((*true.shape[:2], 3 - true.shape[2]))
    true, answered = np.concatenate([true, flat], 2), np.concatenate([answered, flat], 2)
    middle = true.mean(0)
    t, a = (np.stack([fit_rigid(middle, shape).undone(shape) for shape in of]) for of in (true, answered))
    t, a = t - t.mean(0), a - a.mean(0)
    percent = lambda v: 100 * float((np.linalg.norm(v, axis=2).mean(1) / size).mean())  # noqa: E731
    return dict(r=float((t * a).sum() / np.sqrt((t * t).sum() * (a * a).sum())), slope=float((t * a).sum() / (t * t).sum()),
                differ=percent(t), off=percent(a - t))


def measure(network: Network, facemesh: FaceMesh, source: RenderSource, people: int, seed: int) -> dict[str, dict]:
    """{"in the picture" of each way, "in space"}: differences over so many people."""
    topology, mesh = network.topology, label_mesh()
    seen: dict[str, list] = {name: [] for name in ("true", "ours", "theirs", "shape", "answer")}
    progress = Progress("people", people)
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        head = source.person(rng)
        shape = mesh(head[:NARROW_VERTICES].astype(np.float64))
        pose, picture = _rendered(rng, source, head, np.eye(3))
        points = topology.facemesh_points(compose(shape, pose))[:MESH]
        ours, _ = _answer(network, topology, shape, pose, picture)
        seen["true"].append(points[:, :2])
        seen["ours"].append(topology.facemesh_points(ours)[:MESH, :2])
        seen["theirs"].append(facemesh.points(picture, crop_of(points))[:, :2])
        turn = rotation_from_angles(rng.uniform(-1, 1) * MAX_YAW_DEG, rng.uniform(-1, 1) * MAX_PITCH_DEG, 0)
        pose, picture = _rendered(rng, source, head, turn)
        seen["shape"].append(shape)
        seen["answer"].append(_answer(network, topology, shape, pose, picture)[1])
        progress.advance(number + 1)
    progress.close()
    arrays = {name: np.stack(of) for name, of in seen.items()}
    size = np.sqrt(np.ptp(arrays["true"], axis=1).prod(1))
    corners = topology.landmarks(arrays["shape"])[:, OUTER_CORNERS]
    return {f"{network.card.name}, in the picture": differences(arrays["true"], arrays["ours"], size),
            "FaceMesh, in the picture": differences(arrays["true"], arrays["theirs"], size),
            f"{network.card.name}, in space": differences(arrays["shape"], arrays["answer"],
                                                          np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1))}


def _rendered(rng, source: RenderSource, head, rotation) -> tuple[HeadPose, np.ndarray]:
    zoom, offset = sample_frame(compose(source.landmarks(head), HeadPose(rotation, 1.0, np.zeros(2), 1 / DISTANCE_CM)))
    pose = HeadPose(rotation, zoom, offset, 1 / DISTANCE_CM)
    return pose, source.picture(rng, head, np.zeros(2), pose)


def _answer(network: Network, topology: Topology, shape, pose, picture) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in the picture's pixels, and canonical."""
    crop = network.view(crop_from_landmarks(compose(topology.landmarks(shape), pose), upright=False))
    answer = network.predict(crop.cut(picture, network.input_size))
    assert answer.canonical_map is not None
    return (crop.to_image(topology.vertices(answer.position_map_crop)).astype(np.float64),
            topology.vertices(answer.canonical_map).astype(np.float64))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--weights", default="default", metavar="NAME")
    parser.add_argument("--people", type=int, default=150)
    parser.add_argument("--seed", type=int, default=99)
    options = parser.parse_args(arguments)
    if options.people < 3:
        parser.error("--people must be 3 or more: differences are between them")
    try:
        source = RenderSource(load_face_model(options.face_model), options.textures, "heldout")
        report = measure(load_network(options.weights), FaceMesh(facemesh_file()), source, options.people, options.seed)
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.people} people".ljust(34) + "".join(name.rjust(10) for name in next(iter(report.values()))))
    for way, row in report.items():
        print(way.ljust(34) + "".join(f"{value:10.2f}" for value in row.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
