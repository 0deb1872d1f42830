"""Networks of a few numbers that go through the real export: quick to build, and every answer is known beforehand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

SIZES = {"lprnet2": 64, "lprnet": 128}
CODE = 4
RIGHTWARDS = (0.03125, 0.015625, -0.0078125)      # how far red, green and blue move the face of lprnet2 to the right
REST = np.array([1, 0, 0, 0, 1, 0, -3.1953125, 0.5, 0.40625, 0.014007568359375], np.float32)


def make_weights(folder: Path, topology_file: Path) -> Path:
    """Writes topology.npz, weights.json, and lprnet2 and lprnet as Keras and LiteRT; returns the folder.

    Both answer the mean face in the middle of the crop, moved a little by the crop's colours. lprnet2 says that a face
    is there where the crop is brighter than a twentieth of white.
    """
    import keras
    from keras import layers

    from inference_core.topology import load_topology
    from training import convert
    from training.detector import add_detector
    from training.labels import LabelMesh
    from training.networks import ShapeBasis

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(topology_file, folder)
    topology, rng = load_topology(topology_file), np.random.default_rng(0)
    pictures = lambda size: [rng.random((1, size, size, 3), dtype=np.float32)]  # noqa: E731

    image = keras.Input((SIZES["lprnet2"], SIZES["lprnet2"], 3), name="image")
    seen = layers.GlobalAveragePooling2D()(image)
    outputs = {"code": layers.Dense(CODE, name="code")(seen), "pose": layers.Dense(10, name="pose")(seen),
               "presence": layers.Dense(1, name="presence")(seen)}
    encoder = keras.Model(image, outputs, name="lprnet2")
    encoder.get_layer("code").set_weights([rng.normal(0, 1, (3, CODE)), np.zeros(CODE)])
    moves = rng.normal(0, 0.01, (3, 10))
    moves[:, 7] = RIGHTWARDS
    encoder.get_layer("pose").set_weights([moves, REST])
    encoder.get_layer("presence").set_weights([np.full((3, 1), 20.0), np.array([-3.0])])
    mean = topology.mean_canonical
    basis = ShapeBasis(mean, rng.normal(0, 0.01, (CODE, *mean.shape)).astype(np.float32))
    alone = LabelMesh(np.arange(len(mean))[:, None].repeat(3, 1), np.float32([[1, 0, 0]]).repeat(len(mean), 0))

    image = keras.Input((SIZES["lprnet"], SIZES["lprnet"], 3), name="image")
    share = (rest_map(topology) + [0.05, 0.05, 0.55]) / 1.1
    flat = layers.Dense(share.size, activation="sigmoid", name="dense")(layers.GlobalAveragePooling2D()(image))
    whole = keras.Model(image, layers.Reshape(share.shape, name="position_map")(flat), name="lprnet")
    whole.get_layer("dense").set_weights([rng.normal(0, 0.01, (3, share.size)), np.log(share / (1 - share)).ravel()])

    files = convert.export(encoder, "lprnet2", folder, pictures(SIZES["lprnet2"]))
    convert.save_decoder(folder / "lprnet2_decoder.npz", basis, alone, topology)
    files["decoder"] = convert.file_entry(folder / "lprnet2_decoder.npz")
    single = convert.export(whole, "lprnet", folder, pictures(SIZES["lprnet"]))
    convert.write_cards(folder, [_card("lprnet2", "encoder_decoder", files, topology),
                                 _card("lprnet", "position_map", single, topology)])
    shipped = Path(__file__).parents[1] / "weights" / "face_detector.tflite"
    add_detector(shipped.read_bytes(), folder)
    return folder


def rest_map(topology) -> np.ndarray:
    """(128, 128, 3) crop units: the mean face in the middle of the crop; the middle itself where no vertex is."""
    from inference_core.engine import pose_of_numbers
    from inference_core.pose import compose
    flat = topology.position_map(compose(topology.mean_canonical, pose_of_numbers(REST)))
    return np.where(np.isnan(flat), [0.5, 0.5, 0.0], flat)


def _card(name: str, kind: str, files: dict, topology) -> dict:
    return dict(name=name, kind=kind, input_size=SIZES[name], crop=dict(scale=1.5, up=0.08), files=files,
                topology_sha256=topology.sha256, license="CC0-1.0", attribution=["a test"],
                scores={"HELEN": {"n": 3, "nme68": 4.5}}, trained={"minutes": 0.0})
