"""Source of training samples: real portraits, as they are, turned, with another expression, or both.

    python -m training.portraits PORTRAITS --face-model MODEL --facemesh CORRESPONDENCE.npz --sheet OUT.png

writes a contact sheet with the labels drawn over the samples. Set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import LPRNetError
from inference_core.images import write_image
from inference_core.pose import HeadPose, compose
from training.expressions import IDENTITY_JITTER, SIDES, measure_openings, vary_expression
from training.face_model import NARROW_VERTICES, FaceModel, load_face_model
from training.fitting import SKIN_POINTS
from training.head_mesh import build_head_mesh
from training.portrait_files import is_heldout, load_or_fit, read_portraits
from training.proportions import Proportions
from training.redraw import draw, to_screen
from training.sample import SAMPLE_SIZE, Sample, sample_frame
from training.surroundings import lay_over_photo

KINDS, KIND_SHARES = ("plain", "turned", "expression", "both"), (0.25, 0.30, 0.20, 0.25)
BATCH = 32
MAX_YAW_DEG, MAX_PITCH_DEG = 82.0, 28.0
OWN_SIDE_DEG = 12.0                         # a photo turned further than this shows only one side of the head
BACK_TURN_DEG = 15.0                        # how far such a photo may be turned back
NEAREST_CM = 40.0
LIGHTNESS_STEP, RAREST, COMMONEST = 8.0, 4.0, 0.5       # L* of one class; how often its portraits are drawn, 1 = all alike


class PortraitSource:
    """Samples from a folder of portraits. `split`: "train", or "heldout" for the tenth never trained on.

    Portraits that the face model does not fit are left out: `dropped` says how many.
    """

    name = "portraits"

    def __init__(self, portraits_dir: str | Path, face_model: FaceModel, facemesh_correspondence: str | Path,
                 *, cache_dir: str | Path, split: str = "train", other_licences: bool = False,
                 stated_only: bool = False, better_points: Path | None = None):
        if split not in ("train", "heldout"):
            raise ValueError(f'split is "train" or "heldout", not "{split}"')
        portraits = read_portraits(Path(portraits_dir), other_licences, stated_only, better_points)
        fits = load_or_fit(portraits, face_model, Path(facemesh_correspondence), Path(cache_dir))
        mine = np.array([is_heldout(p.name) == (split == "heldout") for p in portraits])
        self._rows = np.flatnonzero(mine & fits.good)
        if not len(self._rows):
            raise ValueError(f"{portraits_dir}: holds no usable portrait of the {split} part")
        self.dropped = int((mine & ~fits.good).sum())
        self._shares = balanced_shares(np.array([portraits[row].skin_lightness() for row in self._rows]))
        self._portraits, self._fits, self._model = portraits, fits, face_model
        self._mesh = build_head_mesh(face_model)
        self._proportions = Proportions(self._mesh.mean)
        self._openings = measure_openings(face_model, self._mesh.landmarks)

    def __len__(self) -> int:
        """Portraits to draw from."""
        return len(self._rows)

    def samples(self, count: int, seed: int, kind: str | None = None) -> Iterator[Sample]:
        """`count` samples; the same seed gives the same ones. kind: one of KINDS alone, for looking at."""
        # whole batches, so that a sample's sums do not depend on how many are asked for
        for first in range(0, count, BATCH):
            yield from islice(self._batch(range(first, first + BATCH), seed, kind), count - first)

    def _batch(self, numbers, seed, kind):
        """One matrix product for all shapes of a batch: it is what costs most otherwise."""
        rngs = [np.random.default_rng([seed, n]) for n in numbers]
        rows = [int(rng.choice(self._rows, p=self._shares)) for rng in rngs]
        kinds = [kind or str(rng.choice(KINDS, p=KIND_SHARES)) for rng in rngs]
        fits = [self._fits.row(i) for i in rows]
        identity = np.stack([f.identity for f in fits])
        expression = np.stack([f.expression for f in fits])
        shapes = self._mesh.shapes(identity, expression)
        others = self._fits.expression[self._rows]
        new_expression, changed = expression.copy(), [False] * len(rows)
        for j, rng in enumerate(rngs):
            if kinds[j] in ("expression", "both"):
                new_expression[j], changed[j] = vary_expression(
                    rng, self._model, self._openings, identity[j], expression[j], others)
        jitter = np.stack([rng.normal(0, IDENTITY_JITTER, identity.shape[1]) for rng in rngs])
        moves = self._mesh.shapes(jitter, new_expression - expression) - self._mesh.mean + self._proportions(rngs)
        skin_moves = self._mesh.spread_residuals(np.stack([f.residual[:SKIN_POINTS] for f in fits]))
        for j, rng in enumerate(rngs):
            photo = self._portraits[rows[j]].photo()
            source = lay_over_photo(photo, self._mesh, shapes[j], fits[j], skin_moves[j])
            if kinds[j] == "plain":
                yield self._plain(source)
                continue
            widened = self._widened(identity[j], expression[j], new_expression[j])
            turned = kinds[j] in ("turned", "both")
            yield self._drawn(rng, source, source.canonical + moves[j], turned, changed[j], widened)

    def _plain(self, source) -> Sample:
        zoom, offset = sample_frame(self._mesh.landmarks(source.texture))
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        image = cv2.warpAffine(source.photo, matrix, (SAMPLE_SIZE, SAMPLE_SIZE), flags=cv2.INTER_LINEAR,
                               borderMode=cv2.BORDER_REPLICATE)
        shift = np.asarray(source.pose.shift, np.float64) * zoom + offset
        pose = HeadPose(np.asarray(source.pose.rotation, np.float64), source.pose.scale * zoom, shift,
                        source.pose.inverse_distance)
        return Sample(image, source.canonical[:NARROW_VERTICES].astype(np.float32), pose)

    def _drawn(self, rng, source, canonical, turned, mouth_changed, widened) -> Sample:
        rotation, angle = _new_rotation(rng, np.asarray(source.pose.rotation, np.float64), turned)
        pose = HeadPose(rotation, 1.0, np.zeros(2), rng.uniform(0, 1 / NEAREST_CM))
        zoom, offset = sample_frame(self._mesh.landmarks(to_screen(canonical[:NARROW_VERTICES], pose)))
        pose = HeadPose(rotation, zoom, offset, pose.inverse_distance)
        reach = rng.uniform(2.5, 14) if angle > OWN_SIDE_DEG else np.inf
        other = self._portraits[self._rows[rng.integers(len(self._rows))]].photo()
        image = draw(rng, self._mesh, source, canonical.astype(np.float32), pose, paint_mouth=mouth_changed,
                     widened=widened, reach_cm=reach, other_photo=other)
        return Sample(image, canonical[:NARROW_VERTICES].astype(np.float32), pose)

    def _widened(self, identity, before, after) -> dict[str, float]:
        old, new = (self._openings.measure(identity, e)[:2] for e in (before, after))
        return {side: float(o / n) for side, o, n in zip(SIDES, old, new) if n > o * 1.02 and o > 0.1}


def balanced_shares(lightness: np.ndarray) -> np.ndarray:
    """(n,) L* of each portrait's skin -> how often to draw it, summing to 1: dark and very light skin, of which there is
    little, more often, so that a network does not learn the commonest kind alone."""
    kind = (lightness // LIGHTNESS_STEP).astype(int)
    kinds, which, counts = np.unique(kind, return_inverse=True, return_counts=True)
    often = np.clip(len(lightness) / (len(kinds) * counts), COMMONEST, RAREST)[which]
    return often / often.sum()


def _new_rotation(rng, rotation, turned):
    """The drawn rotation, and by how many degrees of yaw it differs from the photo's."""
    own = np.degrees(np.arctan2(-rotation[0, 2], rotation[2, 2]))           # positive: to the picture's left
    if turned:
        yaw = rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG) if rng.random() < 0.6 else rng.normal(0, 30)
        yaw = float(np.clip(yaw, -MAX_YAW_DEG, MAX_YAW_DEG))
        pitch = float(np.clip(rng.normal(0, 12), -MAX_PITCH_DEG, MAX_PITCH_DEG))
        if abs(own) > OWN_SIDE_DEG:
            yaw = np.sign(own) * max(abs(yaw), abs(own) - BACK_TURN_DEG)
    else:
        yaw, pitch = own + rng.normal(0, 6), rng.normal(0, 4)
    y, p = np.radians([own - yaw, -pitch])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return about_x @ about_y @ rotation, abs(own - yaw)


def contact_sheet(source: PortraitSource, face_model: FaceModel, per_kind: int, seed: int) -> np.ndarray:
    """Rows of samples, twice each: bare, and with the label's 68 points drawn over as lines. RGB uint8."""
    mesh = build_head_mesh(face_model)
    rows = []
    for kind in KINDS:
        samples = list(source.samples(per_kind, seed, kind))
        rows.append(np.hstack([s.image for s in samples]))
        rows.append(np.hstack([_overlay(s, mesh) for s in samples]))
    return np.vstack(rows)


def _overlay(sample: Sample, mesh) -> np.ndarray:
    points = compose(mesh.landmarks(sample.canonical.astype(np.float64)), sample.pose)[:, :2]
    image = sample.image.copy()
    starts = (0, 17, 22, 27, 31, 36, 42, 48, 60, 68)                  # jaw, brows, nose, lids, lips
    for first, last in zip(starts[:-1], starts[1:]):
        line = np.round(points[first:last] * 16).astype(np.int32)
        cv2.polylines(image, [line], first >= 36, (40, 255, 80), 1, cv2.LINE_AA, shift=4)
    return image


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path, help="folder with landmarks.npz and the tars")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--facemesh", type=Path, required=True, help="the model's FaceMesh correspondence")
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--cache", type=Path, default=Path("build/training"), help="where the fits are kept")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--other-licences", action="store_true", help="also those not in the public domain")
    parser.add_argument("--per-kind", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        model = load_face_model(options.face_model)
        source = PortraitSource(options.portraits, model, options.facemesh, cache_dir=options.cache,
                                split=options.split, other_licences=options.other_licences)
        sheet = contact_sheet(source, model, options.per_kind, options.seed)
        write_image(options.sheet, sheet)
    except (LPRNetError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.sheet}: from {len(source)} portraits; {source.dropped} more do not fit the model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
