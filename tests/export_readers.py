"""What other readers than ours find in exported files: glTF through pygltflib, USD through Pixar's usd-core, OBJ and
point caches by small readers. All answer with vertices in metres, z up, as Blender has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

At = Callable[[float], np.ndarray]
KINDS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


def z_up(points: np.ndarray) -> np.ndarray:
    return np.asarray(points)[..., [0, 2, 1]] * [1, -1, 1]


@dataclass
class Gltf:
    """at(seconds), normals_at(seconds): (N, 3) world; times (n,) of the weights' keys; picture (H, W, 3)."""

    at: At
    normals_at: At
    times: np.ndarray
    targets: int
    picture: np.ndarray | None


def read_gltf(path: Path) -> Gltf:
    import pygltflib

    file = pygltflib.GLTF2().load(str(path))
    body = file.binary_blob()

    def array(number: int) -> np.ndarray:
        accessor = file.accessors[number]
        assert accessor.sparse is None
        view = file.bufferViews[accessor.bufferView]
        kind = np.dtype({5126: "<f4", 5125: "<u4", 5123: "<u2", 5121: "u1"}[accessor.componentType])
        width = KINDS[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        values = np.frombuffer(body, kind, accessor.count * width, start).reshape(accessor.count, width)
        if accessor.min:
            np.testing.assert_allclose(values.min(0), accessor.min, rtol=1e-6)
            np.testing.assert_allclose(values.max(0), accessor.max, rtol=1e-6)
        return values

    node_number, = (number for number, node in enumerate(file.nodes) if node.mesh is not None)
    assert file.scenes[file.scene].nodes == [node_number]
    node, primitive, = file.nodes[node_number], *file.meshes[file.nodes[node_number].mesh].primitives
    base, base_normals = array(primitive.attributes.POSITION), array(primitive.attributes.NORMAL)
    targets = [array(target["POSITION"]) for target in primitive.targets or ()]
    normals = [array(target["NORMAL"]) for target in primitive.targets or ()]
    channels = {}
    for animation in file.animations:
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            assert channel.target.node == node_number and sampler.interpolation in (None, "LINEAR")
            assert channel.target.path not in channels
            channels[channel.target.path] = array(sampler.input)[:, 0], array(sampler.output)

    def value(name: str, time_s: float, still) -> np.ndarray:
        if name not in channels:
            return np.asarray(still, float)
        times, values = channels[name]
        values = values.reshape(len(times), -1).astype(float)
        assert (np.diff(times) > 0).all()
        mixed = np.array([np.interp(time_s, times, column) for column in values.T])
        return mixed / np.linalg.norm(mixed) if name == "rotation" else mixed

    def mixed(time_s: float, start: np.ndarray, shapes: list[np.ndarray]) -> np.ndarray:
        weights = value("weights", time_s, file.meshes[node.mesh].weights or [0.0] * len(shapes))
        assert len(weights) == len(shapes) and all(-1e-6 <= weight <= 1 + 1e-6 for weight in weights)
        return start + sum((weight * shape for weight, shape in zip(weights, shapes)), np.zeros(start.shape))

    def turn(time_s: float) -> np.ndarray:
        x, y, z, w = value("rotation", time_s, node.rotation or [0, 0, 0, 1])
        return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                         [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                         [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])

    def at(time_s: float) -> np.ndarray:
        points = mixed(time_s, base, targets) * value("scale", time_s, node.scale or [1, 1, 1])
        return z_up(points @ turn(time_s).T + value("translation", time_s, node.translation or [0, 0, 0]))

    def normals_at(time_s: float) -> np.ndarray:
        sums = mixed(time_s, base_normals, normals)
        return z_up(sums / np.linalg.norm(sums, axis=1, keepdims=True) @ turn(time_s).T)

    picture = None
    if file.images:
        view = file.bufferViews[file.images[0].bufferView]
        picture = decoded(body[view.byteOffset:view.byteOffset + view.byteLength])
    times = channels["weights"][0] if "weights" in channels else np.empty(0)
    return Gltf(at, normals_at, times, len(targets), picture)


@dataclass
class Usd:
    """at(time code): (N, 3) world metres, z up; codes: of the points; rate; picture."""

    at: At
    codes: list[float]
    rate: float
    picture: Path | None


def read_usd(path: Path) -> Usd:
    from pxr import Usd as usd
    from pxr import UsdGeom, UsdShade

    stage = usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    mesh, = (UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))

    def at(code: float) -> np.ndarray:
        assert stage                                    # which must live as long as what is asked for
        points = np.array(mesh.GetPointsAttr().Get(code), float)
        matrix = np.array(UsdGeom.XformCache(code).GetLocalToWorldTransform(mesh.GetPrim()))
        return points @ matrix[:3, :3] + matrix[3, :3]

    pictures = [UsdShade.Shader(prim).GetInput("file").Get().resolvedPath for prim in stage.Traverse()
                if prim.IsA(UsdShade.Shader) and UsdShade.Shader(prim).GetInput("file")]
    return Usd(at, list(mesh.GetPointsAttr().GetTimeSamples()), stage.GetTimeCodesPerSecond(),
               Path(pictures[0]) if pictures else None)


def read_sequence(folder: Path, name: str) -> dict[int, np.ndarray]:
    """{frame: (N, 3)} of name.0001.obj and so on."""
    return {int(path.suffixes[-2][1:]): z_up(obj_points(path)) for path in sorted(folder.glob(f"{name}.*.obj"))}


def obj_points(path: Path) -> np.ndarray:
    return np.array([line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")], float)


def obj_picture(path: Path) -> np.ndarray:
    """Through the material file, as any reader finds it."""
    lines = path.read_text().splitlines()
    material = path.with_name(next(line[7:] for line in lines if line.startswith("mtllib ")))
    picture = next(line[7:] for line in material.read_text().splitlines() if line.startswith("map_Kd "))
    return decoded((path.parent / picture).read_bytes())


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


__all__ = ["Gltf", "Usd", "obj_picture", "obj_points", "read_gltf", "read_sequence", "read_usd", "z_up"]
