"""The ICT-FaceKit face model (MIT licence): linear identity and expression shapes over one fixed mesh.

Read from the packed .npz or straight from the OBJ folder of an ICT-FaceKit checkout (`FaceXModel/`).
All points are in the model's own frame: centimetres, x to the subject's left, y up, z forward.
`origin` is the mean of the rigid region of the neutral face; canonical points are model points minus `origin`.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

NARROW_VERTICES, NARROW_FACES = 6706, 6560      # the face proper, ears and neck left out; first in the vertex order
FACE_VERTICES = 9409                            # face with neck and ears' front
RIGID_MOTION_CM = 0.3                           # a rigid vertex moves less than this in every expression
NOT_ON_THE_SKIN = ("PupilDilate",)              # prefixes of shapes that move no skin
GIVE = "give the packed .npz or ICT-FaceKit's FaceXModel folder"


@dataclass(frozen=True)
class FaceModel:
    """neutral (V, 3), identity (100, V, 3), expression (E, V, 3) float32 deltas; faces (F, 4), -1 ends a triangle."""

    neutral: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    expression_names: tuple[str, ...]
    faces: np.ndarray
    face_uvs: np.ndarray
    face_material: np.ndarray
    uvs: np.ndarray
    material_names: tuple[str, ...]

    @cached_property
    def mirror(self) -> np.ndarray:
        """(6706,) index of each narrow-face vertex's partner on the other side."""
        narrow = self.neutral[:NARROW_VERTICES].astype(np.float64)
        _, other = cKDTree(narrow).query(narrow * [-1, 1, 1])
        if not np.array_equal(other[other], np.arange(NARROW_VERTICES)):
            raise ValueError("the face model's narrow face is not mirror-symmetric")
        return other

    @cached_property
    def rigid(self) -> np.ndarray:
        """(6706,) bool: vertices that no expression moves by more than RIGID_MOTION_CM."""
        motion = np.linalg.norm(self.expression[:, :NARROW_VERTICES], axis=2).max(0)
        return motion < RIGID_MOTION_CM

    @cached_property
    def origin(self) -> np.ndarray:
        """(3,) the canonical origin in model coordinates."""
        mean = self.neutral[:NARROW_VERTICES][self.rigid].astype(np.float64).mean(0)
        return np.array([0.0, mean[1], mean[2]])

    def expression_index(self, name: str) -> int:
        if name not in self.expression_names:
            raise ValueError(f"the face model has no expression {name}; give all shapes of ICT-FaceKit")
        return self.expression_names.index(name)

    def expression_delta(self, name: str) -> np.ndarray:
        """(V, 3) displacement of one expression at full strength."""
        return self.expression[self.expression_index(name)]

    @property
    def skin_expressions(self) -> list[int]:
        return [i for i, n in enumerate(self.expression_names) if not n.startswith(NOT_ON_THE_SKIN)]


def load_face_model(path: str | Path) -> FaceModel:
    """Read the packed model (.npz) or a folder of OBJ files. Raises ValueError naming the path when it is neither."""
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such face model; {GIVE}")
    try:
        model = _read_obj_folder(path) if path.is_dir() else _read_packed(path)
    except (OSError, EOFError, KeyError, IndexError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as a face model ({error}); {GIVE}") from error
    if len(model.neutral) < FACE_VERTICES or len(model.faces) < NARROW_FACES:
        raise ValueError(f"{path}: has {len(model.neutral)} vertices, too few for ICT-FaceKit's face; {GIVE}")
    return model


def _read_packed(path: Path) -> FaceModel:
    with np.load(path, allow_pickle=False) as z:
        return FaceModel(
            neutral=z["neutral"].astype(np.float32),
            identity=z["identity"] * z["identity_scale"][:, None, None],
            expression=z["expression"] * z["expression_scale"][:, None, None],
            expression_names=tuple(map(str, z["expression_names"])),
            faces=z["faces"], face_uvs=z["face_uvs"], face_material=z["face_material"],
            uvs=z["uvs"], material_names=tuple(map(str, z["material_names"])))


def _read_obj_folder(folder: Path) -> FaceModel:
    neutral_file = folder / "generic_neutral_mesh.obj"
    if not neutral_file.is_file():
        raise ValueError("it holds no generic_neutral_mesh.obj")
    neutral = _read_obj_points(neutral_file)
    # by name, not by path: paths sort without regard to case on some systems
    files = sorted(folder.glob("*.obj"), key=lambda p: p.name)
    identities = [p for p in files if p.stem.startswith("identity")]
    expressions = [p for p in files if not p.stem.startswith(("identity", "generic"))]
    if not identities or not expressions:
        raise ValueError("it lacks the shapes of identities or expressions beside generic_neutral_mesh.obj")
    faces, face_uvs, material, uvs, names = _read_obj_topology(neutral_file)
    return FaceModel(neutral.astype(np.float32), _read_obj_deltas(identities, neutral),
                     _read_obj_deltas(expressions, neutral), tuple(p.stem for p in expressions),
                     faces, face_uvs, material, uvs, names)


def _read_obj_deltas(paths: list[Path], neutral: np.ndarray) -> np.ndarray:
    deltas = np.empty((len(paths), *neutral.shape), np.float32)
    for delta, path in zip(deltas, paths):
        points = _read_obj_points(path)
        if points.shape != neutral.shape:
            raise ValueError(f"{path.name} has {len(points)} vertices and the neutral mesh {len(neutral)}")
        delta[:] = points - neutral
    return deltas


def _read_obj_points(path: Path) -> np.ndarray:
    with path.open(encoding="ascii", errors="replace") as lines:
        points = [line.split()[1:4] for line in lines if line.startswith("v ")]
    return np.array(points, np.float64).reshape(-1, 3)


def _read_obj_topology(path: Path):
    faces, face_uvs, material, uvs, names = [], [], [], [], []
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            kind, *values = line.split() or [""]
            if kind == "vt":
                uvs.append([float(v) for v in values[:2]])
            elif kind == "usemtl":
                names.append(values[0])
            elif kind == "f":
                corners = [[int(i) - 1 for i in value.split("/")[:2]] for value in values]
                corners += [[-1, -1]] * (4 - len(corners))
                faces.append([c[0] for c in corners])
                face_uvs.append([c[1] for c in corners])
                material.append(len(names) - 1)
    return (np.array(faces, np.int32), np.array(face_uvs, np.int32), np.array(material, np.int32),
            np.array(uvs, np.float32), tuple(names))
