"""Small readers of the animation files that takes are written to, by the formats' own rules."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def read_pc2(path: Path) -> tuple[float, np.ndarray]:
    """Frames a sample and (samples, N, 3)."""
    data = path.read_bytes()
    assert data[:12] == b"POINTCACHE2\0"
    version, points, start, rate, samples = struct.unpack_from("<iiffi", data, 12)
    assert (version, start) == (1, 0.0) and len(data) == 32 + 12 * points * samples
    return rate, np.frombuffer(data, "<f4", offset=32).reshape(samples, points, 3)


def read_mdd(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (frames,) in seconds and (frames, N, 3)."""
    data = path.read_bytes()
    frames, points = struct.unpack_from(">ii", data)
    assert len(data) == 8 + 4 * frames + 12 * points * frames
    values = np.frombuffer(data, ">f4", offset=8)
    return values[:frames], values[frames:].reshape(frames, points, 3)


@dataclass
class Animation:
    """vertices(i), normals(i): what a viewer shows of the mesh at key i, before the node moves it."""

    times: np.ndarray
    base: np.ndarray
    targets: np.ndarray
    base_normals: np.ndarray
    normal_targets: np.ndarray
    weights: np.ndarray
    rotations: np.ndarray
    ways: np.ndarray
    extras: dict
    document: dict

    def vertices(self, key: int) -> np.ndarray:
        return self.base + np.einsum("r,rnc->nc", self.weights[key], self.targets)

    def normals(self, key: int) -> np.ndarray:
        sums = self.base_normals + np.einsum("r,rnc->nc", self.weights[key], self.normal_targets)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def read_animation(path: Path) -> Animation:
    data = path.read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    document, body = json.loads(data[20:20 + size]), data[28 + size:]

    def array(number: int, needs_bounds: bool = False) -> np.ndarray:
        entry = document["accessors"][number]
        view = document["bufferViews"][entry["bufferView"]]
        kind = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry["type"]]
        values = np.frombuffer(body, "<f4", entry["count"] * kind, view["byteOffset"]).reshape(-1, kind)
        assert np.isfinite(values).all() and values.nbytes == view["byteLength"]
        if needs_bounds:
            assert values.min(0).tolist() == entry["min"] and values.max(0).tolist() == entry["max"]
        return values

    mesh = document["meshes"][0]
    primitive = mesh["primitives"][0]
    targets = np.array([array(target["POSITION"], True) for target in primitive["targets"]])
    normals = np.array([array(target["NORMAL"]) for target in primitive["targets"]])
    base_normals = array(primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(base_normals, axis=1), 1, atol=1e-5)
    found, inputs = {}, set()
    animation, = document["animations"]
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "LINEAR" and channel["target"]["node"] == 0
        inputs.add(sampler["input"])
        found[channel["target"]["path"]] = array(sampler["output"])
    times = array(inputs.pop(), True)[:, 0]
    assert not inputs and (np.diff(times) > 0).all()
    assert len(found["weights"]) == len(times) * len(targets) == len(times) * len(mesh["extras"]["targetNames"])
    return Animation(times, array(primitive["attributes"]["POSITION"], True), targets,
                     base_normals, normals, found["weights"].reshape(len(times), len(targets)), found["rotation"], found["translation"],
                     mesh["extras"], document)
