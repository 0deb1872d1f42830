"""The two networks: the original L-PRNet, and the default with a canonical shape and a pose.

    lprnet    crop 128 px -> position map behind a sigmoid, layer by layer as published
              (inference_core/original/architecture.py); the map in crop units is output x 1.1 - 0.05, z 0.5 less
    lprnet2   crop 160 px -> code of the canonical shape, pose numbers, presence; a constant matrix
              (`ShapeBasis`, inference_core.decoder) makes the canonical position map of the code. In the file that is
              shipped training.contacts stands behind the code

Pose numbers (10): first two columns of the rotation (Zhou et al., "On the Continuity of Rotation Representations",
CVPR 2019), log of the scale (crop units per cm), shift x and y (crop units), inverse distance (1/cm).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from inference_core.original.architecture import LPRNET_SIZE, build_lprnet, lprnet_features
from training.encoder import build_encoder

LPRNET2_SIZE = 160
CODE = 100                               # numbers of the canonical shape
HIDDEN = 320
# a frontal face in its crop (0.041 crop widths a cm, seen from 70 cm), and how far poses go from there; both exactly
# what a 16-bit float holds, so that a file of 16-bit weights gives the same numbers
POSE_REST = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -3.1953125, 0.5, 0.40625, 0.014007568359375)
POSE_REACH = (2.0,) * 6 + (0.75, 0.375, 0.375, 0.03125)
POSE_SLOWNESS = 4.0


@dataclass(frozen=True)
class ShapeBasis:
    """Canonical vertices = mean + code @ basis: mean (V, 3), basis (CODE, V, 3) float32, cm; code has unit variance."""

    mean: np.ndarray
    basis: np.ndarray

    def vertices(self, code: np.ndarray) -> np.ndarray:
        """(..., CODE) -> (..., V, 3)."""
        return self.mean + np.tensordot(code, self.basis, 1)


def build(name: str, size: int = LPRNET2_SIZE) -> keras.Model:
    """A network by its name; size: input side of those that take any."""
    return {"lprnet": build_lprnet, "lprnet_encoder": build_lprnet_encoder, "lprnet2": lambda: build_lprnet2(size)}[name]()


def build_lprnet_encoder() -> keras.Model:
    """The original's encoder with the default network's outputs: a tenth of the original's cost a sample, so its encoder
    learns here first (`training.train --start`). Not shipped."""
    image = keras.Input((LPRNET_SIZE, LPRNET_SIZE, 3), name="image")
    features = layers.Flatten()(lprnet_features(image))
    return keras.Model(image, _shape_outputs(features), name="lprnet_encoder")


def build_lprnet2(size: int = LPRNET2_SIZE) -> keras.Model:
    """The default network; outputs a dict of code (CODE,), pose (10,), presence (1,) logit."""
    encoder = build_encoder(size)
    fine, middle, coarse = encoder.outputs
    fine = layers.Conv2D(24, 1, name="squeeze_fine")(fine)
    middle = layers.Conv2D(64, 1, name="squeeze_middle")(middle)
    features = layers.Concatenate(name="features")([layers.Flatten()(part) for part in (fine, middle, coarse)])
    return keras.Model(encoder.inputs[0], _shape_outputs(features), name="lprnet2")


def _shape_outputs(features) -> dict:
    x = layers.LayerNormalization(name="features_norm")(features)
    linear = layers.Dense(HIDDEN, name="hidden")(x)
    curved = layers.Activation("gelu", name="hidden_gelu")(linear)
    x = layers.Concatenate(name="hidden_both")([linear, curved])
    # a zero start: the first answer is the mean face, frontal
    code = layers.Dense(CODE, kernel_initializer="zeros", name="code")(x)
    pose = layers.Dense(10, kernel_initializer="zeros", name="pose_offset")(x)
    pose = layers.Rescaling(1 / POSE_SLOWNESS, name="pose_slow")(pose)
    pose = layers.Activation("tanh", name="pose_bounded")(pose)
    pose = layers.Rescaling(scale=list(POSE_REACH), offset=list(POSE_REST), name="pose")(pose)
    presence = layers.Dense(1, kernel_initializer="zeros", name="presence")(x)
    return dict(code=code, pose=pose, presence=presence)


def rotation_of(pose):
    """(B, 10) pose numbers -> (B, 3, 3) rotation matrices by Gram-Schmidt."""
    a, b = pose[:, 0:3], pose[:, 3:6]
    a = a / ops.sqrt(ops.sum(a * a, 1, keepdims=True) + 1e-8)
    b = b - ops.sum(a * b, 1, keepdims=True) * a
    b = b / ops.sqrt(ops.sum(b * b, 1, keepdims=True) + 1e-8)
    return ops.stack([a, b, ops.cross(a, b)], 2)


def compose(canonical, rotation, pose):
    """(B, V, 3) canonical cm -> crop units, by the rotations (B, 3, 3) and the last four pose numbers."""
    p = ops.matmul(canonical, ops.transpose(rotation, (0, 2, 1)))
    scale = ops.exp(pose[:, 6])[:, None]
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    nearer = scale / (1.0 - ops.clip(pose[:, 9], 0.0, 0.04)[:, None] * z)
    return ops.stack([pose[:, 7:8] + nearer * x, pose[:, 8:9] - nearer * y, scale * z], 2)
