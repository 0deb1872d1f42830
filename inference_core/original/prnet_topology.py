"""From PRNet's index files to a topology of ours, for maps of any side: cells, faces, landmarks; and what the files do
not say, the mean face in centimetres, regions, mirror and FaceMesh's points, carried over from our own mean face."""

from __future__ import annotations

import io

import cv2
import numpy as np

from inference_core.errors import InputError
from inference_core.original.index_files import IndexFiles
from inference_core.rigid import fit_rigid
from inference_core.smooth_fill import smooth_fill
from inference_core.topology import REGIONS, Topology

SMOOTHNESS = 1e-4               # of the splines through the landmarks: two of them can share a texel
SAME_PLACE_CM = 0.6             # a vertex farther from ours than this is in none of our regions
BLOCK = 512                     # vertices compared at once


def topology_file(files: IndexFiles, size: int, name: str, ours: Topology) -> bytes:
    """The bytes of a topology.npz for maps of size x size cells. Raises InputError where the files make no mesh."""
    cells, faces = _same_grid(files) if size == files.side else _other_grid(files, size)
    used = np.unique(faces[faces >= 0])
    if len(used) < 3:
        raise InputError("triangles.txt: makes no mesh of these texels; give PRNet's own files")
    cells, faces = cells[used], _renumbered(faces, used, len(cells))
    cells, faces = cells.astype(np.int32), faces.astype(np.int32)
    landmark_vertices, landmark_weights = _landmarks(files, cells, size)
    uvs = ((cells[:, ::-1] + 0.5) / size).astype(np.float32)
    mean = _mean_face(files, cells, size, (landmark_vertices, landmark_weights), ours)
    nearest, away = _nearest(mean, ours.mean_canonical)
    facemesh_vertices, facemesh_weights = _facemesh(mean, ours)
    regions = {f"region_{r}": ours.regions[r][nearest] & (away < SAME_PLACE_CM) for r in REGIONS}
    arrays = dict(name=name, size=size, cells=cells, faces=faces, uvs=uvs, mirror=_mirror(cells, size),
                  landmark_vertices=landmark_vertices, landmark_weights=landmark_weights,
                  facemesh_vertices=facemesh_vertices, facemesh_weights=facemesh_weights,
                  **regions)
    for region in ("rigid", "lips"):
        if regions[f"region_{region}"].sum() < 3:
            raise InputError(f"uv_kpt_ind.txt: the mesh has no {region} region where its landmarks say; give PRNet's "
                             "own files")
    # the origin is where every canonical face has it
    arrays["mean_canonical"] = (mean - mean[regions["region_rigid"]].mean(0)).astype(np.float32)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _same_grid(files: IndexFiles) -> tuple[np.ndarray, np.ndarray]:
    """Triangles as they are, but all seen from outside, and none that is no surface: without extent in the map, or on
    the same side of an edge as one before."""
    triangles = files.triangles
    corner = files.texels[triangles]
    (ay, ax), (by, bx) = (corner[:, 1] - corner[:, 0]).T, (corner[:, 2] - corner[:, 0]).T
    area = ax * by - ay * bx                        # rows run down: negative is counter-clockwise as it is seen
    outwards = -1 if _seen_as_in_a_picture(files) else 1
    triangles = np.where((area * outwards < 0)[:, None], triangles[:, ::-1], triangles)[area != 0]
    edges = np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2) @ [len(files.texels), 1]
    _, first = np.unique(edges, return_index=True)
    repeated = np.ones(len(edges), bool)
    repeated[first] = False
    triangles = triangles[~repeated.reshape(-1, 3).any(1)]
    return files.texels, np.c_[triangles, np.full(len(triangles), -1)]


def _other_grid(files: IndexFiles, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Quads between the cells of a coarser or finer map of the same unwrap: where texels are, and triangles join them.
    A texel of a map of S lies at its index / (S - 1), as PRNet draws maps."""
    side = files.side
    valid = np.zeros((side, side), bool)
    valid[tuple(files.texels.T)] = True
    joined = np.zeros((side - 1, side - 1), bool)   # squares between four texels in which a triangle lies
    centre = files.texels[files.triangles].mean(1)
    joined[tuple(np.minimum(centre, side - 1 - 1e-9).astype(int).T)] = True
    place = np.arange(size) * (side - 1) / (size - 1)
    here = np.rint(place).astype(int)
    cells = np.argwhere(valid[np.ix_(here, here)])
    number = np.full((size, size), -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    between = np.minimum((place[:-1] + place[1:]) / 2, side - 1 - 1e-9).astype(int)
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], -1)     # as it is seen
    quads = quads[joined[np.ix_(between, between)] & (quads >= 0).all(-1)]
    return cells, quads if _seen_as_in_a_picture(files) else quads[:, ::-1]


def _seen_as_in_a_picture(files: IndexFiles) -> bool:
    """Whether the subject's right eye lies to the left in the map; else the map is mirrored."""
    return bool(files.landmarks[36:42, 1].mean() < files.landmarks[42:48, 1].mean())


def _renumbered(faces: np.ndarray, used: np.ndarray, count: int) -> np.ndarray:
    number = np.full(count + 1, -1)                 # the last: what ends a triangle stays -1
    number[used] = np.arange(len(used))
    return number[faces]


def _landmarks(files: IndexFiles, cells: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(68, 4) vertices and weights: between the four cells around, or the nearest where one of them is missing."""
    place = files.landmarks * ((size - 1) / (files.side - 1))
    number = np.full((size + 1, size + 1), -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    low = np.floor(place + 1e-9).astype(int)
    share = np.clip(place - low, 0, 1)
    vertices, weights = np.zeros((68, 4), np.int32), np.zeros((68, 4), np.float32)
    for row, ((y, x), (v, u)) in enumerate(zip(low, share)):
        around = number[[y, y, y + 1, y + 1], [x, x + 1, x, x + 1]]
        mix = np.array([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u])
        if (around[mix > 1e-9] < 0).any():
            around, mix = np.array([np.abs(cells - place[row]).sum(1).argmin()] * 4), np.array([1.0, 0, 0, 0])
        vertices[row], weights[row] = np.maximum(around, 0), mix
    return vertices, weights


def _mirror(cells: np.ndarray, size: int) -> np.ndarray:
    """The vertex of the mirrored cell; a vertex without one is its own."""
    number = np.full((size, size), -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    other = number[cells[:, 0], size - 1 - cells[:, 1]]
    return np.where(other >= 0, other, np.arange(len(cells))).astype(np.int32)


def _mean_face(files: IndexFiles, cells: np.ndarray, size: int, places, ours: Topology) -> np.ndarray:
    """(N, 3) cm, canonical: PRNet's own mean face, laid onto ours by the landmarks; without it our mean face, carried
    over by splines through the landmarks in both maps (Bookstein, "Principal warps", PAMI 1989)."""
    vertices, weights = places
    marks = ours.landmarks(ours.mean_canonical.astype(np.float64))
    if files.canonical is not None:
        number = np.full((files.side, files.side), -1)
        number[tuple(files.texels.T)] = np.arange(len(files.texels))
        at = np.rint(cells * ((files.side - 1) / (size - 1))).astype(int)
        points = files.canonical[number[tuple(at.T)]] * [1, -1, -1 if _deep_nose(files, number) else 1]
        fit = fit_rigid((points[vertices] * weights[..., None]).sum(1), marks)
        return fit.scale * points @ fit.turn.T + fit.move
    knots = files.landmarks[:, ::-1] / (files.side - 1)
    flat = (ours.uvs[ours.landmark_vertices] * ours.landmark_weights[..., None]).sum(1)
    where = cells[:, ::-1] / (size - 1)
    bare = _spline(knots, marks, where)             # smooth, through the landmarks, without features
    there = _spline(knots, flat, where) * ours.size - 0.5
    own = ours.position_map(ours.mean_canonical)
    here = np.isfinite(own[..., 0])
    row, column = np.clip(np.rint(there[:, ::-1]).astype(int), 0, ours.size - 1).T
    inside = here[row, column] & (np.abs(there - np.stack([column, row], 1)) < 1).all(1)
    features = np.zeros((size, size, 3), np.float32)
    known = np.zeros((size, size), np.float32)
    filled = smooth_fill(np.nan_to_num(own), here.astype(np.float32))
    x, y = there.astype(np.float32).T[..., None]
    between = cv2.remap(filled, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    features[tuple(cells[inside].T)] = (between[:, 0] - bare)[inside]
    known[tuple(cells[inside].T)] = 1
    return bare + smooth_fill(features, known)[tuple(cells.T)]


def _deep_nose(files: IndexFiles, number: np.ndarray) -> bool:
    """Whether z grows away from the camera: the tip of the nose lies deeper than the ends of the jaw."""
    z = files.canonical[number[tuple(files.landmarks.T)], 2]
    return bool(z[30] < (z[0] + z[16]) / 2)


def _spline(knots: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Thin-plate spline through (K, 2) -> (K, D), at (N, 2)."""
    def bend(a, b):
        square = np.square(a[:, None] - b[None]).sum(-1)
        return square * np.log(np.maximum(square, 1e-12))
    count = len(knots)
    plain = np.c_[np.ones(count), knots]
    matrix = np.block([[bend(knots, knots) + SMOOTHNESS * np.eye(count), plain], [plain.T, np.zeros((3, 3))]])
    solved = np.linalg.lstsq(matrix, np.r_[values, np.zeros((3, values.shape[1]))], rcond=1e-12)[0]
    return np.concatenate([bend(part, knots) @ solved[:count] + np.c_[np.ones(len(part)), part] @ solved[count:]
                           for part in np.array_split(at, max(len(at) // BLOCK, 1))])


def _nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of (N, 3) the nearest of (M, 3), and how far it is."""
    found, away = [], []
    others = others.astype(np.float32)
    for part in np.array_split(points.astype(np.float32), max(len(points) // BLOCK, 1)):
        square = np.square(part).sum(1)[:, None] + np.square(others).sum(1) - 2 * part @ others.T
        found.append(square.argmin(1))
        away.append(np.sqrt(np.maximum(square.min(1), 0)))
    return np.concatenate(found), np.concatenate(away)


def _facemesh(mean: np.ndarray, ours: Topology) -> tuple[np.ndarray, np.ndarray]:
    """(478, 4): the vertex nearest to where FaceMesh's points lie on our mean face; none where it is far, as an
    iris."""
    points = ours.facemesh_points(ours.mean_canonical.astype(np.float64))
    there = np.isfinite(points[:, 0])
    nearest, away = _nearest(np.nan_to_num(points), mean)
    vertices, weights = np.zeros((len(points), 4), np.int32), np.zeros((len(points), 4), np.float32)
    vertices[:, 0] = nearest
    weights[there & (away < SAME_PLACE_CM), 0] = 1
    return vertices, weights
