"""Made-up files in the exact formats of the original: lprnet_128's checkpoint, and PRNet's UV index files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# as lprnet_128 has them: kind of layer, and the shape of its kernel
CONVOLUTION, DEPTHWISE, NORM = "kernel", "depthwise_kernel", "norm"


def layers_of_lprnet_128() -> list[tuple[str, tuple[int, ...]]]:
    """Written down from variables.index of the published checkpoint, not from our architecture."""
    out = [(CONVOLUTION, (3, 3, 3, 32)), (NORM, (32,))]
    before = 32
    for width in (64, 64, 128, 128, 256, 256, 512, 512):
        out += [(DEPTHWISE, (3, 3, before, 1)), (NORM, (before,)),
                (CONVOLUTION, (1, 1, before, width)), (NORM, (width,))]
        before = width
    for width in (512, 256, 128, 64, 32):
        out += [(CONVOLUTION, (3, 3, width, before)), (NORM, (width,))]
        before = width
    return out + [(CONVOLUTION, (3, 3, 3, 32))]


def tensors_of_lprnet_128(seed: int = 0) -> dict[str, np.ndarray]:
    rng, out = np.random.default_rng(seed), {}
    name = "layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE".format
    for number, (kind, shape) in enumerate(layers_of_lprnet_128()):
        if kind == NORM:
            parts = dict(gamma=rng.uniform(0.5, 1.5, shape), beta=rng.normal(0, 0.1, shape),
                         moving_mean=rng.normal(0, 0.1, shape), moving_variance=rng.uniform(0.5, 1.5, shape))
        else:
            transposed = kind == CONVOLUTION and number >= 34
            wide = shape[-2] if transposed or kind == DEPTHWISE else shape[-1]
            fan = np.prod(shape[:2]) * (1 if kind == DEPTHWISE else shape[-1] if transposed else shape[-2])
            parts = {kind: rng.normal(0, fan ** -0.5, shape), "bias": rng.normal(0, 0.1, wide)}
        out |= {name(number, part): value.astype(np.float32) for part, value in parts.items()}
        # what the optimiser kept, which nobody needs
        out[name(number, f"{next(iter(parts))}/.OPTIMIZER_SLOT/optimizer/m")] = np.zeros(3, np.float32)
    return out


def write_checkpoint(folder: Path, tensors: dict[str, np.ndarray]) -> Path:
    """As a SavedModel lays it: variables/variables.index and its data; saved_model.pb is there and never read."""
    import tensorflow as tf
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"a graph that is never read")
    tf.raw_ops.SaveV2(prefix=str(folder / "variables" / "variables"), tensor_names=list(tensors),
                      shape_and_slices=[""] * len(tensors), tensors=[tf.constant(value) for value in tensors.values()])
    return folder


def write_index_files(folder: Path, side: int, *, mirrored: bool = False, canonical: bool = False) -> Path:
    """A face in a disc of the map, its landmarks where a face has them; numbers as PRNet writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.mgrid[:side, :side] / (side - 1)
    valid = np.hypot((row - 0.5) / 0.49, (column - 0.5) / 0.47) < 1
    number = np.full((side, side), -1)
    number[valid] = np.arange(valid.sum())
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    whole = (np.stack([a, b, c, d]) >= 0).all(0)
    # half of them seen from inside, as nobody promises otherwise
    triangles = np.concatenate([np.stack([a, b, c], -1)[whole], np.stack([d, c, a], -1)[whole]])
    places = landmark_places()
    if mirrored:
        places = places * [1, -1] + [0, 1]
    marks = np.rint(places * (side - 1))
    np.savetxt(folder / "face_ind.txt", np.flatnonzero(valid))
    np.savetxt(folder / "triangles.txt", triangles)
    np.savetxt(folder / "uv_kpt_ind.txt", marks.T[::-1])
    if canonical:
        x, y = (column[valid] - 0.5) * 160, (row[valid] - 0.45) * 200
        z = 90 - (x / 80)**2 * 50 - (y / 100)**2 * 30 + 22 * np.exp(-(x / 14)**2 - ((y - 10) / 30)**2)
        np.save(folder / "canonical_vertices.npy", np.stack([x + 128, y + 128, z], 1))
    return folder


def landmark_places() -> np.ndarray:
    """(68, 2) row, column in [0, 1]: our own mean face, seen from the front and rolled out a little at the sides."""
    from inference_core.topology import load_topology
    topology = load_topology()
    x, y, z = topology.landmarks(topology.mean_canonical).astype(np.float64).T
    across = np.arctan2(x, z - z.min() + 6.0)
    return np.stack([0.12 + 0.74 * (y.max() - y) / np.ptp(y), 0.5 + 0.4 * across / np.abs(across).max()], 1)


def steady_network(topology_file: bytes, folder: Path, size: int):
    """A keras.Model that answers the mean face of a topology in the middle of whatever it sees, as PRNet scales
    maps."""
    import keras
    from keras import layers

    from inference_core.pose import HeadPose, compose
    from inference_core.topology import load_topology
    path = folder / "of_network.npz"
    path.write_bytes(topology_file)
    topology = load_topology(path)
    pose = HeadPose(np.eye(3), 0.04, np.array([0.5, 0.42]), 0.0)
    face = compose(topology.mean_canonical.astype(np.float64), pose) * size - [0.5, 0.5, 0]     # pixels of the crop
    face[:, 2] -= face[:, 2].min() - 0.05 * size
    share = np.where(np.isnan(whole := topology.position_map(face / (size * 1.1))), 0.5, whole)
    assert 0 < share.min() and share.max() < 1
    image = keras.Input((size, size, 3), name="image")
    flat = layers.Dense(share.size, activation="sigmoid", name="dense")(layers.GlobalAveragePooling2D()(image))
    model = keras.Model(image, layers.Reshape(share.shape, name="position_map")(flat), name="steady")
    model.get_layer("dense").set_weights([np.zeros((3, share.size)), np.log(share / (1 - share)).ravel()])
    return model
