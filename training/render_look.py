"""How a rendered person looks and is lit: drawn colours, hair, glasses, lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render_hair import HairStyle, draw_style
from training.render_mesh import EYE, FRAME, GUMS, HAIR, HEAD, SKIN, SOCKET, TEETH
from training.skins import LIP_TONE

# darkest, and how far lighter hair can be (linear light)
DARK_HAIR, HAIR_RANGE = np.array([0.012, 0.009, 0.008]), np.array([0.35, 0.22, 0.11])
IRISES = np.array([[0.10, 0.05, 0.025], [0.03, 0.02, 0.015], [0.16, 0.24, 0.33], [0.13, 0.17, 0.08], [0.2, 0.2, 0.2]])
IRIS_SHARES = (0.35, 0.30, 0.15, 0.10, 0.10)
DARK_SKIN = 0.25                        # skins below this brightness go with dark hair and eyes


@dataclass(frozen=True)
class Look:
    """Colours are linear light. tone (4,): factor on the skin, and on its saturation; cover (4, 4): colour and strength of brows, beard, goatee, lips;
    flat (9, 4): colour and gloss by kind; iris (3,); pupil radians; mouth_reach cm; collar (5,);
    lash: strength; hair: None = none; fray: cm, how ragged its edge is; glasses: height, None = none."""

    tone: np.ndarray
    cover: np.ndarray
    flat: np.ndarray
    iris: np.ndarray
    pupil: float
    mouth_reach: float
    collar: np.ndarray
    lash: float
    hair: HairStyle | None
    fray: float
    glasses: float | None


def draw_look(rng: np.random.Generator, brightness: float, glasses: bool = False) -> Look:
    """brightness: of the skin, mean linear light; glasses: surely, not only for every fifth."""
    dark = brightness < DARK_SKIN
    light = rng.random() ** 2 * (0.08 if dark else 1.0)
    hair = DARK_HAIR + light * HAIR_RANGE * rng.uniform(0.6, 1, 3)
    if rng.random() < 0.15:
        hair = np.full(3, rng.uniform(0.08, 0.5))
    brow = hair * rng.uniform(0.4, 1.0)
    beard = (rng.random() < 0.2) * rng.uniform(0.15, 0.95)
    goatee = (rng.random() < 0.1) * rng.uniform(0.3, 0.95)
    cover = np.zeros((4, 4), np.float32)
    cover[0] = *brow, rng.uniform(0.25, 0.95)
    cover[1] = *(brow * 0.9), beard
    cover[2] = *(brow * 0.9), goatee
    painted = rng.random() < 0.08
    lips = rng.random(3) * [0.5, 0.12, 0.15] + [0.15, 0, 0] if painted else LIP_TONE * brightness * 1.3
    cover[3] = *lips, rng.uniform(0.3, 0.8) if painted else rng.uniform(0, 0.6)
    skin_gloss = rng.uniform(0, 0.12 if dark else 0.25)
    white, flesh = rng.uniform(0.65, 1.05), rng.uniform(0.5, 1.1)
    flat = np.zeros((9, 4), np.float32)
    flat[SKIN] = flat[HEAD] = 0, 0, 0, skin_gloss
    flat[SOCKET] = *(np.array([0.26, 0.08, 0.075]) * flesh), 0.0
    flat[GUMS] = *(np.array([0.48, 0.18, 0.17]) * flesh), 0.25
    flat[TEETH] = *(np.array([0.80, 0.75, 0.64]) * white), 0.3
    flat[EYE] = *(np.array([0.66, 0.62, 0.59]) * rng.uniform(0.75, 1.1)), 0.9
    flat[HAIR] = *hair, rng.uniform(0, 0.2)
    flat[FRAME] = *(rng.random(3) ** 3 * 0.5 if rng.random() < 0.5 else np.full(3, rng.random() ** 3 * 0.5)), 0.6
    tone = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.07, 3))
    iris = IRISES[1 if dark else rng.choice(5, p=IRIS_SHARES)] * rng.uniform(0.7, 1.3)
    cloth = rng.random(3) ** 2 * 0.8 if rng.random() < 0.5 else np.full(3, rng.random() ** 2 * 0.8)
    return Look(
        tone=np.float32([*np.clip(tone, 0.45, 1.5 if brightness < 0.5 else 1.15),
                         rng.uniform(0.55, 0.85) if dark else rng.uniform(0.7, 1.05)]), cover=cover, flat=flat,
        iris=iris.astype(np.float32), pupil=rng.uniform(0.12, 0.25), mouth_reach=rng.uniform(1.2, 4.0),
        collar=np.array([rng.uniform(-21, -16), rng.uniform(0, 0.4), *cloth], np.float32),
        lash=rng.uniform(0.2, 0.9),
        hair=draw_style(rng), fray=rng.uniform(0.3, 1.6),
        glasses=rng.uniform(0.8, 1.15) if rng.random() < 0.2 or glasses else None)


@dataclass(frozen=True)
class Light:
    """lights (8, 3) and shine (4,) as `rendering_kernels.illuminate` wants them, directions canonical;
    shadow: strength and blur in cells; exposure: factor on the head; key (3,) direction."""

    lights: np.ndarray
    shine: np.ndarray
    shadow: np.ndarray
    exposure: float
    key: np.ndarray


def draw_light(rng: np.random.Generator, rotation: np.ndarray, brightness: float) -> Light:
    """A sky and a ground, a key lamp, sometimes a rim lamp; rotation canonical -> camera axes; brightness of the skin:
    cameras open a little for dark faces."""
    key = _unit(np.array([rng.normal(0, 0.8), rng.normal(0.35, 0.5), rng.uniform(0.15, 1.2)]))
    rim = _unit(rng.normal(0, 1, 3) + [0, 0, 0.2])
    axis = _unit(np.array([rng.normal(0, 0.6), 1, rng.normal(0.2, 0.5)]))
    white = lambda: 1 + rng.normal(0, 0.08, 3) * [1, 0.4, 1.3]  # noqa: E731
    power, fill = rng.uniform(0.1, 1.1), rng.uniform(0.15, 0.7)
    rim_power = rng.uniform(0.1, 0.6) if rng.random() < 0.4 else 0.0
    lights = np.stack([fill * 0.5 * white(), fill * rng.uniform(0.4, 1.2) * white(), fill * rng.uniform(0, 0.7) * white(),
                       axis @ rotation, power * white(), key @ rotation, rim_power * white(), rim @ rotation])
    shadow = (rng.uniform(0.5, 1), rng.uniform(0.5, 2.0)) if rng.random() < 0.6 else (0.0, 1.0)
    mean = (fill + power * max(key[2], 0.3)) * (brightness / 0.35) ** 0.4
    exposure = float(np.clip(rng.uniform(0.5, 1.2) / mean, 0.4, 2.5))
    return Light(np.maximum(lights, [[0]] * 3 + [[-1]] + [[0], [-1]] * 2).astype(np.float32),
                 np.array([rng.uniform(8, 40), *rotation[2]], np.float32), np.array(shadow, np.float32), exposure,
                 key @ rotation)


def _unit(v):
    return v / np.linalg.norm(v)
