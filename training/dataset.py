"""Batches for training: crops cut anew from the pools at every draw, labels moved with them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from training.augment import CROP_SIDE, damage, draw_nonface, draw_placement
from training.labels import TrainingPoints
from training.pool import MICRO, Pool
from training.relight import Skin, draw_lamp, relight

NONFACE_SHARE = 0.06
RELIT_SHARE = 0.4               # of the faces get another lamp
AHEAD = 8                       # batches prepared in advance


@dataclass(frozen=True)
class Batch:
    """image (B, S, S, 3) uint8, or the maps of StillFront; canonical (B, P, 3) cm; rotation (B, 3, 3); place (B, 4) float32
    [scale in crop units per cm, shift x, shift y in crop units, inverse distance]; presence (B,) 1 for a face, 0 for none."""

    image: np.ndarray
    canonical: np.ndarray
    rotation: np.ndarray
    place: np.ndarray
    presence: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Pools with the share of each in a batch. skin: for another lamp on relit_share of the faces; without it none."""

    pools: list[Pool]
    shares: np.ndarray
    points: TrainingPoints
    size: int
    crop_side: float = CROP_SIDE
    skin: Skin | None = None
    relit_share: float = RELIT_SHARE

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """A training batch of `count` crops."""
        chosen = rng.choice(len(self.pools), count, p=self.shares)
        items = [self._item(rng, self.pools[p], int(rng.integers(len(self.pools[p]))), steady=False) for p in chosen]
        return _stack(items)

    def steady(self, pool: Pool, rows: np.ndarray) -> Batch:
        """The given samples with the exact crop and an undamaged picture: for measuring."""
        rng = np.random.default_rng(0)
        return _stack([self._item(rng, pool, int(row), steady=True) for row in rows])

    def _item(self, rng, pool: Pool, row: int, steady: bool):
        image, landmarks = pool.images[row], pool.landmarks[row]
        place = draw_placement(rng, landmarks, image.shape[1], steady, self.crop_side)
        presence = steady or rng.random() >= NONFACE_SHARE
        if self.skin and presence and not steady and rng.random() < self.relit_share:
            whole = pool.canonical[row].astype(np.float32) / MICRO
            image = relight(image, whole, pool.head_pose(row), self.skin, draw_lamp(rng))
        crop = place.cut(image, self.size) if presence else draw_nonface(rng, image, landmarks, self.size, self.crop_side)
        if not steady:
            other = self.pools[0].images[int(rng.integers(len(self.pools[0])))]
            crop = damage(rng, crop, other[:80, :80])
        canonical = pool.canonical[row][self.points.vertices].astype(np.float32) / MICRO
        if place.mirror:
            canonical = canonical[self.points.mirror] * np.float32([-1, 1, 1])
        pose = pool.head_pose(row)
        rotation, scale, shift, inverse = place.pose(pose.rotation, pose.scale, pose.shift, pose.inverse_distance,
                                                     image.shape[1])
        return crop, canonical, rotation, np.r_[scale, shift, inverse], float(presence)


def _stack(items) -> Batch:
    image, canonical, rotation, place, presence = zip(*items)
    return Batch(np.stack(image), np.stack(canonical), np.stack(rotation).astype(np.float32),
                 np.stack(place).astype(np.float32), np.array(presence, np.float32))


def batches(dataset: Dataset, size: int, seed: int,
            front: Callable[[np.ndarray], np.ndarray] | None = None) -> Iterator[Batch]:
    """Endless batches, prepared by a thread of their own. front: takes the place of the pictures by what it makes of
    them. An error in the thread is raised here."""
    ready: queue.Queue = queue.Queue(AHEAD)

    def prepare():
        rng = np.random.default_rng(seed)
        try:
            while True:
                batch = dataset.draw(rng, size)
                ready.put(replace(batch, image=front(batch.image)) if front else batch)
        except Exception as error:      # handed over: the thread has nobody to tell
            ready.put(error)

    threading.Thread(target=prepare, daemon=True).start()
    while True:
        batch = ready.get()
        if isinstance(batch, Exception):
            raise batch
        yield batch
