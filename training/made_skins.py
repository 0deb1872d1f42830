"""Skins made from nothing, as a folder that training.skins reads: to learn without the skins of others.

    python -m training.made_skins --face-model FILE -o build/skins

Tone along the line from light to dark skin, mottled at three scales, with red lips, cheeks and nose, dark nostrils and
shaded lids; nothing of it is a picture of anyone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import LPRNetError
from inference_core.images import write_image
from inference_core.topology import load_topology
from training.face_model import load_face_model
from training.skins import GAMMA, hair_masks, landmarks_uv

SIZE = 512
TONES = np.float32([[0.78, 0.56, 0.46], [0.62, 0.40, 0.29], [0.42, 0.25, 0.16], [0.23, 0.13, 0.08],
                    [0.10, 0.055, 0.04]])           # linear, light to dark
MOTTLES = ((60, 0.10), (14, 0.07), (1.2, 0.06))      # sigma in pixels, strength


def make_skin(rng: np.random.Generator, marks: np.ndarray, lips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """marks (68, 2) pixels of the face tile, lips (512, 512) 0..1 -> face and head tile (512, 512, 3) linear 0..1."""
    place = rng.uniform(0, len(TONES) - 1)
    low = min(int(place), len(TONES) - 2)
    tone = TONES[low] + (place - low) * (TONES[low + 1] - TONES[low])
    tone = tone * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    face, head = (tone * _mottled(rng) for _ in range(2))
    red, dark = np.zeros((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.float32)
    for mark, reach in ((marks[[2, 31]].mean(0), 45), (marks[[14, 35]].mean(0), 45), (marks[30], 22)):
        red = np.maximum(red, _spot(mark, reach) * rng.uniform(0.1, 0.9))
    for mark, reach in ((marks[[36, 39]].mean(0), 24), (marks[[42, 45]].mean(0), 24)):
        dark = np.maximum(dark, _spot(mark, reach) * rng.uniform(0, 0.35))
    for nostril in (marks[[31, 32]].mean(0), marks[[34, 35]].mean(0)):
        dark = np.maximum(dark, _spot(nostril - [0, 8], 4) * 0.8)
    face *= 1 - red[..., None] * np.float32([0.02, 0.22, 0.22])
    face *= 1 - dark[..., None]
    colour = tone * np.float32([rng.uniform(0.75, 1.0), rng.uniform(0.45, 0.8), rng.uniform(0.5, 0.85)])
    share = lips[..., None] * rng.uniform(0.4, 1)
    face = face * (1 - share) + colour * _mottled(rng, 0.6) * share
    return np.clip(face, 0, 1), np.clip(head, 0, 1)


def _mottled(rng, strength=1.0):
    out = np.zeros((SIZE, SIZE), np.float32)
    for sigma, depth in MOTTLES:
        noise = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), sigma)
        out += noise / noise.std() * depth * strength * rng.uniform(0.5, 1.5)
    return np.exp(out)[..., None]


def _spot(place, reach):
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * reach**2)).astype(np.float32)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/skins"))
    options = parser.parse_args(arguments)
    try:
        model, topology = load_face_model(options.face_model), load_topology()
        marks = landmarks_uv(model, topology) * [1, -1] * SIZE + [0, SIZE]
        lips = hair_masks(model, topology)[..., 3]
        options.output.mkdir(parents=True, exist_ok=True)
        for number in range(options.count):
            tiles = make_skin(np.random.default_rng([options.seed, number]), marks, lips)
            for tile, kind in zip(tiles, ("face", "head")):
                picture = np.round(tile ** (1 / GAMMA) * 255).astype(np.uint8)
                write_image(options.output / f"made_{number:02d}.{kind}.jpg", picture)
    except (LPRNetError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.output}: {options.count} skins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
