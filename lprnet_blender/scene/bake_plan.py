# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bake reads from a take, for the worker: no bpy here. The plan first, then the mesh of every frame, then
skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from inference_core.errors import InputError, TakeError
from inference_core.frames import open_frames
from inference_core.smoothing import smooth
from inference_core.take import TakeRows, open_take
from inference_core.take_check import checked
from inference_core.take_formats.motion import head_place, placed, quaternions
from inference_core.take_texture import READ, take_texture
from inference_core.topology import Topology

from ..beside import Beside
from ..jobs import Progress
from .axes import AXES, METRES_PER_CM, to_blender
from .bake_options import BakeOptions
from .point_cache import CacheFile
from .timing import SceneRate, Timeline, apart, timeline

MOST_KEYS = 9000                # shape keys of 190 kB each: five minutes at 30 frames a second are 1.7 GB
PNG_EFFORT = 1                  # of 9: little larger, and written in a tenth of the time


@dataclass(frozen=True)
class Lost:
    """Frames of the timeline without a face, first and last; filled: smoothing has filled them in."""

    first: float
    last: float
    filled: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """frames (m,) float64: where the m keys come; holds (m,) bool: the mesh stands still until the next key, as frames
    are lost between; places (m, 3) metres and turns (m, 4) quaternions w, x, y, z: of the head, in Blender's axes.
    clip: the file that the sound is taken from, None where it is gone. seen, count: frames with a face, and all."""

    topology: Topology
    timeline: Timeline
    frames: npt.NDArray[np.float64]
    holds: npt.NDArray[np.bool_]
    places: npt.NDArray[np.float64]
    turns: npt.NDArray[np.float64]
    lost: tuple[Lost, ...]
    clip: Path | None
    confidence: float
    seen: int
    count: int


@dataclass(frozen=True, eq=False)
class Points:
    """The mesh of one key: (N, 3) float32 metres, Blender's axes."""

    number: int
    points: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Skin:
    """The texture as a PNG file, and visible (size, size) bool; or why there is none."""

    png: bytes = b""
    visible: npt.NDArray[np.bool_] | None = None
    missing: str = ""


Post = Callable[[Any], None]


def read_take(path: Path, options: BakeOptions, scene: SceneRate, cache: CacheFile | None,
              skin: bool) -> Callable[[Post], None]:
    """The work of a bake's thread. cache: where the point cache goes; skin: whether a texture is wanted. Posts
    Progress, a Plan, Points (of the first key alone where there is a cache), Skin. Raises TakeError, InputError,
    OutputError."""

    def work(post: Post) -> None:
        raw = checked(open_take(path))
        if not raw.valid.any():
            raise TakeError(f"{path}: no frame of the take has a face; look at it with lprnet info")
        _check_length(path, options, int(raw.valid.sum()))
        read = 0

        def on_row() -> None:
            nonlocal read
            read += 1
            post(Progress(read, None, "Smoothing"))

        take = smooth(raw, options.smoothing, on_row)
        plan, rows = plan_of(raw, take, options, scene, clip_of(raw, path))
        post(plan)
        if not skin:
            _post_points(take, rows, options, cache, post)
            return
        # the clip is decoded again while the mesh goes into keys: a quarter of a bake's time
        with Beside(lambda tell: skin_of(take, options.texture, plan.clip, tell),
                    Progress(0, None, "Reading skin")) as skin_read:
            _post_points(take, rows, options, cache, post)
            post(skin_read.result(post))

    return work


def plan_of(raw: TakeRows, take: TakeRows, options: BakeOptions, scene: SceneRate,
            clip: Path | None) -> tuple[Plan, list[int]]:
    """The plan, and the take's row of each key."""
    when = timeline(raw.time_s, raw.index, raw.header.fps, scene, options)
    rows = np.flatnonzero(take.valid)
    rows = rows[apart(when.frames[rows])]
    follows = np.r_[rows[1:], len(take)]
    holds = np.array([not take.valid[row:end].all() for row, end in zip(rows, follows)])
    heads = [head_place(take, int(row)) for row in rows]
    turn = np.stack([AXES @ rotation @ AXES.T for rotation, _ in heads])
    place = np.stack([place for _, place in heads]) @ AXES.T * METRES_PER_CM
    lost = tuple(Lost(float(when.frames[first]), float(when.frames[last]), bool(take.valid[first:last + 1].all()))
                 for first, last in raw.gaps)
    plan = Plan(take.topology, when, when.frames[rows], holds, place, quaternions(turn)[:, [3, 0, 1, 2]], lost,
                clip, float(raw.confidence[raw.valid].mean()), int(raw.valid.sum()), len(raw))
    return plan, rows.tolist()


def clip_of(take: TakeRows, place: Path) -> Path | None:
    """The file that the take at `place` was captured from, still the same: where it was, or beside the take, where both
    were moved together. None where it is gone."""
    source = take.header.source
    name, sha256 = source.get("name"), source.get("sha256")
    if source.get("kind") != "video" or not isinstance(name, str) or not isinstance(sha256, str):
        return None
    for path in (Path(name), place.absolute().parent / Path(name).name):
        try:
            if path.is_file():
                with open_frames(path) as frames:
                    if frames.info.sha256 == sha256:
                        return path.absolute()
        except (InputError, OSError, ValueError):
            continue
    return None


def skin_of(take: TakeRows, size: int, clip: Path | None, post: Post) -> Skin:
    """Blended from the best frames of the clip; of a live take the one that it kept. A clip that is gone leaves the
    face without a skin, and says so."""
    def on_step(what: str, done: int, total: int) -> None:
        post(Progress(done, total, "Reading skin") if what == READ else
             Progress(done, total, "Blending skin", unit="views"))

    try:
        texture = take_texture(take, clip, size, on_step)
    except InputError as error:
        return Skin(missing=str(error))
    _, png = cv2.imencode(".png", texture.image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT])
    return Skin(png.tobytes(), texture.visible)


def _post_points(take: TakeRows, rows: list[int], options: BakeOptions, cache: CacheFile | None, post: Post) -> None:
    def points() -> Any:
        for number, row in enumerate(rows):
            key = Points(number, to_blender(placed(take, row, options.head == "VERTICES")))
            if cache is None or number == 0:
                post(key)
            if cache is not None:
                post(Progress(number + 1, len(rows), "Writing the point cache"))
            yield key.points

    if cache is None:
        for _ in points():
            pass
    else:
        cache.write(points(), len(rows), len(take.topology.cells))
        try:
            post(Progress(len(rows), len(rows), "Writing the point cache"))
        except BaseException:                   # stopped at the very end
            cache.drop()
            raise


def _check_length(path: Path, options: BakeOptions, seen: int) -> None:
    if options.mode != "POINT_CACHE" and seen > MOST_KEYS:
        raise InputError(f"{path}: its {seen} frames are too many for shape keys, which end at {MOST_KEYS}; bake it "
                         "as a point cache")
