"""Short clips of rendered people with known truth: a still face, a blink, a head and a mouth that move in one step.

Each frame passes through a camera (noise) and a video codec, as frames of real clips do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import EngineError
from inference_core.frames import Frame
from inference_core.pose import HeadPose, compose, rotation_from_angles
from training.expressions import measure_openings
from training.face_model import FaceModel
from training.rendering import IDENTITY_SD, RenderSource
from training.sample import sample_frame

FPS = 30.0
SIZE = 416                                      # pixels a side: the renders twice enlarged, faces of 220 pixels
NOISE = 4.0                                     # grey levels, as of a webcam indoors
LOOKING_DEG, LARGEST_INVERSE_DISTANCE = (12.0, 6.0, 5.0), 0.02
STILL_FRAMES, REST_FRAMES = 90, 30
STEP_DEG, STEP_PIXELS, STEP_JAW = 12.0, 6.0, 0.6
# how far open the lids are, frame by frame: shut in 0.1 s, open again a little slower
BLINK = (0.7, 0.25, 0.05, 0.05, 0.15, 0.45, 0.75, 0.92)


@dataclass(frozen=True, eq=False)
class Clip:
    """frames; onset: index of the first frame that differs from rest (0: none does); openings (n,) cm of the lids' mean
    and of the lips, as rendered."""

    name: str
    frames: list[Frame]
    onset: int
    lids_cm: np.ndarray
    lips_cm: np.ndarray


class ClipSource:
    """Clips of drawn people with held-out skins."""

    def __init__(self, model: FaceModel, textures: Path) -> None:
        self._model, self._renders = model, RenderSource(model, textures, "heldout")
        self._openings = measure_openings(model, self._renders.landmarks)

    def clips(self, seed: int) -> Iterator[Clip]:
        """still, blink, turn and mouth of one person."""
        rest = [(1.0, 0.0, 0)] * REST_FRAMES
        yield self._clip("still", [(1.0, 0.0, 0)] * STILL_FRAMES, 0, seed)
        yield self._clip("blink", rest + [(share, 0.0, 0) for share in BLINK] + rest, REST_FRAMES, seed)
        yield self._clip("turn", rest + [(1.0, 0.0, 1)] * REST_FRAMES, REST_FRAMES, seed)
        yield self._clip("mouth", rest + [(1.0, STEP_JAW, 0)] * REST_FRAMES, REST_FRAMES, seed)

    def _clip(self, name: str, script: list[tuple[float, float, int]], onset: int, seed: int) -> Clip:
        """script: for each frame the share that the lids are open, the jaw's weight, and which of the two poses."""
        rng = np.random.default_rng(seed)
        identity = rng.normal(0, IDENTITY_SD, len(self._model.identity))
        angles = rng.uniform(-1, 1, 3) * LOOKING_DEG
        nearness = rng.uniform(0, LARGEST_INVERSE_DISTANCE)
        drawn = {key: self._draw(identity, angles, nearness, key, seed) for key in dict.fromkeys(script)}
        pictures = through_a_camera([drawn[key][0] for key in script], np.random.default_rng([seed, len(script)]))
        frames = [Frame(image, number / FPS, number) for number, image in enumerate(pictures)]
        lids, lips = np.array([drawn[key][1] for key in script]).T
        return Clip(name, frames, onset, lids, lips)

    def _draw(self, identity, angles, nearness, key, seed):
        share, jaw, moved = key
        weights = self._expression(identity, share, jaw)
        shape, rest = self._renders.shapes(np.stack([identity] * 2), np.stack([weights, np.zeros_like(weights)]))
        loose = HeadPose(rotation_from_angles(*angles), 1.0, np.zeros(2), nearness)
        zoom, offset = sample_frame(compose(self._renders.landmarks(rest), loose))
        rotation = rotation_from_angles(angles[0] + STEP_DEG * moved, angles[1], angles[2])
        pose = HeadPose(rotation, zoom, offset + [STEP_PIXELS * moved, 0.0], nearness)
        points = self._renders.landmarks(shape)[:, 1]
        image = self._renders.picture(np.random.default_rng(seed), shape, np.zeros(2), pose)
        large = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        return large, (opening_of_lids(points), opening_of_lips(points))

    def _expression(self, identity, share: float, jaw: float) -> np.ndarray:
        names = self._model.expression_names
        weights = np.zeros(len(names))
        weights[names.index("jawOpen")] = jaw
        open_cm = self._openings.measure(identity, weights)
        for row, side in enumerate("LR"):
            blink = names.index(f"eyeBlink_{side}")
            weights[blink] = (share - 1) * open_cm[row] / self._openings.expression[row, blink]
        return weights


def opening_of_lids(y: np.ndarray) -> np.ndarray:
    """Heights (..., 68) of the landmarks, up -> mean distance of upper and lower lids."""
    return (y[..., [37, 38, 43, 44]] - y[..., [41, 40, 47, 46]]).mean(-1)


def opening_of_lips(y: np.ndarray) -> np.ndarray:
    """Heights (..., 68) of the landmarks, up -> distance of the lips' inner edges in the middle."""
    return y[..., 62] - y[..., 66]


def through_a_camera(pictures: list[np.ndarray], rng: np.random.Generator, noise: float = NOISE) -> list[np.ndarray]:
    """The same pictures (H, W, 3) uint8 with a sensor's noise, compressed as MPEG-4 and read again."""
    height, width = pictures[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "clip.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
        for picture in pictures:
            noisy = picture + noise * rng.standard_normal(picture.shape, np.float32)
            writer.write(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[..., ::-1])
        writer.release()
        reader, out = cv2.VideoCapture(path), []
        while (answer := reader.read())[0]:
            out.append(np.ascontiguousarray(answer[1][..., ::-1]))
        reader.release()
    if len(out) != len(pictures):
        raise EngineError("this OpenCV cannot write or read MPEG-4; install opencv-python-headless")
    return out
