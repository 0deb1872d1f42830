"""The head that portraits are painted on: face, back of the head, inside of the mouth, teeth and eyeballs.

Everything lives in the canonical frame. The first FACE_VERTICES vertices are the face model's, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from inference_core.paths import weights_dir
from training.face_model import FACE_VERTICES, NARROW_FACES, NARROW_VERTICES, FaceModel
from training.fitting import SKIN_POINTS

SKIN, BACK, MOUTH, TEETH, EYE = range(5)
MATERIALS = {"M_Face": SKIN, "M_BackHead": BACK, "M_GumsTongue": MOUTH, "M_Teeth": TEETH,
             "M_ScleraLeft": EYE, "M_ScleraRight": EYE}
MOUTH_SOCKET_FROM = 11248               # here the model's back of the head ends, the mouth's socket begins
TEETH_BACK_CM = 0.2                     # set back, so that a thin lip is never pierced
LIP_CONTACT_RING = 7                    # rings of quads from the mouth's hole to where closed lips touch
SPREAD_LENGTH, SPREAD_RIDGE = 0.06, 0.06          # of the unwrap's square; of a point with weight 1


@dataclass(frozen=True)
class HeadMesh:
    """V vertices, T triangles (counter-clockwise from outside).

    mean (V, 3) float32; basis (100 + E, 3 V) float32, identity then expression; kinds (T,) int8;
    mirror (V,) partner on the other side; texture_vertex (V,): whose place in the photo a vertex takes its
    colour from (itself, but for the lips' inner side: the photo shows teeth or the other lip there);
    spread (FACE_VERTICES, 468): carries FaceMesh residuals over the skin; eyes: eyeball vertices of L and R.
    """

    mean: np.ndarray
    basis: np.ndarray
    triangles: np.ndarray
    kinds: np.ndarray
    mirror: np.ndarray
    texture_vertex: np.ndarray
    spread: np.ndarray
    eyes: dict[str, np.ndarray]
    vertex_kind: np.ndarray
    landmark_vertices: np.ndarray
    landmark_weights: np.ndarray

    def shapes(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """identity (n, 100), expression (n, E) -> (n, V, 3) float32 canonical vertices."""
        weights = np.concatenate([identity, expression], 1).astype(np.float32)
        return self.mean + (weights @ self.basis).reshape(len(weights), -1, 3)

    def spread_residuals(self, residuals: np.ndarray) -> np.ndarray:
        """FaceMesh residuals (n, 468, 2) -> (n, FACE_VERTICES, 2) moves of the skin."""
        flat = self.spread @ residuals.transpose(1, 0, 2).reshape(len(residuals[0]), -1)
        return flat.reshape(FACE_VERTICES, len(residuals), 2).transpose(1, 0, 2)

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """(..., V >= 6706, k) -> the 68 points (..., 68, k)."""
        return np.einsum("...ijk,ij->...ik", points[..., self.landmark_vertices, :], self.landmark_weights)


def build_head_mesh(model: FaceModel, topology_file: Path | None = None) -> HeadMesh:
    """The drawn part of `model`; the unwrap and the 68 points come from the topology built with it."""
    with np.load(topology_file or weights_dir() / "topology.npz", allow_pickle=False) as z:
        topology = {k: z[k] for k in z.files}
    triangles, kinds = _triangles(model)
    chosen = np.unique(np.concatenate([np.arange(FACE_VERTICES), triangles.ravel()]))
    new = np.full(len(model.neutral), -1)
    new[chosen] = np.arange(len(chosen))
    triangles = new[triangles].astype(np.int32)
    vertex_kind = np.full(len(chosen), SKIN, np.int8)
    for kind in (BACK, MOUTH, TEETH, EYE):
        vertex_kind[np.unique(triangles[kinds == kind])] = kind
    vertex_kind[:FACE_VERTICES] = SKIN
    neutral = model.neutral[chosen]
    mean = neutral - model.origin.astype(np.float32)
    mean[(vertex_kind == TEETH) | (vertex_kind == MOUTH), 2] -= TEETH_BACK_CM
    basis = np.concatenate([model.identity[:, chosen], model.expression[:, chosen]]).astype(np.float32)
    eye = np.flatnonzero(vertex_kind == EYE)
    landmarks = _landmark_anchors(topology)
    return HeadMesh(
        mean=mean, basis=basis.reshape(len(basis), -1), triangles=triangles, kinds=kinds,
        mirror=cKDTree(neutral).query(neutral * [-1, 1, 1])[1].astype(np.int32),
        texture_vertex=_inner_lips_outwards(model, len(chosen)), spread=_spread(model, topology),
        eyes={"L": eye[neutral[eye, 0] > 0], "R": eye[neutral[eye, 0] < 0]}, vertex_kind=vertex_kind,
        landmark_vertices=landmarks[0], landmark_weights=landmarks[1])


def _triangles(model):
    kind = np.array([MATERIALS.get(name, -1) for name in model.material_names])[model.face_material]
    kind[(kind == BACK) & (model.faces.max(1) >= MOUTH_SOCKET_FROM)] = MOUTH
    faces, kind = model.faces[kind >= 0], kind[kind >= 0]
    quad = faces[:, 3] >= 0
    triangles = np.concatenate([faces[:, :3], faces[quad][:, [0, 2, 3]]])
    kinds = np.concatenate([kind, kind[quad]]).astype(np.int8)
    a, b, c = model.neutral[triangles].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    forward = normal[:, 2] / (np.linalg.norm(normal, axis=1) + 1e-9)
    seen = (kinds < TEETH) | (forward > -0.2)               # the back of teeth and eyeballs is never seen
    return triangles[seen], kinds[seen]


def _landmark_anchors(topology):
    """The 68 points on model vertices: (68, 12) indices and weights."""
    grid, weights = topology["landmark_vertices"], topology["landmark_weights"]
    vertices = topology["source_vertices"][grid].reshape(len(grid), -1)
    return vertices, (topology["source_weights"][grid] * weights[..., None]).reshape(len(grid), -1)


def _inner_lips_outwards(model, count):
    """For each vertex behind the lips' line of contact, the one on that line before it; others themselves."""
    faces = model.faces[:NARROW_FACES]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 3]], faces[:, [3, 0]]])
    edges = np.sort(edges, 1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    both = np.concatenate([unique, unique[:, ::-1]])
    rim = np.unique(unique[uses == 1])
    centre = np.array([0.0, -3.4, 10.3])                    # of the mouth's hole; eyes and rim are 3.5 cm off
    ring = np.full(NARROW_VERTICES, 99)
    ring[rim[np.linalg.norm(model.neutral[rim] - centre, axis=1) < 3.5]] = 0
    outward = np.arange(NARROW_VERTICES)
    for r in range(LIP_CONTACT_RING):
        step = both[(ring[both[:, 0]] == r) & (ring[both[:, 1]] > r)]
        ring[step[:, 1]] = r + 1
        outward[step[:, 0]] = step[:, 1]
    for _ in range(LIP_CONTACT_RING):
        behind = ring[outward] < LIP_CONTACT_RING
        outward[behind] = outward[outward[behind]]
    out = np.arange(count, dtype=np.int32)
    out[:NARROW_VERTICES] = outward
    return out


def _spread(model, topology):
    """Kernel ridge (Matern 3/2) over the unwrap: lips that touch in space are far apart there."""
    uv, source = topology["uvs"].astype(np.float64), topology["source_vertices"]
    opened = model.neutral[:FACE_VERTICES] + 0.6 * model.expression_delta("jawOpen")[:FACE_VERTICES]
    for name in ("eyeWide_L", "eyeWide_R"):
        opened = opened + model.expression_delta(name)[:FACE_VERTICES]
    grid = (opened[source] * topology["source_weights"][..., None]).sum(1)
    distance, near = cKDTree(grid).query(opened, k=3)
    share = 1 / (distance + 1e-3)
    vertex_uv = (uv[near] * (share / share.sum(1, keepdims=True))[..., None]).sum(1)
    points = (uv[topology["facemesh_vertices"][:SKIN_POINTS]]
              * topology["facemesh_weights"][:SKIN_POINTS, :, None]).sum(1)
    fade = np.exp(-np.maximum(distance[:, 0] - 0.5, 0) / 2)      # ears and neck follow the rim less

    def kernel(a, b):
        r = np.linalg.norm(a[:, None] - b[None], axis=2) / SPREAD_LENGTH
        return (1 + r) * np.exp(-r)
    inverse = np.linalg.inv(kernel(points, points) + SPREAD_RIDGE * np.eye(len(points)))
    return (kernel(vertex_uv, points) @ inverse * fade[:, None]).astype(np.float32)
