"""A sheet of the held-out portraits that a network gets most wrong, for the model card.

    python -m training.failures PORTRAITS --face-model FILE --facemesh FILE --renders build/pool/renders-heldout-4 \
        -o docs/images/failures.jpg

Photos as they are, of stated free licence alone, and below them renders of a pool. Label green, answer red; from the
exact crop of the label, by the mean distance of the 68 landmarks. A portrait's label is FaceMesh's fit: sometimes it is the
one that is wrong.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.errors import LPRNetError
from inference_core.images import write_image
from inference_core.pictures import contact_sheet
from inference_core.pose import compose
from inference_core.regression import capture_crop
from training.error_plots import face_tile
from training.face_model import load_face_model
from training.labels import label_mesh
from training.pool import MICRO, Pool, open_pool
from training.portraits import PortraitSource
from training.progress import Progress
from training.sample import Sample
from training.scores import landmark_errors

SHOWN, COLUMNS, TILE = 6, 6, 240
DRAWN_PER_PORTRAIT = 5              # samples are drawn at random: so many show hardly a portrait too few


@dataclass(frozen=True, eq=False)
class Failure:
    """nme in % of all 68; true and answered landmarks (68, 2) in pixels of image."""

    nme: float
    image: np.ndarray
    true: np.ndarray
    answered: np.ndarray


def failures(network: Network, samples: list[Sample]) -> list[Failure]:
    """One for each different picture that the network answers, worst first."""
    mesh, topology = label_mesh(), network.topology
    different = list({sample.image.tobytes(): sample for sample in samples}.values())
    found, progress = [], Progress(f"portraits: {network.card.name}", len(different))
    for number, sample in enumerate(different, 1):
        true = compose(topology.landmarks(mesh(sample.canonical)), sample.pose)
        face = capture_crop(sample.image, crop_from_landmarks(true, upright=False), network, least_presence=-1.0)
        if face is not None:
            marks = face.landmarks_image[:, :2].astype(np.float64)
            nme = float(landmark_errors(marks[None], true[None, :, :2]).mean())
            found.append(Failure(nme, sample.image, true[:, :2], marks))
        progress.advance(number)
    progress.close()
    return sorted(found, key=lambda failure: -failure.nme)


def samples_of(pool: Pool) -> list[Sample]:
    return [Sample(np.array(pool.images[row]), pool.canonical[row].astype(np.float32) / MICRO, pool.head_pose(row))
            for row in range(len(pool))]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path, help="folder with landmarks.npz and the tars")
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--facemesh", type=Path, required=True, help="the model's FaceMesh correspondence")
    parser.add_argument("--points", type=Path, help="file of training.relabel: better points of the portraits")
    parser.add_argument("--renders", type=Path, required=True, metavar="POOL", help="held-out renders of training.pool")
    parser.add_argument("--cache", type=Path, default=Path("build/pool"), help="where the fits are kept")
    parser.add_argument("--weights", default="default", metavar="NAME", help="a network that `lprnet info` lists")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        network = load_network(options.weights)
        source = PortraitSource(options.portraits, load_face_model(options.face_model), options.facemesh,
                                cache_dir=options.cache, split="heldout", stated_only=True,
                                better_points=options.points)
        of_portraits = failures(network, list(source.samples(DRAWN_PER_PORTRAIT * len(source), 0, "plain")))
        of_renders = failures(network, samples_of(open_pool(options.renders)))
        worst = of_portraits[:SHOWN] + of_renders[:SHOWN]
        tiles = [face_tile(failure.image, failure.true, failure.answered) for failure in worst]
        labels = [f"{failure.nme:.1f} %" for failure in worst]
        write_image(options.output, contact_sheet(tiles, labels, columns=COLUMNS, size=TILE))
    except (LPRNetError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, found in (("portraits", of_portraits), ("renders", of_renders)):
        print(f"{options.output}: the worst {min(SHOWN, len(found))} of {len(found)} {name}; mean of all "
              f"{np.mean([failure.nme for failure in found]):.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
