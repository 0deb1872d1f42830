"""Source of training samples: rendered faces of drawn people, expressions, poses and light.

    python -m training.rendering --face-model MODEL --textures DIR --sheet OUT.png

writes a contact sheet with the labels drawn over the samples. Set OMP_NUM_THREADS=1. Pictures are clean: blur, noise
and occluders are training/augment.py's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import LPRNetError
from inference_core.images import write_image
from inference_core.pose import HeadPose, compose
from inference_core.topology import load_topology
from training.backdrops import draw_backdrop
from training.expressions import measure_openings
from training.face_model import NARROW_VERTICES, FaceModel, load_face_model
from training.labels import label_mesh
from training.proportions import Proportions
from training.redraw import OVERSAMPLE, to_screen
from training.render_draws import LARGEST_INVERSE_DISTANCE, draw_face, draw_rotation
from training.render_hair import grow
from training.render_look import Look, draw_light, draw_look
from training.render_mesh import FRAME, HAIR, HEAD, LASH, SKIN, build_render_mesh
from training.rendering_kernels import colour, comb, darken, illuminate, interpolate
from training.sample import SAMPLE_SIZE, Sample, sample_frame
from training.skins import GAMMA, draw_skin, hair_masks, load_skins
from training.warping import FAR, rasterise, vertex_normals

BATCH = 16
IDENTITY_SD = 0.85
PUPILS_CM = 6.4                             # the glasses are made for eyes this far apart
SHADOW_SIZE, SHADOW_CM = 112, 36.0
STREAK_SIZE = 256
EYE_ROUNDNESS = 1.03                        # largest over smallest radius of an eyeball's front
FULLY_LIT_EYE_CM = 0.6                      # lids this far apart keep no light from the eyeball
FULLY_LIT_MOUTH_CM = 0.7
EYES_BACK_CM = 0.15                         # eyeballs are drawn this far behind where they are, lids win


class RenderSource:
    """Samples of rendered faces. `split`: "train", or "heldout" for the skins that are never trained on. all_in_glasses:
    everyone wears them, where else every fifth does."""

    name = "renders"

    def __init__(self, face_model: FaceModel, textures_dir: str | Path, split: str = "train", all_in_glasses: bool = False):
        if split not in ("train", "heldout"):
            raise ValueError(f'split is "train" or "heldout", not "{split}"')
        topology = load_topology()
        self._all_in_glasses = all_in_glasses
        self._drawn_apart = (1,) if split == "heldout" else ()
        self._skins = load_skins(textures_dir, split)
        self._model, self._mesh = face_model, build_render_mesh(face_model)
        self._proportions = Proportions(self._mesh.mean)
        matrix = label_mesh().landmark_matrix(topology)
        self._landmark_vertices = np.flatnonzero(matrix.any(0))
        self._landmark_weights = matrix[:, self._landmark_vertices]
        self._openings = measure_openings(face_model, self.landmarks)
        self._masks = hair_masks(face_model, topology)
        self._streaks = _streaks()
        kinds = self._mesh.kinds
        self._hair_triangles = self._mesh.triangles[kinds == HAIR] - np.int32(len(self._mesh.mean))
        self._surface = self._mesh.triangles[~np.isin(kinds, (HAIR, FRAME, LASH))]
        self._casters = self._mesh.triangles[np.isin(kinds, (SKIN, HEAD))]

    def samples(self, count: int, seed: int) -> Iterator[Sample]:
        """`count` samples; the same seed gives the same ones, and others in each split: held-out faces are no trained
        ones with another skin."""
        for first in range(0, count, BATCH):
            rngs = [np.random.default_rng([seed, n, *self._drawn_apart]) for n in range(first, min(first + BATCH, count))]
            identity = np.stack([rng.normal(0, IDENTITY_SD, len(self._model.identity)) for rng in rngs])
            faces = [draw_face(rng, self._model.expression_names, self._openings, person)
                     for rng, person in zip(rngs, identity)]
            # one matrix product for all shapes of a batch: it is what costs most otherwise
            shapes = self.shapes(identity, np.stack([weights for weights, _ in faces])) + self._proportions(rngs)
            for rng, shape, (_, gaze) in zip(rngs, shapes, faces):
                yield self._sample(rng, shape, gaze)

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """(..., V >= 6706, k) -> the 68 points (..., 68, k)."""
        return self._landmark_weights @ points[..., self._landmark_vertices, :]

    def _sample(self, rng, shape, gaze) -> Sample:
        rotation = draw_rotation(rng)
        pose = HeadPose(rotation, 1.0, np.zeros(2), rng.uniform(0, LARGEST_INVERSE_DISTANCE))
        zoom, offset = sample_frame(compose(self.landmarks(shape), pose))
        pose = HeadPose(rotation, zoom, offset, pose.inverse_distance)
        image = self.picture(rng, shape, gaze, pose)
        return Sample(image, shape[:NARROW_VERTICES].copy(), pose)

    def picture(self, rng: np.random.Generator, shape: np.ndarray, gaze: np.ndarray, pose: HeadPose,
                lit_for: np.ndarray | None = None) -> np.ndarray:
        """(248, 248, 3) uint8: a whole head's shape (`shapes`) seen from this pose; the eyeballs of `shape` are changed.
        Skin, hair, light and background are drawn: the same seed gives the same ones. lit_for: a rotation whose light
        stays on the head, highlights too, from wherever it is seen (default: the pose's own)."""
        skin = draw_skin(rng, self._skins)
        look = draw_look(rng, skin.brightness, self._all_in_glasses)
        image, drawn = self._draw(rng, shape, gaze, pose, skin, look, pose.rotation if lit_for is None else lit_for)
        image = cv2.resize(image, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA)
        behind = 1 - cv2.resize(drawn, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA)[..., None]
        image += draw_backdrop(rng, SAMPLE_SIZE) * behind
        image = np.clip(image, 0, 1) ** np.float32(1 / GAMMA) * 255 + np.float32(0.5)
        return image.astype(np.uint8)

    def person(self, rng: np.random.Generator) -> np.ndarray:
        """A drawn person's whole head at rest, (V, 3) float32 cm."""
        identity = rng.normal(0, IDENTITY_SD, (1, len(self._model.identity)))
        return self.shapes(identity, np.zeros((1, len(self._model.expression_names))))[0]

    def shapes(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Weights (n, identities) and (n, expressions) -> all vertices of n heads (n, V, 3) float32 cm."""
        return self._mesh.shapes(identity, expression)

    def _draw(self, rng, shape, gaze, pose, skin, look: Look, lit_for):
        """Linear picture (2 S, 2 S, 3) and where it holds the head (2 S, 2 S)."""
        mesh, size = self._mesh, SAMPLE_SIZE * OVERSAMPLE
        eyes = _round_eyes(shape, mesh.eyes)
        normals = vertex_normals(shape, self._surface)
        hair, inside = grow(mesh.hair, shape, look.hair) if look.hair else (shape[mesh.hair.vertices], None)
        points = np.concatenate([shape, hair, self._glasses(shape, eyes, look)])
        normals = np.concatenate([normals, vertex_normals(hair, self._hair_triangles),
                                  np.tile(np.float32(pose.rotation[2]), (len(mesh.glasses), 1))])
        big = replace(pose, scale=pose.scale * OVERSAMPLE, shift=(pose.shift + 0.5) * OVERSAMPLE - 0.5)
        screen = to_screen(points, big)
        screen[np.concatenate(mesh.eyes), 2] -= np.float32(EYES_BACK_CM * big.scale)
        ids, weights, depth = self._rasterise_head(screen, points, inside, look)
        place, normal = np.empty((size, size, 3), np.float32), np.empty((size, size, 3), np.float32)
        uv, albedo = np.empty((size, size, 2), np.float32), np.empty((size, size, 3), np.float32)
        gloss, image = np.empty((size, size), np.float32), np.zeros((size, size, 3), np.float32)
        interpolate(ids, weights, mesh.triangles, points, normals, mesh.corner_uv, place, normal, uv)
        points68 = self.landmarks(shape)
        colour(ids, mesh.kinds, place, uv, skin.face, skin.head, self._masks, look.cover, look.tone, look.flat,
               self._streaks, eyes, _gaze_directions(gaze), _lids(points68), look.iris, look.pupil,
               _mouth(points68, look), look.collar, albedo, gloss)
        light = draw_light(rng, lit_for, skin.brightness * float(look.tone[:3].mean()))
        shadow, matrix = self._shadow(shape, light)
        illuminate(ids, mesh.kinds, place, normal, albedo, gloss, light.lights, light.shine, shadow, matrix,
                   light.shadow, image)
        image *= np.float32(light.exposure)
        lashes, lash_weights = _rasterise(screen, mesh.triangles, mesh.kinds != LASH, depth)
        darken(image, lashes, lash_weights, mesh.triangles, mesh.corner_uv, np.float32(look.lash),
               look.cover[0, :3] * np.float32(0.3))
        return image, (ids >= 0).astype(np.float32)

    def _rasterise_head(self, screen, points, inside, look):
        """Ids, weights and depth of everything but lashes; inside (H,): from `render_hair.grow`."""
        mesh, kinds = self._mesh, self._mesh.kinds
        depth = np.full([SAMPLE_SIZE * OVERSAMPLE] * 2, FAR, np.float32)
        skip = (kinds == LASH) | (kinds == HAIR) | ((kinds == FRAME) & (look.glasses is None))
        ids, weights = _rasterise(screen, mesh.triangles, skip, depth)
        if look.hair is not None:
            hair_depth = depth.copy()
            hair_ids, hair_weights = _rasterise(screen, mesh.triangles, kinds != HAIR, hair_depth)
            comb(ids, weights, depth, hair_ids, hair_weights, hair_depth, mesh.triangles, points, inside,
                 len(mesh.mean), self._streaks, np.float32(look.fray))
        return ids, weights, depth

    def _glasses(self, shape, eyes, look):
        points = self.landmarks(shape)
        spread = (eyes[0, 0] - eyes[1, 0]) / PUPILS_CM
        front = max(points[28, 2] + 0.1, eyes[:, 2].mean() + 3.1)
        centre = np.array([eyes[:, 0].mean(), eyes[:, 1].mean(), front])
        size = np.array([1, look.glasses or 1.0, 1]) * spread
        return (self._mesh.glasses * size + centre).astype(np.float32)

    def _shadow(self, shape, light):
        """What the key lamp sees of the head, and the (3, 4) matrix from canonical points into it."""
        if not light.shadow[0]:
            return np.zeros((1, 1), np.float32), np.zeros((3, 4), np.float32)
        side = np.cross(light.key, [0.1, 1, 0.05])
        side /= np.linalg.norm(side)
        axes = np.stack([-side, -np.cross(side, light.key), light.key])
        scale = SHADOW_SIZE / SHADOW_CM * np.array([[1.0], [1.0], [SHADOW_CM / SHADOW_SIZE]])
        middle = np.array([0.0, -2.0, -7.0])
        offset = np.array([SHADOW_SIZE / 2, SHADOW_SIZE / 2, 0]) - (axes * scale) @ middle
        matrix = np.c_[axes * scale, offset].astype(np.float32)
        depth = np.full((SHADOW_SIZE, SHADOW_SIZE), FAR, np.float32)
        screen = shape @ matrix[:, :3].T + matrix[:, 3]
        _rasterise(screen, self._casters, np.zeros(len(self._casters), np.bool_), depth)
        return depth, matrix


def _rasterise(screen, triangles, skip, depth):
    ids = np.full(depth.shape, -1, np.int32)
    weights = np.zeros((*depth.shape, 2), np.float32)
    rasterise(screen, triangles, skip, 0, depth, ids, weights)
    return ids, weights


def _round_eyes(shape, eyes):
    """Take the cornea's bump off the eyeballs of shape (V, 3): it comes through shut lids. Their centres (2, 3)."""
    centres = []
    for rows in eyes:
        ball = shape[rows]
        centre = (ball.min(0) + ball.max(0)) / 2
        out = ball - centre
        radius = np.linalg.norm(out, axis=1, keepdims=True)
        shape[rows] = centre + out * np.minimum(1, EYE_ROUNDNESS * radius[out[:, 2] > 0].min() / radius)
        centres.append(centre)
    return np.stack(centres)


def _gaze_directions(gaze):
    """(2, 3) unit vectors for the left and right eye; a little towards each other, as eyes look at things."""
    across = gaze[0] + np.array([-0.03, 0.03])
    up = np.full(2, gaze[1])
    return np.stack([np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up)], 1).astype(np.float32)


def _lids(points):
    """(2, 2) float32 of the left and right eye: height of the upper lid's middle, light between the lids 0..1."""
    out = []
    for upper, lower in (((43, 44), (47, 46)), ((37, 38), (41, 40))):
        high, low = points[list(upper), 1].mean(), points[list(lower), 1].mean()
        out.append((high, np.clip((high - low) / FULLY_LIT_EYE_CM, 0.2, 1)))
    return np.float32(out)


def _mouth(points, look):
    """(3,) float32: depth of the lips' inner edge, reach of the light behind it, light between the lips 0..1."""
    gap = (points[[61, 62, 63], 1] - points[[67, 66, 65], 1]).mean()
    return np.float32([points[60:68, 2].mean(), look.mouth_reach, np.clip(gap / FULLY_LIT_MOUTH_CM, 0.12, 1)])


def _streaks():
    """(256, 256) factor on hair: fine across the strands, long along them."""
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (STREAK_SIZE, STREAK_SIZE)), (0, 0), 1.0, sigmaY=14)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (STREAK_SIZE, STREAK_SIZE)), (0, 0), 5.0, sigmaY=30)
    out = fine / fine.std() * 0.2 + coarse / coarse.std() * 0.25
    return np.clip(1 + out, 0.3, 2).astype(np.float32)


def contact_sheet(source: RenderSource, count: int, seed: int, columns: int = 8) -> np.ndarray:
    """Rows of samples, twice each: bare, and with the label's 68 points drawn over as lines. RGB uint8."""
    rows, samples = [], list(source.samples(count, seed))
    for first in range(0, count - columns + 1, columns):
        part = samples[first:first + columns]
        rows += [np.hstack([s.image for s in part]), np.hstack([_overlay(source, s) for s in part])]
    return np.vstack(rows)


def _overlay(source, sample):
    points = compose(source.landmarks(sample.canonical.astype(np.float64)), sample.pose)[:, :2]
    image = sample.image.copy()
    starts = (0, 17, 22, 27, 31, 36, 42, 48, 60, 68)                  # jaw, brows, nose, lids, lips
    for first, last in zip(starts[:-1], starts[1:]):
        line = np.round(points[first:last] * 16).astype(np.int32)
        cv2.polylines(image, [line], first >= 36, (40, 255, 80), 1, cv2.LINE_AA, shift=4)
    return image


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--textures", type=Path, required=True, help="folder of skins")
    parser.add_argument("--sheet", type=Path, required=True, help="PNG to write")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        source = RenderSource(load_face_model(options.face_model), options.textures, options.split)
        sheet = contact_sheet(source, options.count, options.seed)
        write_image(options.sheet, sheet)
    except (LPRNetError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.sheet}: {options.count} renders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
