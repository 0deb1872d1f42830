"""A pool of samples on disk: made once, read by every training run through memory maps.

A pool is a folder: pool.json, images.npy (N, 248, 248, 3) uint8, canonical.npy (N, 6706, 3) int16 in 1/1000 cm,
pose.npy (N, 13) float64 [rotation row by row, scale, shift x, shift y, inverse distance], landmarks.npy (N, 68, 2)
float32 pixels. pool.json is written last and says what it was made with: a folder without it is unfinished.

    python -m training.pool -o build/pool --portraits DIR --facemesh FILE --textures DIR --face-model FILE \
        --portrait-count 30000 --render-count 8000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.errors import InputError
from inference_core.files import make_folder, read_json, write_bytes
from inference_core.pose import HeadPose, compose
from inference_core.topology import Topology, load_topology
from training.face_model import NARROW_VERTICES, FaceModel, load_face_model
from training.labels import label_mesh
from training.mistakes import check_room, seed_number, told
from training.progress import Progress
from training.sample import SAMPLE_SIZE, Sample, SampleSource
from training.skins import skin_files

MICRO = 1000                    # stored units per cm: 0.01 mm
POSE_NUMBERS = 13
MAX_NOTES = 1 << 16             # bytes of a pool.json
ARRAYS = dict(images=(np.uint8, SAMPLE_SIZE, SAMPLE_SIZE, 3), canonical=(np.int16, NARROW_VERTICES, 3),
              pose=(np.float64, POSE_NUMBERS), landmarks=(np.float32, 68, 2))


@dataclass(frozen=True)
class Pool:
    """Memory-mapped arrays, as the module's docstring names them."""

    name: str
    images: np.ndarray
    canonical: np.ndarray
    pose: np.ndarray
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def head_pose(self, index: int) -> HeadPose:
        numbers = self.pose[index]
        return HeadPose(numbers[:9].reshape(3, 3), float(numbers[9]), numbers[10:12], float(numbers[12]))


def open_pool(folder: str | Path) -> Pool:
    """Raises ValueError naming the folder when it holds no finished pool."""
    folder = Path(folder)
    if not (folder / "pool.json").is_file():
        raise ValueError(f"{folder}: no finished pool of samples; make one with python -m training.pool")
    load = lambda name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)  # noqa: E731
    return Pool(folder.name, load("images"), load("canonical"), load("pose"), load("landmarks"))


def is_finished(folder: Path, made: dict) -> bool:
    """Whether a finished pool lies there. Raises InputError where it was made with something else than `made` says:
    nobody shall learn from other samples than were asked for. What an older pool.json does not tell counts as equal."""
    if not (folder / "pool.json").is_file():
        return False
    advice = "give another -o or another --seed, or remove the folder"
    before = read_json(folder / "pool.json", MAX_NOTES, advice)
    if not isinstance(before, dict):
        raise InputError(f"{folder / 'pool.json'}: not what training.pool has written; {advice}")
    other = [name.replace("_", "-") for name, value in made.items()
             if before.get(name, value) != value and name != "points_file"]         # the digest says which it is
    if other:
        raise InputError(f"{folder}: was made with other options ({', '.join(other)}); {advice}")
    return True


def write_pool(folder: str | Path, source: SampleSource, count: int, seed: int, topology: Topology,
               made_with: dict | None = None) -> None:
    """Draw `count` samples and write them. A finished folder is left as it is, an unfinished one is made anew.
    made_with: what else decides which samples they are; see `is_finished`."""
    folder, made = Path(folder), dict(source=source.name, count=count, seed=seed, **made_with or {})
    if is_finished(folder, made):
        return
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    check_room(folder, sum(count * math.prod(shape) * np.dtype(kind).itemsize for kind, *shape in ARRAYS.values()))
    images, canonical, pose, landmarks = (np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, (count, *shape))
                                          for name, (kind, *shape) in ARRAYS.items())
    mesh = label_mesh()
    progress = Progress(f"{folder.name}: samples", count)
    written = 0
    try:
        for row, sample in enumerate(source.samples(count, seed)):
            images[row] = sample.image
            canonical[row] = np.round(sample.canonical * MICRO).astype(np.int16)
            pose[row] = _pose_numbers(sample)
            landmarks[row] = compose(topology.landmarks(mesh(sample.canonical)), sample.pose)[:, :2]
            written = row + 1
            progress.advance(written)
    finally:                            # a sentence gets a line of its own
        progress.close()
    if written != count:
        raise ValueError(f"{source.name}: gave {written} samples where {count} were asked for")
    for array in (images, canonical, pose, landmarks):
        array.flush()
    write_bytes(folder / "pool.json", json.dumps(made).encode())


def _pose_numbers(sample: Sample) -> np.ndarray:
    pose = sample.pose
    return np.r_[np.asarray(pose.rotation).ravel(), pose.scale, pose.shift, pose.inverse_distance]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/pool"))
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--portraits", type=Path, help="folder of portraits; left out: no portraits")
    parser.add_argument("--facemesh", type=Path, help="FaceMesh correspondence, needed for portraits")
    parser.add_argument("--points", type=Path, help="file of training.relabel: better points of the portraits")
    parser.add_argument("--textures", type=Path, help="folder of skins; left out: no renders")
    parser.add_argument("--portrait-count", type=int, default=30000)
    parser.add_argument("--render-count", type=int, default=8000)
    parser.add_argument("--heldout-count", type=int, default=600, help="of held-out photos and skins, each source; 0 for none")
    parser.add_argument("--seed", type=seed_number, default=1, help="another seed makes further pools beside the first")
    parser.add_argument("--grade-a", action="store_true", help="only portraits whose own licence is stated")
    options = parser.parse_args(arguments)
    if options.portraits and not options.facemesh:
        parser.error("--portraits needs --facemesh")
    if not options.portraits and not options.textures:
        parser.error("give --portraits, --textures or both: there is nothing to draw samples from")
    return told(lambda: _write(options))


def _write(options) -> None:
    model, topology = load_face_model(options.face_model), load_topology()
    for split, seed in (("heldout", options.seed + 1000), ("train", options.seed)):
        if split == "heldout" and not options.heldout_count:
            continue
        for name, given, train_count in (("portraits", options.portraits, options.portrait_count),
                                         ("renders", options.textures, options.render_count)):
            if not given:
                continue
            if name == "renders" and split == "heldout" and _trains_alone(given):
                print(f"{given}: holds skins to learn from alone, as made ones are; no held-out renders are made")
                continue
            folder = options.output / f"{name}-{split}-{options.seed}"
            count = train_count if split == "train" else options.heldout_count
            made_with = _made_with(options, name)
            if is_finished(folder, dict(source=name, count=count, seed=seed, **made_with)):     # before data are read
                print(f"{folder}: is there already")
                continue
            write_pool(folder, _source(options, name, split, model), count, seed, topology, made_with)


def _trains_alone(textures: Path) -> bool:
    """Whether a folder of skins has some to learn from, and none that are kept from learning."""
    return bool(skin_files(textures, "train")) and not skin_files(textures, "heldout")


def _made_with(options, name: str) -> dict:
    """Of what a pool's samples are, beside their count and seed."""
    if name == "renders":
        return dict(textures=options.textures.resolve().name)
    points = options.points
    if points is None:
        return dict(grade_a=options.grade_a, points_file=None, points=None)
    if not points.is_file():
        raise InputError(f"{points}: no such points of portraits; make them with python -m training.relabel")
    with points.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(grade_a=options.grade_a, points_file=points.name, points=digest)


def _source(options, name: str, split: str, model: FaceModel) -> SampleSource:
    if name == "renders":
        from training.rendering import RenderSource
        return RenderSource(model, options.textures, split=split)
    from training.portraits import PortraitSource
    return PortraitSource(options.portraits, model, options.facemesh, split=split, cache_dir=options.output,
                          stated_only=options.grade_a, better_points=options.points)


if __name__ == "__main__":
    sys.exit(main())
