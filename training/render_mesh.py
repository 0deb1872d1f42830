"""The head that is rendered: the face model's parts, a shell of hair over the skull, and a pair of glasses.

Everything lives in the canonical frame. The first FACE_VERTICES vertices are the face model's, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.face_model import FACE_VERTICES, FaceModel
from training.head_mesh import MOUTH_SOCKET_FROM
from training.render_hair import HairShell, build_hair_shell

SKIN, HEAD, SOCKET, GUMS, TEETH, EYE, LASH, HAIR, FRAME = range(9)
MATERIALS = {"M_Face": SKIN, "M_BackHead": HEAD, "M_GumsTongue": GUMS, "M_Teeth": TEETH,
             "M_ScleraLeft": EYE, "M_ScleraRight": EYE, "M_EyeLashes": LASH}
TEETH_BACK_CM = 0.15                    # set back, so that a thin lip is never pierced
LEFT_EYE, RIGHT_EYE = "M_ScleraLeft", "M_ScleraRight"
TUBE_CM = 0.14


@dataclass(frozen=True)
class RenderMesh:
    """V model vertices, H of hair, G of glasses; T triangles, counter-clockwise from outside.

    mean (V, 3), basis (100 + E, 3 V) float32, identity then expression; triangles (T, 3) int32 into
    [model, hair, glasses]; corner_uv (T, 3, 2) float32: u and v (up) of the material's own tile, 0..1;
    kinds (T,) int8; glasses (G, 3): for eyes 6.4 cm apart, origin between the pupils; eyes: vertices of left and right eyeball.
    """

    mean: np.ndarray
    basis: np.ndarray
    triangles: np.ndarray
    corner_uv: np.ndarray
    kinds: np.ndarray
    hair: HairShell
    glasses: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]

    def shapes(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """identity (n, 100), expression (n, E) -> (n, V, 3) float32 canonical vertices."""
        weights = np.concatenate([identity, expression], 1).astype(np.float32)
        return self.mean + (weights @ self.basis).reshape(len(weights), -1, 3)


def build_render_mesh(model: FaceModel) -> RenderMesh:
    """The drawn part of `model`, with hair and glasses."""
    triangles, uvs, kinds = _model_triangles(model)
    eyes = [_vertices_of(model, name) for name in (LEFT_EYE, RIGHT_EYE)]
    chosen = np.unique(np.concatenate([np.arange(FACE_VERTICES), triangles.ravel(), *eyes]))
    new = np.full(len(model.neutral), -1)
    new[chosen] = np.arange(len(chosen))
    triangles = new[triangles]
    mean = model.neutral[chosen] - model.origin.astype(np.float32)
    inside = np.unique(triangles[np.isin(kinds, (SOCKET, GUMS, TEETH))])
    mean[inside[inside >= FACE_VERTICES], 2] -= TEETH_BACK_CM
    hair = build_hair_shell(mean, triangles, np.isin(kinds, (SKIN, HEAD)))
    over = np.full(len(chosen), -1)
    over[hair.vertices] = len(chosen) + np.arange(len(hair.vertices))
    glasses, glasses_triangles = _glasses()
    glasses_triangles = glasses_triangles + len(chosen) + len(hair.vertices)
    # seen from both sides
    lashes = triangles[kinds == LASH][:, ::-1]
    basis = np.concatenate([model.identity[:, chosen], model.expression[:, chosen]]).astype(np.float32)
    return RenderMesh(
        mean=mean, basis=basis.reshape(len(basis), -1),
        triangles=np.concatenate([triangles, lashes, over[triangles[hair.triangles]], glasses_triangles]).astype(np.int32),
        corner_uv=np.concatenate([uvs, uvs[kinds == LASH][:, ::-1], uvs[hair.triangles],
                                  np.zeros((len(glasses_triangles), 3, 2), np.float32)]),
        kinds=np.concatenate([kinds, np.full(len(lashes), LASH), np.full(len(hair.triangles), HAIR),
                              np.full(len(glasses_triangles), FRAME)]).astype(np.int8),
        hair=hair, glasses=glasses,
        eyes=(new[eyes[0]], new[eyes[1]]))


def _vertices_of(model, material):
    faces = model.faces[model.face_material == model.material_names.index(material)]
    return np.unique(faces[faces >= 0])


def _model_triangles(model):
    kinds = np.array([MATERIALS.get(name, -1) for name in model.material_names])[model.face_material]
    kinds[(kinds == HEAD) & (model.faces.max(1) >= MOUTH_SOCKET_FROM)] = SOCKET
    drawn = kinds >= 0
    faces, corners, kinds = model.faces[drawn], model.face_uvs[drawn], kinds[drawn]
    quad = faces[:, 3] >= 0
    triangles = np.concatenate([faces[:, :3], faces[quad][:, [0, 2, 3]]])
    uvs = model.uvs[np.concatenate([corners[:, :3], corners[quad][:, [0, 2, 3]]])]
    kinds = np.concatenate([kinds, kinds[quad]])
    uvs = (uvs - np.floor(uvs.min(1, keepdims=True))).astype(np.float32)
    a, b, c = model.neutral[triangles].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    forward = normal[:, 2] / (np.linalg.norm(normal, axis=1) + 1e-9)
    seen = ~np.isin(kinds, (TEETH, EYE)) | (forward > -0.2)
    return triangles[seen], uvs[seen], kinds[seen]


def _glasses():
    """Two rims, a bridge and two arms of triangular tubes; origin between the pupils, eyes 6.4 cm apart."""
    points, triangles = [], []

    def tube(path, closed):
        start, n = sum(map(len, points)), len(path)
        ring = np.concatenate([path[-1:], path, path[:1]]) if closed else np.concatenate([path[:1], path, path[-1:]])
        along = ring[2:] - ring[:-2]
        side = np.cross(along, [0.3, 0.9, 0.3])
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        up = np.cross(side, along)
        up /= np.linalg.norm(up, axis=1, keepdims=True)
        angle = np.array([0, 2.1, 4.2])[None, :, None]
        points.append((path[:, None] + TUBE_CM * (np.cos(angle) * side[:, None] + np.sin(angle) * up[:, None])).reshape(-1, 3))
        i = np.arange(n if closed else n - 1)
        a, b = start + 3 * i, start + 3 * ((i + 1) % n)
        for k, m in ((0, 1), (1, 2), (2, 0)):
            sides = np.concatenate([np.c_[a + k, b + k, b + m], np.c_[a + k, b + m, a + m]])
            triangles.extend([sides, sides[:, ::-1]])

    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    curve = lambda t: np.sign(t) * np.abs(t) ** 0.7  # noqa: E731
    for x in (-3.25, 3.25):
        across = x + 2.5 * curve(np.cos(angle))
        tube(np.c_[across, -0.4 + 1.9 * curve(np.sin(angle)), -0.04 * across**2], True)
        tube(np.array([[1, 0, -1.4], [1.35, 0.1, -3.5], [1.5, 0, -9], [1.5, -0.8, -12]]) * [5.7 * np.sign(x), 1, 1], False)
    tube(np.array([[-0.9, 0.1, 0.1], [0, 0.3, 0.4], [0.9, 0.1, 0.1]]), False)
    return np.concatenate(points).astype(np.float32), np.concatenate(triangles)
