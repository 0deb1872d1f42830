"""Small readers of the mesh files that the tests write, by the formats' own rules."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np


@dataclass
class ReadMesh:
    """faces: lists of vertex indices; uvs with v down; colours or a picture (H, W, 3) RGB where the file has them."""

    vertices: np.ndarray
    normals: np.ndarray
    uvs: np.ndarray
    faces: list[list[int]]
    picture: np.ndarray | None = None
    colours: np.ndarray | None = None


def read_obj(path: Path) -> ReadMesh:
    rows: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, rest = line.partition(" ")
        rows.setdefault(key, []).append([rest] if key in ("mtllib", "usemtl") else rest.split())
    corners = [[tuple(map(int, corner.split("/"))) for corner in row] for row in rows["f"]]
    assert all(len(set(corner)) == 1 for face in corners for corner in face)
    uvs = np.array(rows["vt"], float)
    picture = None
    if "mtllib" in rows:
        material = path.with_name(rows["mtllib"][0][0]).read_text(encoding="utf-8")
        assert f"newmtl {rows['usemtl'][0][0]}\n" in material
        name = next(line.removeprefix("map_Kd ") for line in material.splitlines() if line.startswith("map_Kd"))
        picture = decoded((path.parent / name).read_bytes())
    return ReadMesh(np.array(rows["v"], float), np.array(rows["vn"], float), np.c_[uvs[:, 0], 1 - uvs[:, 1]],
                    [[corner[0] - 1 for corner in face] for face in corners], picture)


def read_ply(path: Path) -> ReadMesh:
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = [line.split() for line in header.decode("ascii").splitlines()]
    assert lines[0] == ["ply"] and lines[1] == ["format", "binary_little_endian", "1.0"]
    counts = {line[1]: int(line[2]) for line in lines if line[0] == "element"}
    kinds = {"float": "<f4", "uchar": "u1"}
    record = np.dtype([(line[2], kinds[line[1]]) for line in lines if line[0] == "property" and line[1] != "list"])
    table = np.frombuffer(body, record, counts["vertex"])
    place, faces = counts["vertex"] * record.itemsize, []
    for _ in range(counts["face"]):
        corners = body[place]
        faces.append(list(struct.unpack_from(f"<{corners}i", body, place + 1)))
        place += 1 + 4 * corners
    assert place == len(body)
    column = lambda *names: np.stack([table[name] for name in names], 1)    # noqa: E731
    return ReadMesh(column("x", "y", "z"), column("nx", "ny", "nz"), np.c_[table["s"], 1 - table["t"]], faces,
                    colours=column("red", "green", "blue") if "red" in record.names else None)


def read_glb(path: Path) -> ReadMesh:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(data[20:20 + size])
    rest, kind = struct.unpack_from("<I4s", data, 20 + size)
    body = data[28 + size:]
    assert kind == b"BIN\0" and rest == len(body) == document["buffers"][0]["byteLength"]

    def view(number: int) -> bytes:
        entry = document["bufferViews"][number]
        assert entry["byteOffset"] % 4 == 0 and entry["byteOffset"] + entry["byteLength"] <= len(body)
        return body[entry["byteOffset"]:entry["byteOffset"] + entry["byteLength"]]

    def array(number: int) -> np.ndarray:
        entry = document["accessors"][number]
        values = np.frombuffer(view(entry["bufferView"]), {5126: "<f4", 5125: "<u4"}[entry["componentType"]])
        values = values.reshape(entry["count"], {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[entry["type"]])
        if "min" in entry:
            assert values.min(0).tolist() == entry["min"] and values.max(0).tolist() == entry["max"]
        return values

    primitive, = document["meshes"][0]["primitives"]
    attributes = primitive["attributes"]
    assert "min" in document["accessors"][attributes["POSITION"]]           # the specification asks for it
    picture = None
    if "images" in document:
        surface = document["materials"][primitive["material"]]["pbrMetallicRoughness"]
        source = document["textures"][surface["baseColorTexture"]["index"]]["source"]
        picture = decoded(view(document["images"][source]["bufferView"]))
    return ReadMesh(array(attributes["POSITION"]), array(attributes["NORMAL"]), array(attributes["TEXCOORD_0"]),
                    array(primitive["indices"]).reshape(-1, 3).tolist(), picture)


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
