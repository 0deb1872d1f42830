"""How far our points lie from FaceMesh's by age, gender and race label: does the network see everybody alike?

Two things lie between ours and FaceMesh's that are no error of ours: where each means a point to be, the same for
everybody, and FaceMesh's own errors. So what is judged is a group against the mean of all.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from inference_core.engine import Network
from inference_core.regression import CaptureOptions, Face, capture_faces
from inference_core.topology import load_topology
from training.annotated_photos import Photo, PhotoSource
from training.evaluate import BORDER
from training.mediapipe_mesh import MESH, mediapipe_points
from training.progress import Progress
from training.relabel import averaged_points, mirror_partners
from training.scores import face_size

WORST = 1.25                    # times the mean of all


def group_report(python: Path, source: PhotoSource, networks: list[Network]) -> dict[str, dict]:
    """{network: {"all" and each group: n, found and found_facemesh in %, distance in %, worse: times the mean of all}};
    distance over the faces that both find, None where there are none."""
    pictures = [_padded(photo) for photo in source.photos]
    # of many looks: one look's own error is as large as what is compared
    topology = load_topology()
    partners = mirror_partners(topology.facemesh_points(topology.mean_canonical))
    theirs, _ = averaged_points(pictures, mediapipe_points(python, source.name, pictures), partners, python)
    names = sorted({group for photo in source.photos for group in photo.groups}, key=_order)
    members = {"all": np.ones(len(pictures), bool)} | {
        name: np.array([name in photo.groups for photo in source.photos]) for name in names}
    return {network.card.name: _rows(members, _ours(source.name, pictures, network), theirs) for network in networks}


def _ours(title: str, pictures: list[np.ndarray], network: Network) -> np.ndarray:
    """(n, 468, 2) pixels; NaN where no face was found over the middle."""
    progress = Progress(f"{network.card.name}: {title}", len(pictures))
    options = CaptureOptions(all_faces=True, engine=network.engine, weights=network.card.name, careful=False)
    out = np.full((len(pictures), MESH, 2), np.nan)
    for number, picture in enumerate(pictures):
        found = [face for face in capture_faces(picture, options) if _over(face, np.array(picture.shape[1::-1]) / 2)]
        if found:
            out[number] = found[0].topology.facemesh_points(found[0].vertices_image)[:MESH, :2]
        progress.advance(number + 1)
    progress.close()
    return out


def _over(face: Face, middle: np.ndarray) -> bool:
    return bool((np.array(face.box[:2]) < middle).all() and (middle < face.box[2:]).all())


def _padded(photo: Photo) -> np.ndarray:
    """As training.evaluate does it: the crops are too tight for a detector."""
    return cv2.copyMakeBorder(photo.read(), *(round(BORDER * max(photo.size)),) * 4, cv2.BORDER_REPLICATE)


def _rows(members: dict[str, np.ndarray], ours: np.ndarray, theirs: np.ndarray) -> dict[str, dict]:
    away = np.full(len(ours), np.nan)
    seen, seen_there = np.isfinite(ours[:, 0, 0]), np.isfinite(theirs[:, 0, 0])
    both = seen & seen_there
    theirs = theirs[:, :MESH, :2]
    away[both] = 100 * np.linalg.norm(ours[both] - theirs[both], axis=2).mean(1) / face_size(theirs[both])
    mean = float(away[both].mean()) if both.any() else None
    rows = {}
    for name, rows_of_group in members.items():
        inside = both & rows_of_group
        distance = float(away[inside].mean()) if inside.any() else None
        rows[name] = dict(n=int(rows_of_group.sum()), found=100 * float(seen[rows_of_group].mean()),
                          found_facemesh=100 * float(seen_there[rows_of_group].mean()), distance=distance,
                          worse=distance / mean if distance is not None and mean else None)
    return rows


def group_table(name: str, report: dict[str, dict]) -> str:
    lines = []
    for network, rows in report.items():
        lines.append(f"{name}, {network}".ljust(30) + "".join(title.rjust(18) for title in (
            "n", "found %", "FaceMesh found %", "apart %", "times the mean")))
        for group, row in rows.items():
            apart = "-" if row["distance"] is None else f"{row['distance']:.2f}"
            worse = "-" if row["worse"] is None else f"{row['worse']:.2f}"
            lines.append(f"  {group}".ljust(30) + "".join(cell.rjust(18) for cell in (
                str(row["n"]), f"{row['found']:.1f}", f"{row['found_facemesh']:.1f}", apart, worse)))
        far = [group for group, row in rows.items() if row["worse"] is not None and row["worse"] > WORST]
        lines.append(f"  more than 25 % worse than the mean: {', '.join(far) or 'no group'}")
    return "\n".join(lines)


def _order(group: str) -> tuple[str, int]:
    kind, _, what = group.partition(" ")
    return kind, int(what.split("-")[0]) if what[:1].isdigit() else 0
