"""FaceMesh's points of the portraits anew: each photo seen ten times, turned, moved and mirrored, and the answers averaged.

    make facemesh-environment
    python -m training.relabel PORTRAITS --face-model FILE --facemesh CORRESPONDENCE.npz -o build/portrait_points.npz

One look at a photo has an error that a slightly different look does not share, and a network that sees each portrait a
thousand times learns it by heart. The file holds name (n,) and points (n, 478, 3) float32 as landmarks.npz has them
(pixels, z smaller = nearer), and spread (n,): how far a single look lies from the average, in the mean over the points, as a share of
the outer eye corners' distance. training.pool takes it with --points. About 10 minutes on two cores; what is done is kept beside the
file until the end, so that the same command goes on after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from inference_core.crop import Crop, crop_around
from inference_core.errors import LPRNetError
from inference_core.files import written_beside
from training.face_model import load_face_model
from training.fitting import OUTER_CORNERS, load_anchors
from training.mediapipe_mesh import find_python, mediapipe_points
from training.portrait_files import Portrait, read_portraits
from training.progress import Progress

# each look: turn in degrees, side over the face's larger side, shift over that side, mirrored
LOOKS = tuple((turn, side, shift, mirrored) for mirrored in (False, True)
              for turn, side, shift in ((0, 2.0, (0, 0)), (9, 1.8, (0.03, -0.02)), (-9, 2.2, (-0.03, 0.02)),
                                        (4, 2.1, (-0.02, -0.04)), (-4, 1.9, (0.02, 0.04))))
SIDE, CHUNK = 384, 40               # pixels of the picture that FaceMesh gets; portraits between two lines of progress
FEWEST = 4                          # looks in which the face must have been found
TRIMMED = 0.2                       # share of the looks left out of a coordinate's average at either end


def mirror_partners(points: np.ndarray) -> np.ndarray:
    """FaceMesh's points (478, 3) of a symmetric face, x to its left -> (478,) for each the one that takes its place in a
    mirrored picture; itself where it is NaN."""
    apart = np.linalg.norm((points * [-1, 1, 1])[:, None] - points[None], axis=2)
    nearest = np.where(np.isnan(apart), np.inf, apart).argmin(1)
    return np.where(np.isfinite(points).all(1), nearest, np.arange(len(points)))


def look_crops(points: np.ndarray) -> list[Crop]:
    """One square for each of LOOKS, around the face of these points (n, >= 2) in pixels."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = float((high - low).max())
    return [crop_around((low + high) / 2 + side * np.array(shift), times * side, np.radians(turn))
            for turn, times, shift, _ in LOOKS]


def back_from_look(seen: np.ndarray, crop: Crop, mirrored: bool, partners: np.ndarray) -> np.ndarray:
    """FaceMesh's points (478, 3) in the pixels of one look -> in the photo's, in the photo's order."""
    if mirrored:
        seen = (seen * [-1, 1, 1] + [SIDE - 1, 0, 0])[partners]
    return crop.to_image((seen + [0.5, 0.5, 0]) / SIDE)


def trimmed_mean(looks: np.ndarray) -> np.ndarray:
    """(k, 478, 3) -> (478, 3), without the lowest and highest of each coordinate."""
    cut = int(TRIMMED * len(looks))
    return np.sort(looks, 0)[cut:len(looks) - cut].mean(0)


def averaged_points(photos: Sequence[np.ndarray], points: np.ndarray, partners: np.ndarray,
                    python: Path) -> tuple[np.ndarray, np.ndarray]:
    """Photos (H, W, 3) uint8 RGB and their faces' points (n, 478, 3) pixels, z towards the camera, from a single look each
    -> those of all LOOKS, and spread (n,). A face hardly found again, or of NaN, keeps its points, and a spread of NaN."""
    rows = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    crops = [look_crops(points[row]) for row in rows]
    pictures = [picture[:, ::-1] if mirrored else picture
                for row, of in zip(rows, crops) for crop, (*_, mirrored) in zip(of, LOOKS)
                for picture in [crop.cut(photos[row], SIDE)]]
    answers = mediapipe_points(python, "", pictures, quiet=True).reshape(len(rows), len(LOOKS), -1, 3)
    better, spread = points.copy(), np.full(len(photos), np.nan)
    for row, of, seen in zip(rows, crops, answers):
        looks = np.array([back_from_look(one, crop, mirrored, partners)
                          for one, crop, (*_, mirrored) in zip(seen, of, LOOKS) if np.isfinite(one).all()])
        if len(looks) < FEWEST:
            continue
        better[row] = mean = trimmed_mean(looks)
        span = np.linalg.norm(np.subtract(*mean[list(OUTER_CORNERS), :2]))
        spread[row] = np.linalg.norm((looks - mean)[..., :2], axis=2).mean() / span
    return better, spread


def relabelled(portraits: list[Portrait], partners: np.ndarray, python: Path) -> tuple[np.ndarray, np.ndarray]:
    """averaged_points of portraits, with z as theirs is: away from the camera."""
    away = np.array([1, 1, -1])
    points, spread = averaged_points([p.photo() for p in portraits], np.stack([p.points for p in portraits]) * away,
                                     partners, python)
    return points * away, spread


def kept_or_made(part: Path, portraits: list[Portrait], partners: np.ndarray, python: Path) -> tuple[np.ndarray, np.ndarray]:
    """relabelled, from the file `part` where an earlier run left it there for the same portraits, and left there."""
    names = np.array([p.name for p in portraits])
    if part.is_file():
        with np.load(part, allow_pickle=False) as z:
            if np.array_equal(z["name"], names):
                return z["points"], z["spread"]
    points, spread = relabelled(portraits, partners, python)
    with written_beside(part) as beside, open(beside, "wb") as file:
        np.savez(file, name=names, points=points, spread=spread)
    return points, spread


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--facemesh", type=Path, required=True, help="the face model's FaceMesh correspondence")
    parser.add_argument("--facemesh-python", type=Path, metavar="FILE", help="the Python that has MediaPipe "
                        "(default: .venv-facemesh, of make facemesh-environment)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/portrait_points.npz"))
    options = parser.parse_args(arguments)
    try:
        python, portraits = find_python(options.facemesh_python), read_portraits(options.portraits)
        partners = mirror_partners(load_anchors(options.facemesh).pick(load_face_model(options.face_model).neutral))
        chunks = [portraits[i:i + CHUNK] for i in range(0, len(portraits), CHUNK)]
        parts = options.output.with_suffix(".parts")
        parts.mkdir(parents=True, exist_ok=True)
        progress, done = Progress("portraits: points", len(portraits)), []
        pool = ThreadPoolExecutor(options.jobs)
        try:
            for of in pool.map(lambda i: kept_or_made(parts / f"{i}.npz", chunks[i], partners, python), range(len(chunks))):
                done.append(of)
                progress.advance(sum(len(points) for points, _ in done))
        except KeyboardInterrupt:
            print(f"stopped; the same command goes on from {parts}", file=sys.stderr)
            return 1
        finally:
            pool.shutdown(cancel_futures=True)
            progress.close()
        points, spread = (np.concatenate(of) for of in zip(*done))
        with written_beside(options.output) as beside, open(beside, "wb") as file:
            np.savez(file, name=np.array([p.name for p in portraits]), points=points.astype(np.float32), spread=spread)
        shutil.rmtree(parts)
    except (LPRNetError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    moves = (points - np.stack([p.points for p in portraits]))[..., :2]
    right, down = np.median(moves.mean(1), 0)
    print(f"{options.output}: {np.isfinite(spread).sum()} of {len(spread)} portraits; a single look lies "
          f"{100 * np.nanmean(spread):.2f} % of the eyes' span from the average; points moved {np.linalg.norm(moves, axis=2).mean():.2f} "
          f"pixels, {right:+.2f} to the right and {down:+.2f} down in the median of all faces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
