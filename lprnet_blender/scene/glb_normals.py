# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of a .glb's morph targets that follow the faces. The exporter writes those of each shape, which mixed are off
by several degrees at a wide mouth; those that `morph_normals` fits to the faces take their place. Pure Python and
NumPy."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
FLOAT, JSON_AT = 5126, 20


def set_normals(path: Path, base: Points, normals: Points, targets: Points) -> None:
    """base (N, 3): the mesh without weights, in Blender's axes, as the file's was; normals (N, 3) of it and targets
    (r, N, 3) that are added to them. Written over the numbers that are there; a mesh that is not the file's stays as
    the exporter has left it."""
    data = bytearray(path.read_bytes())
    size = struct.unpack_from("<I", data, 12)[0]
    document, body = json.loads(data[JSON_AT:JSON_AT + size]), JSON_AT + size + 8
    primitives = [primitive for mesh in document["meshes"] for primitive in mesh["primitives"]]
    vertex_of = {row.tobytes(): number for number, row in enumerate(_y_up(base))}
    if len(vertex_of) != len(base):
        return                                          # vertices on one another cannot be told apart
    normals, turned = _y_up(normals), _y_up(targets)
    for primitive in primitives:
        points = _array(document, data, body, primitive["attributes"]["POSITION"])
        vertices = np.array([vertex_of.get(row.tobytes(), -1) for row in points])
        there = primitive.get("targets", ())
        if (vertices < 0).any() or len(there) != len(turned) or any("NORMAL" not in target for target in there):
            continue
        _array(document, data, body, primitive["attributes"]["NORMAL"])[:] = normals[vertices]
        for target, values in zip(there, turned):
            _array(document, data, body, target["NORMAL"])[:] = values[vertices]
            _set_bounds(document["accessors"][target["NORMAL"]], values[vertices])
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = bytes(data[JSON_AT + size:])
    head = struct.pack("<4sIII4s", b"glTF", 2, JSON_AT + len(text) + len(rest), len(text), b"JSON")
    path.write_bytes(head + text + rest)


def _y_up(values: npt.NDArray[Any]) -> Points:
    """(..., 3), z up -> y up."""
    turned = np.stack([values[..., 0], values[..., 2], -values[..., 1]], -1)
    return np.ascontiguousarray(turned + np.float32(0), np.float32)


def _array(document: dict[str, Any], data: bytearray, body: int, number: int) -> Points:
    """(n, 3), a view into `data`."""
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    assert accessor["componentType"] == FLOAT and accessor["type"] == "VEC3" and "byteStride" not in view
    start = body + view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(data, "<f4", 3 * accessor["count"], start).reshape(-1, 3)


def _set_bounds(accessor: dict[str, Any], values: Points) -> None:
    for name, bound in (("min", values.min(0)), ("max", values.max(0))):
        if name in accessor:
            accessor[name] = bound.tolist()
