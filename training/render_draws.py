"""What a rendered face shows: drawn expression, gaze and pose.

Every opening is drawn on its own, so that a network cannot guess lids from lips or one from the other. Lids are drawn
as openings, not as weights: with the same weight one person's eyes are shut and another's are not.
"""

from __future__ import annotations

import numpy as np

from inference_core.pose import rotation_from_angles
from training.expressions import LIP_OVERLAP_CM, Openings

SIDES = ("_L", "_R")
YAW_SD_DEG, YAW_NORMAL_SHARE, MAX_YAW_DEG = 25.0, 0.55, 85.0
PITCH_SD_DEG, MAX_PITCH_DEG, ROLL_SD_DEG = 14.0, 35.0, 10.0
LARGEST_INVERSE_DISTANCE = 0.03             # 1/cm
MOST_SHUT = 0.1                             # share of the opening that shut eyes may keep: no white shows yet
SHUT_CM = 0.02
GAZE_REACH_RAD = np.array([0.45, 0.35])     # across and up, at full strength of the eyeLook shapes
# what the lips do, whatever the jaw does: (share, shapes with two sides, shapes with one, least strength)
LIP_ACTIONS = (
    (0.20, ("mouthSmile", "cheekSquint"), (), 0.15),
    (0.08, ("mouthSmile", "mouthUpperUp", "mouthLowerDown"), (), 0.15),
    (0.10, (), ("mouthPucker",), 0.2),
    (0.08, (), ("mouthFunnel",), 0.2),
    (0.08, ("mouthFrown",), (), 0.2),
    (0.06, ("mouthStretch",), (), 0.2),
    (0.08, ("mouthUpperUp", "mouthLowerDown"), (), 0.1),
    (0.06, (), ("mouthRollLower", "mouthRollUpper"), 0.0),
    (0.03, (), ("mouthLeft",), 0.2),
    (0.03, (), ("mouthRight",), 0.2),
    (0.04, (), ("mouthShrugUpper", "mouthShrugLower"), 0.0),
    (0.04, ("mouthPress",), (), 0.2),
    (0.03, ("mouthDimple",), (), 0.2))


def draw_rotation(rng: np.random.Generator) -> np.ndarray:
    """(3, 3): yaw to 85 degrees, a good part of it far to the side."""
    yaw = rng.normal(0, YAW_SD_DEG) if rng.random() < YAW_NORMAL_SHARE else rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG)
    pitch = np.clip(rng.normal(0, PITCH_SD_DEG), -MAX_PITCH_DEG, MAX_PITCH_DEG)
    return rotation_from_angles(np.clip(yaw, -MAX_YAW_DEG, MAX_YAW_DEG), pitch, rng.normal(0, ROLL_SD_DEG))


def draw_face(rng: np.random.Generator, names: tuple[str, ...], openings: Openings,
              identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expression weights (E,) float32 in the order of `names` for one person, and the gaze (2,) in radians: to the
    subject's left, up. Weights are in 0..1, but for what brings lids and jaw to where they belong."""
    weights: dict[str, float] = {}
    shares = _draw_lids(rng, weights)
    across, up = np.clip(rng.normal(0, [0.35, 0.3]), -1, 1)
    for side, sign in zip(SIDES, (1, -1)):
        weights |= {"eyeLookOut" + side: sign * across, "eyeLookIn" + side: -sign * across,
                    "eyeLookUp" + side: up, "eyeLookDown" + side: -up}
    _draw_jaw(rng, weights)
    _draw_lips(rng, weights)
    _draw_brows(rng, weights)
    out = np.array([weights.get(name, 0.0) for name in names])
    if rng.random() < 0.5:                                  # a little of everything
        little = (rng.random(len(names)) < 0.15) * rng.random(len(names)) * rng.uniform(0, 0.12)
        little[names.index("mouthClose")] = 0               # tears the lips apart unless the jaw is open
        out += little
    out = np.clip(out, 0, 1)
    _settle_lids(openings, names, identity, out, shares)
    _settle_lips(openings, names, identity, out)
    return out.astype(np.float32), np.array([across, up]) * GAZE_REACH_RAD


def _settle_lids(openings, names, identity, weights, shares):
    """Blink until each eye is as far open as drawn; unless drawn, only until the lids do not pass each other."""
    present = openings.measure(identity, weights)
    at_rest = openings.measure(identity, np.zeros_like(weights))
    for row, side in enumerate(SIDES):
        wanted = shares[side] * at_rest[row] if side in shares else max(present[row], SHUT_CM)
        blink = names.index("eyeBlink" + side)
        weights[blink] += (wanted - present[row]) / openings.expression[row, blink]


def _settle_lips(openings, names, identity, weights):
    """Lips that would pass through each other are parted by the jaw."""
    jaw = names.index("jawOpen")
    gaps = openings.measure(identity, weights)[2:]
    weights[jaw] += max(float(((-LIP_OVERLAP_CM - gaps) / openings.expression[2:, jaw]).max()), 0)


def _both(rng, weights, name, value, spread=0.12):
    for side in SIDES:
        weights[name + side] = max(value + rng.normal(0, spread), 0)


def _draw_lids(rng, weights) -> dict[str, float]:
    """By side: the share of its opening at rest that an eye is to be open; eyes left out stay as they come."""
    shares = {}
    pick = rng.random()
    if pick < 0.22:
        shares = dict.fromkeys(SIDES, rng.uniform(0, MOST_SHUT))
    elif pick < 0.40:                                       # wink
        shut, other = SIDES if rng.random() < 0.5 else SIDES[::-1]
        shares = {shut: rng.uniform(0, MOST_SHUT if rng.random() < 0.6 else 0.3), other: rng.uniform(0.65, 1.1)}
        weights["cheekSquint" + shut] = rng.uniform(0, 0.8)
    elif pick < 0.62:
        share = rng.uniform(0.15, 0.85)
        shares = {side: max(share + rng.normal(0, 0.04), 0) for side in SIDES}
    elif pick < 0.72:
        _both(rng, weights, "eyeWide", rng.uniform(0.2, 1))
    if rng.random() < 0.3:
        _both(rng, weights, "eyeSquint", rng.uniform(0.1, 1))
    return shares


def _draw_jaw(rng, weights):
    pick = rng.random()
    if pick < 0.5:
        jaw = rng.uniform(0.02, 0.35) if pick < 0.25 else rng.uniform(0.3, 1)
        weights["jawOpen"] = jaw
        if rng.random() < 0.2:
            weights["mouthClose"] = jaw * rng.uniform(0.5, 1)
    if rng.random() < 0.15:
        weights[str(rng.choice(["jawLeft", "jawRight"]))] = rng.uniform(0, 0.8)
    if rng.random() < 0.1:
        weights["jawForward"] = rng.uniform(0, 0.8)


def _draw_lips(rng, weights):
    pick = rng.random()
    for share, double, single, least in LIP_ACTIONS:
        pick -= share
        if pick < 0:
            for name in double:
                _both(rng, weights, name, rng.uniform(least, 1))
            for name in single:
                weights[name] = rng.uniform(least, 1)
            break
    if rng.random() < 0.1:
        _both(rng, weights, "cheekPuff", rng.uniform(0.2, 1))


def _draw_brows(rng, weights):
    pick = rng.random()
    if pick < 0.25:
        _both(rng, weights, "browDown", rng.uniform(0.1, 1))
    elif pick < 0.5:
        _both(rng, weights, "browInnerUp", rng.uniform(0.1, 1))
        _both(rng, weights, "browOuterUp", rng.uniform(0, 1))
    elif pick < 0.58:
        weights["browOuterUp" + str(rng.choice(SIDES))] = rng.uniform(0.3, 1)
    if rng.random() < 0.12:
        _both(rng, weights, "noseSneer", rng.uniform(0.2, 1))
