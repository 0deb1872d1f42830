"""glTF 2.0 (.glb) with morph targets: a few main shapes of the take, mixed by weights over time; the head moves the
node. The weights lie in [0, 1], since Blender lets none leave that range; the base alone is no face of the take.

One target a frame would take 380 kB each, with its normals. The main shapes, at most 64, hold a take of any length in
some 24 MB; how far a vertex then lies from where it was captured is measured and written into the file
(meshes[0].extras). A lost frame holds the last face. Times count from the first frame, whose own stamp stands in the
extras.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from inference_core.files import write_bytes
from inference_core.formats.gltf import VERTICES, Body, binary_file, document
from inference_core.mesh import METRES_PER_CM, export_mesh
from inference_core.take_formats.low_rank import LowRank, low_rank
from inference_core.take_formats.morph_normals import morph_normals
from inference_core.take_formats.motion import StillFace, head_place, held_rows, quaternions


def write(take, path: Path, options, on_frame) -> list[Path]:
    seen, body = np.flatnonzero(take.valid), Body()

    def read(number: int) -> np.ndarray:
        on_frame()
        return take.canonical(int(seen[number]))

    found = low_rank(read, len(seen))
    normals, turned = morph_normals(read, take.topology.triangles, found.weights)
    base = dataclasses.replace(export_mesh(StillFace(take.topology, found.base)), normals=normals)
    made = document(base, options.texture, body)
    mesh, node = made["meshes"][0], made["nodes"][0]
    mesh["primitives"][0]["targets"] = [
        {"POSITION": body.array(shape * np.float32(METRES_PER_CM), VERTICES, bounds=True),
         "NORMAL": body.array(normal, VERTICES)} for shape, normal in zip(found.shapes, turned)]
    rows = _rows_in_time(take)
    weights = found.weights[np.searchsorted(seen, held_rows(take)[rows])]
    mesh |= {"weights": weights[0].tolist(), "extras": _extras(take, found)}
    places = [head_place(take, int(row)) for row in held_rows(take)[rows]]
    turns = quaternions(np.array([rotation for rotation, _ in places]))
    ways = np.array([place for _, place in places]) * METRES_PER_CM
    node |= {"rotation": turns[0].tolist(), "translation": ways[0].tolist()}
    times = body.array(np.float32(take.time_s[rows] - take.time_s[0])[:, None], bounds=True)
    outputs = {"weights": weights.reshape(-1, 1), "rotation": turns, "translation": ways}
    samplers = [{"input": times, "interpolation": "LINEAR", "output": body.array(np.float32(values))}
                for values in outputs.values()]
    channels = [{"sampler": number, "target": {"node": 0, "path": name}} for number, name in enumerate(outputs)]
    made["animations"] = [{"name": "take", "samplers": samplers, "channels": channels}]
    write_bytes(path, binary_file(made, body))
    return [path]


def _rows_in_time(take) -> np.ndarray:
    """The rows whose stamp, in the file's 32 bits, is later than all before: keys may not stand on one another."""
    times = np.float32(take.time_s - take.time_s[0])
    latest = np.maximum.accumulate(times)
    return np.flatnonzero(np.r_[True, times[1:] > latest[:-1]])


def _extras(take, found: LowRank) -> dict:
    return {"targetNames": [f"shape {number}" for number in range(1, len(found.shapes) + 1)],
            "first_time_s": float(take.time_s[0]), "worst_error_mm": round(10 * found.worst_cm, 4),
            "rms_error_mm": round(10 * found.rms_cm, 5)}
