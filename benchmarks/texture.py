"""How true the colours of a texture are, cell by cell, by how far the head is turned: of what the photo shows
(so it is said), and of what is made up.

    python -m benchmarks.texture --face-model MODEL --textures DIR --people 12 --json out/texture.json

Rendered people that were never trained on. Each cell's true colour is known from pictures of the same head from all
sides, the light fixed to it. The mesh is the network's own answer, which never lies on the picture to the pixel; the
second row of each band shows what the true mesh would give.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.engine import load_network
from inference_core.errors import InputError, LPRNetError, OutputError
from inference_core.files import write_bytes
from inference_core.mesh import upright, vertex_normals
from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.raster import rasterize
from inference_core.regression import Face, capture_crop
from inference_core.texture import sample_texture
from training.expressions import measure_openings
from training.face_model import FaceModel
from training.labels import label_mesh
from training.progress import Progress
from training.render_draws import draw_face
from training.rendering import IDENTITY_SD, RenderSource
from training.sample import SAMPLE_SIZE, sample_frame

BANDS = (0.0, 30.0), (30.0, 45.0), (45.0, 60.0), (60.0, 75.0)       # degrees of yaw, to either side
TILT_DEG = 8.0
NEARNESS = 0.02                 # 1/cm, of the camera, at most
SIDES_DEG = (-70.0, -35.0, 0.0, 35.0, 70.0)     # where the head is looked at from for its true colours
FACING = 0.5                    # least cosine between skin and view for a true colour
TEXTURE_SIZE = 512
WRONG = 40.0                    # grey levels of the worst channel: another colour
PEOPLE = (1, 500)
COLUMNS = {"visible": "visible %", "outside": "outside %", "visible_error": "error", "visible_wrong": "wrong %",
           "filled_error": "filled error", "filled_wrong": "wrong %"}


class Heads:
    """Drawn people with held-out skins, and their true colours."""

    def __init__(self, model: FaceModel, textures: Path) -> None:
        self._model, self._renders, self._mesh = model, RenderSource(model, textures, "heldout"), label_mesh()
        self._openings = measure_openings(model, self._renders.landmarks)

    def heads(self, seed: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, HeadPose, np.ndarray]]:
        """One person in each band of yaw: band; picture (S, S, 3) uint8, S = SAMPLE_SIZE; mesh (N, 3) cm;
        pose in its pixels; true colours (N, 3) float32, not a number where none of the pictures shows the cell well."""
        rng = np.random.default_rng([seed, 1])
        identity = rng.normal(0, IDENTITY_SD, len(self._model.identity))
        expression, gaze = draw_face(rng, self._model.expression_names, self._openings, identity)
        shape = self._renders.shapes(identity[None], expression[None])[0]
        mesh = self._mesh(shape)
        for band, (low, high) in enumerate(BANDS):
            yaw, nearness = rng.choice([-1, 1]) * rng.uniform(low, high), rng.uniform(0, NEARNESS)
            rotation = rotation_from_angles(yaw, *rng.uniform(-TILT_DEG, TILT_DEG, 2))

            def look(turned, lit_for=rotation, nearness=nearness):
                pose = self._framed(shape, turned, nearness)
                picture = self._renders.picture(np.random.default_rng(seed), shape.copy(), gaze, pose, lit_for)
                return picture, pose
            picture, pose = look(rotation)
            views = [look(rotation_from_angles(side, 0, 0)) for side in SIDES_DEG]
            yield band, picture, mesh, pose, true_colours(mesh, views)

    def _framed(self, shape, rotation, nearness) -> HeadPose:
        loose = HeadPose(rotation, 1.0, np.zeros(2), nearness)
        zoom, offset = sample_frame(compose(self._renders.landmarks(shape), loose))
        return HeadPose(rotation, zoom, offset, nearness)


def true_colours(mesh: np.ndarray, views: list[tuple[np.ndarray, HeadPose]]) -> np.ndarray:
    """mesh (N, 3) cm -> (N, 3) float32: of each cell in the view that it faces most; not a number where none does."""
    from inference_core.topology import load_topology
    triangles, colours = load_topology().triangles, np.full((len(mesh), 3), np.nan, np.float32)
    facing = np.full(len(mesh), FACING)
    for picture, pose in views:
        points = compose(mesh.astype(np.float64), pose)
        toward = vertex_normals(upright(points), triangles)[:, 2]
        better = toward > facing
        colours[better], facing[better] = look_up(picture, points)[better], toward[better]
    return colours


def look_up(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(H, W, C) at points (N, 2+) in its pixels -> (N, C) float32."""
    x, y = (np.float32(points[:, axis])[:, None] for axis in (0, 1))
    found = cv2.remap(np.float32(picture), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(len(points), -1)


def silhouette(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(S, S, 1) uint8, S = SAMPLE_SIZE: 1 where the face stands before all; with eyes and mouth."""
    covered = rasterize(points[:, :2], triangles, (SAMPLE_SIZE, SAMPLE_SIZE)).covered
    outlines, _ = cv2.findContours(covered.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(covered.shape, np.uint8), outlines, -1, 1, cv2.FILLED)[..., None]


def figures(picture: np.ndarray, face: Face, true: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    """What COLUMNS name, of one face; shares in per cent, errors in grey levels of the worst channel."""
    texture = sample_texture(picture, face, TEXTURE_SIZE)
    places = face.topology.uvs * np.float64(TEXTURE_SIZE) - 0.5
    error = np.abs(look_up(texture.image, places) - true).max(1)
    visible = look_up(texture.visible[..., None], places)[:, 0] > 0.5
    known = np.isfinite(error)
    out = {"visible": 100 * visible.mean(),
           "outside": 100 * (look_up(inside, face.vertices_image)[visible, 0] < 0.5).mean()}
    for name, chosen in (("visible", visible & known), ("filled", ~visible & known)):
        out |= {f"{name}_error": error[chosen].mean(), f"{name}_wrong": 100 * (error[chosen] > WRONG).mean()}
    return {name: float(value) for name, value in out.items()}


def measure(heads: Heads, network, people: int, seed: int) -> dict:
    """{band: {"network" or "true mesh": {column: mean of all people}}}, and how many of each."""
    from inference_core.topology import load_topology
    topology, found = load_topology(), {band: {"network": [], "true mesh": []} for band in range(len(BANDS))}
    progress = Progress("heads", people)
    for number in range(people):
        for band, picture, mesh, pose, true in heads.heads(seed + number):
            points = compose(mesh.astype(np.float64), pose)
            crop = crop_from_landmarks(topology.landmarks(points), upright=True)
            face = capture_crop(picture, crop, network, least_presence=0.0)
            if face is None:
                continue
            inside = silhouette(points, topology.triangles)
            exact = dataclasses.replace(face, vertices_image=points.astype(np.float32))
            for name, kind in (("network", face), ("true mesh", exact)):
                found[band][name].append(figures(picture, kind, true, inside))
        progress.advance(number + 1)
    progress.close()
    return {f"{low:.0f}-{high:.0f}": {name: {"n": len(rows)} | {
        column: float(np.mean([row[column] for row in rows])) if rows else None for column in COLUMNS}
        for name, rows in found[band].items()} for band, (low, high) in enumerate(BANDS)}


def table(report: dict) -> str:
    lines = ["yaw".ljust(8) + "mesh".ljust(11) + "n".rjust(4) + "".join(name.rjust(14) for name in COLUMNS.values())]
    for band, rows in report.items():
        for name, row in rows.items():
            cells = "".join(("-" if row[c] is None else f"{row[c]:.1f}").rjust(14) for c in COLUMNS)
            lines.append(band.ljust(8) + name.ljust(11) + str(row["n"]).rjust(4) + cells)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--weights", default="default", help="name in the weights folder")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the first person")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not PEOPLE[0] <= options.people <= PEOPLE[1] or options.seed < 0:
        parser.error(f"--people must be {PEOPLE[0]} to {PEOPLE[1]}, and --seed not negative")
    try:
        if options.json and not options.json.resolve().parent.is_dir():
            raise OutputError(f"{options.json}: its folder does not exist; make it or give another file")
        report = measure(_heads(options), load_network(options.weights), options.people, options.seed)
        if options.json:
            write_bytes(options.json, (json.dumps(report, indent=1) + "\n").encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(report))
    return 0


def _heads(options: argparse.Namespace) -> Heads:
    from training.face_model import load_face_model
    try:
        return Heads(load_face_model(options.face_model), options.textures)
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
