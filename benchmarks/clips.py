"""Short clips of rendered people with known truth: a still face, a blink, a head and a mouth that move in one step, and
a person who acts.

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


@dataclass(frozen=True)
class Act:
    """What a face does in one frame: shares that the left and the right lids are open, weights of the open jaw and of the
    smile, whether the head has made its step, and degrees that it has turned beside it."""

    left: float = 1.0
    right: float = 1.0
    jaw: float = 0.0
    smile: float = 0.0
    moved: bool = False
    turn_deg: float = 0.0


@dataclass(frozen=True, eq=False)
class Clip:
    """frames; onset: index of the first frame that differs from rest (0: none does); landmarks (n, 68, 3) cm in the
    canonical frame, as rendered."""

    name: str
    frames: list[Frame]
    onset: int
    landmarks: np.ndarray

    @property
    def lids_cm(self) -> np.ndarray:
        """(n,) how far the lids stand apart, mean of both eyes."""
        return opening_of_lids(self.landmarks[..., 1])


class ClipSource:
    """Clips of drawn people with held-out skins; glasses: on every face."""

    def __init__(self, model: FaceModel, textures: Path, glasses: bool = False) -> None:
        self._model, self._renders = model, RenderSource(model, textures, "heldout", all_in_glasses=glasses)
        self._openings = measure_openings(model, self._renders.landmarks)

    def clips(self, seed: int) -> Iterator[Clip]:
        """still, blink, turn and mouth of one person."""
        rest = [Act()] * REST_FRAMES
        yield self.clip("still", [Act()] * STILL_FRAMES, 0, seed)
        yield self.clip("blink", rest + [Act(share, share) for share in BLINK] + rest, REST_FRAMES, seed)
        yield self.clip("turn", rest + [Act(moved=True)] * REST_FRAMES, REST_FRAMES, seed)
        yield self.clip("mouth", rest + [Act(jaw=STEP_JAW)] * REST_FRAMES, REST_FRAMES, seed)

    def clip(self, name: str, script: list[Act], onset: int, seed: int) -> Clip:
        """One person does what the script says, frame by frame."""
        rng = np.random.default_rng(seed)
        identity = rng.normal(0, IDENTITY_SD, len(self._model.identity))
        angles = rng.uniform(-1, 1, 3) * LOOKING_DEG
        nearness = rng.uniform(0, LARGEST_INVERSE_DISTANCE)
        drawn = {act: self._draw(identity, angles, nearness, act, seed) for act in dict.fromkeys(script)}
        pictures = through_a_camera([drawn[act][0] for act in script], np.random.default_rng([seed, len(script)]))
        frames = [Frame(image, number / FPS, number) for number, image in enumerate(pictures)]
        return Clip(name, frames, onset, np.stack([drawn[act][1] for act in script]))

    def _draw(self, identity, angles, nearness, act: Act, seed) -> tuple[np.ndarray, np.ndarray]:
        weights = self._expression(identity, act)
        shape, rest = self._renders.shapes(np.stack([identity] * 2), np.stack([weights, np.zeros_like(weights)]))
        loose = HeadPose(rotation_from_angles(*angles), 1.0, np.zeros(2), nearness)
        zoom, offset = sample_frame(compose(self._renders.landmarks(rest), loose))
        rotation = rotation_from_angles(angles[0] + STEP_DEG * act.moved + act.turn_deg, angles[1], angles[2])
        pose = HeadPose(rotation, zoom, offset + [STEP_PIXELS * act.moved, 0.0], nearness)
        landmarks = self._renders.landmarks(shape)
        image = self._renders.picture(np.random.default_rng(seed), shape, np.zeros(2), pose)
        return cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), landmarks

    def _expression(self, identity, act: Act) -> np.ndarray:
        names = self._model.expression_names
        weights = np.zeros(len(names))
        weights[names.index("jawOpen")] = act.jaw
        for side in "LR":
            weights[names.index(f"mouthSmile_{side}")] = act.smile
        open_cm = self._openings.measure(identity, weights)
        for row, (side, share) in enumerate((("L", act.left), ("R", act.right))):
            blink = names.index(f"eyeBlink_{side}")
            weights[blink] = (share - 1) * open_cm[row] / self._openings.expression[row, blink]
        return weights


def opening_of_lids(y: np.ndarray) -> np.ndarray:
    """Heights (..., 68) of the landmarks, up -> mean distance of upper and lower lids."""
    return (y[..., [37, 38, 43, 44]] - y[..., [41, 40, 47, 46]]).mean(-1)


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
