"""300W-LP into UV position maps as PRNet defines them, for those who have the data and the Basel face model.

    python -m training.w300lp 300W_LP --model BFM.mat --uv BFM_UV.mat -o build/w300lp
    python -m training.train --data build/w300lp -o build/runs/original

Every NAME.mat with its NAME.jpg below the folder, in the order of their paths: the face of the 3DMM parameters in the
picture, a crop of 1.5 x the mean side of the box of its 68 points, moved by up to 10 % and 10 % larger or smaller
(--exact: neither), and for each texel of the unwrap the position there: x right, y down in pixels of the crop, z on the
same scale from the deepest vertex on (Feng et al., ECCV 2018; the steps are those of its published example).
AFLW2000-3D is read the same way, to measure.

Written: images.npy (n, 128, 128, 3) uint8, maps.npy (n, 128, 128, 3) uint16, position / (128 x 1.1) x 65535, what a
sigmoid can answer; samples.json; weights.png, the mask 16 : 4 : 3 : 0 of the loss; uv-data/, PRNet's index files for
this side. The same command goes on with a folder that was not finished.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference_core.crop import Crop
from inference_core.errors import InputError, OutputError
from inference_core.files import write_bytes
from inference_core.images import read_image, write_image
from inference_core.raster import Raster, rasterize
from training.mistakes import check_room, seed_number, told
from training.morphable_model import MorphableModel, read_model, read_sample
from training.progress import Progress

SIDE, MAP_SCALE, FULL = 128, 1.1, 65535
MARGIN, SHIFT, RESIZE = 1.5, 0.1, 0.1
LANDMARK, FEATURES, REST = 16, 4, 3         # weights in the loss; 0 outside the face
NEAR_FEATURES = 0.03                        # of the side: how far around eyes, nose and mouth their weight reaches
SAMPLES, DONE_EVERY = "samples.json", 200
SAMPLE_BYTES = SIDE * SIDE * 3 * (1 + 2)    # of a crop and its map


@dataclass(frozen=True, eq=False)
class Unwrap:
    """Of a model on a map: raster of its triangles, texels (68, 2) row, column of its landmarks, face (S, S) bool: what
    lies above the jaw line."""

    raster: Raster
    texels: np.ndarray
    face: np.ndarray


def unwrap(model: MorphableModel, side: int = SIDE) -> Unwrap:
    flat = np.c_[model.uvs[:, 0], 1 - model.uvs[:, 1], np.zeros(len(model.uvs))] * (side - 1)
    raster = rasterize(flat, model.triangles, (side, side))
    texels = np.rint(flat[model.landmarks, 1::-1]).astype(int)
    outline = np.concatenate([texels[:17, ::-1], [[side - 1, 0], [0, 0]]])
    inside = cv2.fillPoly(np.zeros((side, side), np.uint8), [outline.astype(np.int32)], 1)
    return Unwrap(raster, texels, raster.covered & (inside > 0))


def position_map(vertices: np.ndarray, on: Unwrap) -> np.ndarray:
    """Vertices (V, 3) of the crop in pixels -> (S, S, 3), 0 where no triangle lies."""
    return on.raster.interpolate(vertices) * on.raster.covered[..., None]


def place(vertices_image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator | None, side: int) -> Crop:
    """vertices_image (V, 3), y down -> the square of a sample; rng None: in the middle and of the plain size."""
    points = vertices_image[landmarks, :2]
    low, high = points.min(0), points.max(0)
    mean_side = float((high - low).mean())
    centre, size = (low + high) / 2, MARGIN * mean_side
    if rng is not None:
        centre = centre + rng.uniform(-SHIFT, SHIFT, 2) * mean_side
        size *= rng.uniform(1 - RESIZE, 1 + RESIZE)
    # corner onto corner texel, as PRNet warps: size pixels become side - 1; our crops count from corners of pixels
    scale = (side - 1) / size / side
    shift = 0.5 / side - scale * (centre - size / 2)
    return Crop(np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]]))


def sample_map(model: MorphableModel, on: Unwrap, mat: Path, picture: np.ndarray,
               rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Crop (S, S, 3) uint8, position map (S, S, 3) in its pixels, and yaw in degrees, positive to the picture's
    left."""
    side, sample = len(on.face), read_sample(mat, model)
    vertices = model.vertices(sample)
    vertices[:, 1] = len(picture) - 1 - vertices[:, 1]
    crop = place(vertices, model.landmarks, rng, side)
    seen = crop.to_crop(vertices) * side - [0.5, 0.5, 0]
    seen[:, 2] -= seen[:, 2].min()
    return crop.cut(picture, side, cv2.BORDER_CONSTANT), position_map(seen, on), sample.yaw_deg


def weight_mask(on: Unwrap) -> np.ndarray:
    """(S, S) uint8: 16 at the landmarks, 4 about eyes, nose and mouth, 3 on the rest of the face, 0 elsewhere."""
    side = len(on.face)
    features = np.zeros((side, side), np.uint8)
    for first, last in ((36, 42), (42, 48), (27, 36), (48, 68)):
        hull = cv2.convexHull(on.texels[first:last, ::-1].astype(np.int32))
        cv2.fillPoly(features, [hull], 1)
    reach = max(round(NEAR_FEATURES * side), 1)
    features = cv2.dilate(features, np.ones((2 * reach + 1,) * 2, np.uint8))
    mask = np.where(on.face, np.where(features > 0, FEATURES, REST), 0).astype(np.uint8)
    mask[tuple(on.texels.T)] = LANDMARK
    return mask


def write_uv_data(folder: Path, model: MorphableModel, on: Unwrap) -> None:
    """PRNet's index files of this side, so that a trained network can be used (lprnet import-weights,
    write_weights_folder)."""
    folder.mkdir(exist_ok=True)
    side = len(on.face)
    number = np.full((side, side), -1)
    number[on.face] = np.arange(on.face.sum())
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    whole = (np.stack([a, b, c, d]) >= 0).all(0)
    np.savetxt(folder / "face_ind.txt", np.flatnonzero(on.face), "%d")
    np.savetxt(folder / "triangles.txt", np.concatenate([np.stack(t, -1)[whole] for t in ((a, b, c), (a, c, d))]), "%d")
    np.savetxt(folder / "uv_kpt_ind.txt", on.texels.T[::-1], "%d")
    np.save(folder / "canonical_vertices.npy", position_map(model.mean * [1, -1, 1], on)[on.face])


def convert(source: Path, model: MorphableModel, output: Path, exact: bool, seed: int) -> int:
    """All samples below a folder; returns how many. Raises InputError, OutputError."""
    mats = [path for path in sorted(source.rglob("*.mat")) if path.with_suffix(".jpg").is_file()]
    if not mats:
        raise InputError(f"{source}: no NAME.mat with a NAME.jpg beside it in this folder; give the folder of 300W-LP")
    on, names = unwrap(model), [str(path.relative_to(source)) for path in mats]
    about = dict(names=names, exact=exact, seed=seed, side=SIDE)
    done, yaws = _begun(output, about)
    shape = (len(mats), SIDE, SIDE, 3)
    check_room(output, (len(mats) - done) * SAMPLE_BYTES)
    images = np.lib.format.open_memmap(output / "images.npy", "r+" if done else "w+", np.uint8, shape)
    maps = np.lib.format.open_memmap(output / "maps.npy", "r+" if done else "w+", np.uint16, shape)
    write_image(output / "weights.png", np.repeat(weight_mask(on)[..., None], 3, 2))
    write_uv_data(output / "uv-data", model, on)
    progress = Progress("position maps", len(mats))
    try:
        for row in range(done, len(mats)):
            rng = None if exact else np.random.default_rng([seed, row])
            picture = read_image(mats[row].with_suffix(".jpg"))
            images[row], where, yaw = sample_map(model, on, mats[row], picture, rng)
            maps[row] = np.rint(np.clip(where / (SIDE * MAP_SCALE), 0, 1) * FULL)
            yaws.append(round(yaw, 3))
            progress.advance(row + 1)
            if len(yaws) % DONE_EVERY == 0:
                _note(output, about, yaws, images, maps)
    finally:                            # what is done stays, also after Ctrl-C and a broken sample
        progress.close()
        _note(output, about, yaws, images, maps)
    return len(mats)


def _begun(output: Path, about: dict) -> tuple[int, list[float]]:
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not (output / SAMPLES).is_file():
            return 0, []
        before = json.loads((output / SAMPLES).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(f"{output}: cannot be used ({error}); give a new folder") from error
    if {key: before.get(key) for key in about} != about:
        raise OutputError(f"{output}: was begun with other samples or options; give a new folder, or what it was begun "
                          "with")
    return len(before["yaw_deg"]), before["yaw_deg"]


def _note(output: Path, about: dict, yaws: list[float], *arrays: np.memmap) -> None:
    for array in arrays:
        array.flush()
    done = dict(done=len(yaws) == len(about["names"]), yaw_deg=yaws)
    write_bytes(output / SAMPLES, json.dumps(about | done).encode())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="300W_LP")
    parser.add_argument("--model", type=Path, required=True, metavar="BFM.mat")
    parser.add_argument("--uv", type=Path, required=True, metavar="BFM_UV.mat")
    parser.add_argument("--exact", action="store_true", help="crops in the middle and of the plain size, to measure")
    parser.add_argument("--seed", type=seed_number, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    return told(lambda: _convert(options), stopped=f"stopped; the same command goes on with {options.output}")


def _convert(options) -> None:
    model = read_model(options.model, options.uv)
    count = convert(options.data, model, options.output, options.exact, options.seed)
    print(f"{options.output}: {count} samples")


if __name__ == "__main__":
    sys.exit(main())
