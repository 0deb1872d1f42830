"""Takes whose every number is known: a face that turns, blinks and speaks, and a mesh of a few vertices for what is
done often. Run as a program it writes a take until it is done or killed."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np

from inference_core.pose import HeadPose, compose, rotation_from_angles
from inference_core.take import TakeFrame, TakeHeader, TakeWriter
from inference_core.topology import Topology, load_topology

FPS = 25.0
SIZE = 640, 480


def few_vertices(count: int = 7) -> Topology:
    """A topology for the take alone: its other parts do not fit."""
    topology = load_topology()
    return dataclasses.replace(topology, cells=topology.cells[:count], mean_canonical=topology.mean_canonical[:count])


def header(topology: Topology, **changes) -> TakeHeader:
    known = TakeHeader(source={"kind": "video", "name": "clip.mp4", "sha256": None}, track={"face": 1},
                       topology={"name": topology.name, "sha256": topology.sha256},
                       weights={"name": "lprnet2", "sha256": "0" * 64}, fps=FPS, size=SIZE,
                       created="2026-01-01T00:00:00")
    return dataclasses.replace(known, **changes)


def shaken(topology: Topology, index: int, lost: tuple[int, ...] = ()) -> TakeFrame:
    """A frame of noise around the mean face, the same for the same index."""
    rng = np.random.default_rng(index)
    time_s, state = index / FPS + rng.uniform(0, 0.01), bytes(rng.integers(0, 256, 20, np.uint8))
    if index in lost:
        return TakeFrame(index, time_s, confidence=0.1, state=state)
    pose = HeadPose(rotation_from_angles(*rng.uniform(-40, 40, 3)), rng.uniform(5, 30), rng.uniform(100, 400, 2), 0.02)
    canonical = topology.mean_canonical + rng.normal(0, 1, topology.mean_canonical.shape).astype(np.float32)
    return TakeFrame(index, time_s, True, rng.uniform(0.5, 1), rng.uniform(0, 500, 4), pose, canonical, state)


def moved_face(topology: Topology, mouth: float = 0.0, eyes: float = 1.0) -> np.ndarray:
    """(N, 3) float32 cm: the mean face with the mouth open by so many centimetres and the eyes open to this share."""
    mean = topology.mean_canonical
    out = mean.copy()
    landmarks = topology.landmarks(mean)
    # in the unwrap the lips are apart, where in space the upper one reaches behind the lower
    corners = (topology.uvs[topology.landmark_vertices[[60, 64]]] * topology.landmark_weights[[60, 64], :, None]).sum(1)
    below = (topology.regions["lips"] | topology.regions["jaw"]) & (topology.uvs[:, 1] > corners[:, 1].mean())
    out[below, 1] -= mouth
    for name, eye in (("right_lids", slice(36, 42)), ("left_lids", slice(42, 48))):
        upper = topology.regions[name] & (mean[:, 1] > landmarks[eye, 1].mean())
        gap = landmarks[eye, 1][[1, 2]].mean() - landmarks[eye, 1][[4, 5]].mean()
        out[upper, 1] -= (1 - eyes) * gap
    return out


def acted(topology: Topology, index: int, lost: tuple[int, ...] = ()) -> TakeFrame:
    """A second and a half of acting, over and over: the head turns, the mouth opens twice, the eyes blink once."""
    time_s = index / FPS
    if index in lost:
        return TakeFrame(index, time_s, confidence=0.02)
    phase = time_s / 1.5 % 1
    pose = HeadPose(rotation_from_angles(25 * np.sin(2 * np.pi * phase), 8 * np.cos(2 * np.pi * phase), 4), 18.0,
                    np.array([320 + 40 * np.sin(2 * np.pi * phase), 220.0]), 1 / 70)
    eyes = 1 - float(np.exp(-(((phase - 0.6) / 0.05) ** 2)))
    canonical = moved_face(topology, 1.5 * np.sin(2 * np.pi * phase) ** 2, eyes)
    points = compose(topology.landmarks(canonical), pose)
    return TakeFrame(index, time_s, True, 0.97 - 0.2 * abs(np.sin(np.pi * phase)),
                     (*points[:, :2].min(0), *points[:, :2].max(0)), pose, canonical)


def write_take(path: Path, topology: Topology, frames, **changes) -> Path:
    with TakeWriter.create(path, header(topology, **changes), topology) as writer:
        for frame in frames:
            writer.add(frame)
    return path


def take_of_any_stamps(path: Path, topology: Topology, frames, **changes) -> Path:
    """As a take that was altered may hold them; the writer lets none pass that does not rise."""
    with TakeWriter.create(path, header(topology, **changes), topology) as writer:
        for frame in frames:
            writer.last_s = -math.inf
            writer.add(frame)
    return path


def main(path: str, count: int) -> None:
    """Goes on with the take, or starts it; a line for each frame that is written."""
    topology = load_topology()
    there = (Path(path) / "header.json").exists()
    writer = TakeWriter.resume(path) if there else TakeWriter.create(path, header(topology))
    with writer:
        for index in range(writer.next_index, count):
            writer.add(shaken(topology, index, lost=(3, 4)))
            print(index, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
