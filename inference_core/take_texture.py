"""The skin of a take: blended from the frames that show each part of the face best.

Few frames are chosen from what the take tells: sure, large, calm, eyes open, mouth shut, and turned differently. Their
skins are brought to the colours of the most frontal one, and each texel comes from the frame that looks at it
straightest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference_core.errors import InputError, TakeError
from inference_core.frames import Frame, FrameOptions, FrameSource, open_frames
from inference_core.images import read_image
from inference_core.smooth_fill import smooth_fill
from inference_core.take_header import SKIN, SKIN_SEEN
from inference_core.take_measures import Measures, measure
from inference_core.take_source import is_live, part_of, places_of, safe_name
from inference_core.texture import AT_ONCE, Texture, sampled, unwrapped
from inference_core.topology import Topology

if TYPE_CHECKING:
    from inference_core.take import TakeRows

MOST_FRAMES, LARGEST = 8, AT_ONCE       # texels a side
LEAST_TURN_DEG = 6.0            # frames that are turned less from one another show the same
CALM_CM, TURN_CM = 0.05, 8.0    # motion from frame to frame that blurs; how far a turn of one radian moves skin
USUAL_EYES, WIDE_MM = 0.7, 10.0         # quantile of the eyes' opening that counts as open; a mouth that is too wide
STRAIGHT = 4                    # power of the cosine of the head's turn by which the most frontal frame is found
FADE = 1 / 60                   # of the texture's side: how softly frames meet
READ, LAID = "frames read", "views laid on the skin"       # what is counted on the way
PREFERRED = 1.2                 # how much more the most frontal frame counts: one skin is better than patches
DARK, MOST_GAIN = 8.0, 2.0      # of the matching of colours
UNKNOWN = (0, 0)                # size of the pictures, in takes that programs make

OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class _SeenFace:
    """As much of a face as a texture needs."""

    topology: Topology
    vertices_image: np.ndarray


def take_texture(take: TakeRows, clip: str | Path | None = None, size: int = 1024,
                 on_step: OnStep = lambda what, done, total: None) -> Texture:
    """The skin out of the clip that the take was captured from, by default where it was then or beside the take; of a
    live take the one that it kept. `visible`: one of the frames shows this texel. on_step(READ, then LAID, how many of
    how many) is called on the way. Raises VideoError, InputError for a size, TakeError where the clip is gone, another,
    or of other pixels: takes of clips whose pixels are no squares were narrow before 29 November 2026."""
    _check_size(size)
    source = take.header.source
    name = str(clip if clip is not None else source.get("name", ""))
    # a take from elsewhere must not open cameras or addresses
    if not isinstance(source.get("sha256"), str) or is_live(name):
        kept = kept_skin(take.raw.path, size)
        if kept is None:
            raise TakeError(f"{safe_name(name)}: the pictures of a camera or a stream are gone, and the take kept no "
                            "skin; export it without a texture")
        return kept
    try:
        options = part_of(source)
    except TakeError as error:
        raise TakeError(f"{name}: {error}; export it without a texture") from error
    places = [name] if clip is not None else places_of(source, take.raw.path)
    with _same_clip(places, options, source["sha256"], take.header.size) as frames:
        return blended_texture(take, frames, size, on_step)


def kept_skin(take: Path, size: int) -> Texture | None:
    """The skin that a live recording keeps in its folder, scaled; None where there is none that can be read."""
    image, seen = (_square_picture(take / name, size) for name in (SKIN, SKIN_SEEN))
    if image is None:
        return None
    return Texture(image, np.ones((size, size), bool) if seen is None else seen[..., 0] > 127)


def _square_picture(path: Path, size: int) -> np.ndarray | None:
    """(size, size, 3) uint8; None where it is not there, or is no square that can be read."""
    try:
        image = read_image(path) if path.is_file() else None
    except InputError:
        return None
    if image is None or image.shape[0] != image.shape[1]:
        return None
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def _same_clip(places: list[str], options: FrameOptions, sha256: str, size: tuple[int, int]) -> FrameSource:
    """The first that is the clip; what is wrong with the first of all is told where none is."""
    wrong: InputError | None = None
    for place in places:
        try:
            frames = open_frames(place, options)
            if frames.info.sha256 == sha256 and size in (UNKNOWN, frames.info.size):
                return frames
            frames.close()
            if frames.info.sha256 == sha256:
                raise TakeError(f"{place}: has {frames.info.size[0]} x {frames.info.size[1]} pixels, and the take was "
                                f"captured from {size[0]} x {size[1]}; capture it again")
            raise TakeError(f"{place}: not the clip that the take was captured from, or altered since; give that one")
        except InputError as error:
            wrong = wrong or error
    raise wrong


def blended_texture(take: TakeRows, frames: Iterable[Frame], size: int = 1024,
                    on_step: OnStep = lambda what, done, total: None) -> Texture:
    """frames: of the clip, with the take's own numbers; only some are looked at. Raises TakeError where none of them
    belongs to a row with a face."""
    _check_size(size)
    rows = best_rows(take)
    images = _images_of({int(take.index[row]): row for row in rows}, frames, on_step)
    if not images:
        raise TakeError("the clip has no frame for which the take has a face; export it without a texture")
    chosen = [row for row in rows if row in images]         # the most frontal one first
    skins, weights, seen = [], [], np.zeros((size, size), bool)
    unwrap = unwrapped(take.topology, size)
    on_step(LAID, 0, len(chosen))
    for row in chosen:
        face = _SeenFace(take.topology, take.vertices_image(row))
        skin, straight = sampled(images[row], face, size, unwrap)
        weights.append(_faded(skin.visible) * straight * (PREFERRED if not skins else 1))
        skins.append(skin.image if not skins else _matched(skin.image, weights[-1], skins[0], weights[0]))
        seen |= skin.visible
        on_step(LAID, len(skins), len(chosen))
    return Texture(_mixed(skins, weights, seen), seen)


def _check_size(size: int) -> None:
    if not 1 <= size <= LARGEST:
        raise InputError(f"a texture of {size} pixels cannot be made from a take; give 1 to {LARGEST}")


def _mixed(skins: list[np.ndarray], weights: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
    """(size, size, 3) uint8: each texel from the skin of the largest weight, passing softly into one another; what
    never lies on one another to the pixel would blur; what none shows as the first one was filled in, its colours
    continuing those around."""
    best, soft = np.argmax(weights, axis=0), FADE * len(seen)
    total, shares = np.zeros((*seen.shape, 3), np.float32), np.zeros(seen.shape, np.float32)
    for number, (skin, weight) in enumerate(zip(skins, weights)):
        share = cv2.GaussianBlur(np.float32(best == number), (0, 0), max(soft, 0.5)) * (weight > 0)
        total, shares = total + share[..., None] * skin, shares + share
    mixed = total / np.maximum(shares, 1e-6)[..., None]
    known = np.minimum(_faded(seen), shares > 1e-3)
    filled = np.float32(skins[0])
    filled += smooth_fill(mixed - filled, known)
    return _bytes(known[..., None] * mixed + (1 - known[..., None]) * filled)


def best_rows(take: TakeRows, most: int = MOST_FRAMES) -> list[int]:
    """The rows to take the skin from, the most frontal one first: good ones that are turned differently."""
    rows = np.flatnonzero(take.valid & (take.confidence > 0))           # rows that were filled in show nothing
    if not len(rows):
        return []
    measures = measure(take.raw)        # read in a tenth of the time, and it tells as well which frames are good
    angles, good = measures.angles_deg[rows][:, :2], _goodness(take, measures)[rows]
    straight = np.cos(np.deg2rad(np.clip(np.abs(angles).max(1), 0, 90)))
    chosen = [int(np.argmax(good * straight**STRAIGHT))]
    while len(chosen) < most:
        away = np.linalg.norm(angles[:, None] - angles[chosen], axis=2).min(1)
        if away.max() < LEAST_TURN_DEG:
            break
        chosen.append(int(np.argmax(np.where(away >= LEAST_TURN_DEG, away * good, -1))))
    return [int(rows[number]) for number in chosen]


def _goodness(take: TakeRows, measures: Measures) -> np.ndarray:
    """(n,) above 0 for rows with a face: sure, large, calm, with open eyes and a shut mouth."""
    eyes_mm = measures.eyes_mm.mean(1)
    with np.errstate(invalid="ignore"):
        place = take.shift / np.nanmedian(take.scale)
        step = np.linalg.norm(np.diff(place, axis=0), axis=1) + TURN_CM * np.linalg.norm(
            np.diff(take.rotation, axis=0), axis=(1, 2)) / np.sqrt(2)
    step = np.nan_to_num(step, nan=1.0)                                 # beside a gap: who knows
    motion = np.maximum(np.r_[step[:1], step], np.r_[step, step[-1:]]) if len(step) else np.zeros(1)
    open_ = np.clip(eyes_mm / max(float(np.nanquantile(eyes_mm, USUAL_EYES)), 1e-3), 0.05, 1)
    large = np.clip(take.scale / np.nanmedian(take.scale), 0.1, 2)
    shut = 1 / (1 + (measures.mouth_mm / WIDE_MM) ** 2)
    return np.nan_to_num(take.confidence**2 * large * open_**2 * shut / (1 + (motion / CALM_CM) ** 2))


def _images_of(wanted: dict[int, int], frames: Iterable[Frame],
               on_step: OnStep) -> dict[int, np.ndarray]:
    """{row: picture}; reads no further than it must."""
    found: dict[int, np.ndarray] = {}
    expected = 1 + max(wanted.values(), default=0)          # a take has a row for each frame of its clip
    for number, frame in enumerate(frames if wanted else (), 1):
        on_step(READ, number, max(expected, number))
        if frame.index in wanted:
            found[wanted[frame.index]] = frame.image.copy()
        if len(found) == len(wanted):
            break
    return found


def _faded(visible: np.ndarray) -> np.ndarray:
    """(size, size) bool -> float32 that falls to 0 towards the edges of what is visible."""
    reach = max(FADE * len(visible), 1.0)
    away = cv2.distanceTransform(np.pad(visible.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.clip(away / (2 * reach), 0, 1)


def _matched(colours: np.ndarray, weight: np.ndarray, reference: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The colours with the brightness and tint of the reference, which weighs `shown`: by one factor for each channel,
    from where both show skin."""
    both = np.minimum(weight, shown) > 0.05
    if both.sum() < 0.01 * both.size:
        return colours
    ratio = np.median(np.log((reference[both] + DARK) / (colours[both] + DARK)), axis=0)
    gain = np.exp(np.clip(ratio, -np.log(MOST_GAIN), np.log(MOST_GAIN))).astype(np.float32)
    return _bytes((colours + np.float32(DARK)) * gain - np.float32(DARK))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
