"""Export trained networks to the weights folder, as Keras and as LiteRT, each LiteRT file checked against Keras.

    python -m training.convert build/runs/main --basis build/basis.npz --scores build/scores.json -o weights

The weights are rounded to half precision first, so both files hold the same numbers, at half the size and without a
measurable loss. The batch is fixed to one: an open batch runs half again as long. weights.json is written last.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                    # noqa: E402
import tensorflow as tf         # noqa: E402

from inference_core.crop import LANDMARK_CROP_UP       # noqa: E402
from inference_core.paths import weights_dir                # noqa: E402
from inference_core.topology import Topology, load_topology  # noqa: E402
from training.labels import LabelMesh, label_mesh           # noqa: E402
from training.networks import ShapeBasis                    # noqa: E402
from training.shape_basis import load_basis                 # noqa: E402

TOLERANCE = 1e-4                # largest difference between LiteRT and Keras, in outputs of about one
# of files of 16-bit weights: where the converter folds batch norms into them they are rounded once more
HALF_TOLERANCE = 1e-3
LICENCE = {"lprnet": "CC0-1.0", "lprnet2": "Apache-2.0"}         # why: NOTICE
ATTRIBUTION = {
    "lprnet": ["face shapes: ICT-FaceKit (MIT)"],
    "lprnet2": ["face shapes: ICT-FaceKit (MIT)", "encoder initialised from MediaPipe FaceMesh (Apache-2.0)"]}
DEFAULT = "lprnet2"


def round_to_half(model: keras.Model) -> None:
    """Round every weight to what a 16-bit float holds."""
    model.set_weights([w.astype(np.float16).astype(np.float32) for w in model.get_weights()])


def save_keras(model: keras.Model, path: Path) -> None:
    """A .keras file, deflated (Keras itself stores without compression)."""
    plain, beside = path.with_suffix(".plain.keras"), path.with_suffix(".partial.keras")
    model.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name in source.namelist():
            # a fixed date: the same weights give the same bytes
            out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), source.read(name), zipfile.ZIP_DEFLATED)
    plain.unlink()
    os.replace(beside, path)


def save_litert(model: keras.Model, path: Path, half: bool = True) -> None:
    """A LiteRT file with frozen weights and a batch of one; half: weights stored as 16-bit floats."""
    specification = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name=model.inputs[0].name)
    named = (lambda out: out) if isinstance(model.output, dict) else (lambda out: {model.output_names[0]: out})
    module = tf.Module()
    # the raw variables: through Keras's own wrappers the converter does not find the weights
    module.held = [v.value for v in model.variables]
    module.run = tf.function(lambda x: named(model(x, training=False)), input_signature=[specification])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.run)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        litert = _convert(converter, half)
    beside = path.with_suffix(".partial")
    beside.write_bytes(litert)
    os.replace(beside, path)


def _convert(converter, half: bool) -> bytes:
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def largest_difference(model: keras.Model, path: Path, inputs: list[np.ndarray]) -> float:
    """Largest absolute difference of any output, Keras against the LiteRT file, relative to max(1, largest output)."""
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    worst = 0.0
    for x in inputs:
        interpreter.set_tensor(place, x)
        interpreter.invoke()
        lite = sorted((interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()), key=lambda a: a.size)
        truth = model(x, training=False)
        truth = list(truth.values()) if isinstance(truth, dict) else [truth]
        truth = sorted((np.array(t) for t in truth), key=lambda a: a.size)
        for a, b in zip(lite, truth, strict=True):
            worst = max(worst, float(np.abs(a - b).max() / max(1.0, np.abs(b).max())))
    return worst


def save_decoder(path: Path, basis: ShapeBasis, mesh: LabelMesh, topology: Topology) -> None:
    """The shape basis at the label vertices that the mesh uses, in 16 bit, and what each cell of the grid is made of;
    cells outside the mesh repeat their nearest mesh vertex."""
    size = topology.size
    index = np.full((size, size), -1)
    index[topology.cells[:, 0], topology.cells[:, 1]] = np.arange(len(topology.cells))
    empty = np.argwhere(index < 0)
    nearest = ((empty[:, None, :] - topology.cells[None, :, :]) ** 2).sum(2).argmin(1)
    index[tuple(empty.T)] = nearest
    used, sources = np.unique(mesh.sources, return_inverse=True)
    sources = sources.reshape(mesh.sources.shape)
    beside = path.with_suffix(".partial.npz")
    np.savez_compressed(beside, mean=basis.mean[used].astype(np.float32), basis=basis.basis[:, used].astype(np.float16),
                        sources=sources[index].astype(np.uint16), weights=mesh.weights[index].astype(np.float32))
    os.replace(beside, path)


def export(model: keras.Model, name: str, folder: Path, inputs: list[np.ndarray]) -> dict[str, dict]:
    """Write NAME.keras and NAME.tflite; returns {engine: file entry}. ValueError when they disagree."""
    round_to_half(model)
    keras_path, lite_path = folder / f"{name}.keras", folder / f"{name}.tflite"
    save_keras(model, keras_path)
    kept = keras.models.load_model(keras_path, compile=False)
    with tempfile.TemporaryDirectory() as aside:            # in 32 bit: whether the conversion itself is right
        exact = Path(aside) / lite_path.name
        save_litert(model, exact, half=False)
        _check(exact, largest_difference(kept, exact, inputs), TOLERANCE)
    save_litert(model, lite_path)
    difference = largest_difference(kept, lite_path, inputs)
    _check(lite_path, difference, HALF_TOLERANCE)
    print(f"{name}: {keras_path.stat().st_size / 1e6:.2f} MB Keras, {lite_path.stat().st_size / 1e6:.2f} MB LiteRT, "
          f"largest difference {difference:.1e}")
    return {"keras": file_entry(keras_path), "litert": file_entry(lite_path)}


def _check(path: Path, difference: float, tolerance: float) -> None:
    if not difference < tolerance:
        raise ValueError(f"{path}: differs from Keras by {difference:.1e}, more than {tolerance:.0e}")


def file_entry(path: Path) -> dict:
    return dict(path=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)


def write_cards(folder: Path, cards: list[dict]) -> None:
    """weights.json: the given cards replace those of the same name, others and the face detector stay."""
    path = folder / "weights.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    old, detector = known.get("networks", []), {key: known[key] for key in ("detector",) if key in known}
    names = {card["name"] for card in cards}
    networks = sorted([c for c in old if c["name"] not in names] + cards, key=lambda c: c["name"] != DEFAULT)
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(dict(format=1, default=DEFAULT, **detector, networks=networks), indent=1) + "\n")
    os.replace(beside, path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of training.train")
    parser.add_argument("--basis", type=Path, required=True)
    parser.add_argument("--network-file", default="averaged.keras", help="of the run: averaged.keras or stretched.keras")
    parser.add_argument("--scores", type=Path, help="JSON of training.evaluate to put on the card")
    parser.add_argument("-o", "--output", type=Path, default=weights_dir())
    options = parser.parse_args(arguments)
    run = json.loads((options.run / "options.json").read_text())
    log = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    model = keras.models.load_model(options.run / options.network_file, compile=False)
    name, size = run["network"], model.inputs[0].shape[1]
    topology = load_topology()
    rng = np.random.default_rng(0)
    pictures = [rng.random((1, size, size, 3), dtype=np.float32) for _ in range(4)]
    options.output.mkdir(parents=True, exist_ok=True)
    files = export(model, name, options.output, pictures)
    if name == DEFAULT:
        path = options.output / f"{name}_decoder.npz"
        save_decoder(path, load_basis(options.basis), label_mesh(), topology)
        files["decoder"] = file_entry(path)
    card = dict(
        name=name, kind="encoder_decoder" if name == DEFAULT else "position_map", input_size=size,
        crop=dict(scale=run["crop_side"], up=LANDMARK_CROP_UP), files=files, topology_sha256=topology.sha256,
        license=LICENCE[name], attribution=ATTRIBUTION[name],
        scores=json.loads(options.scores.read_text()) if options.scores else {},
        trained=dict(minutes=log[-1]["minutes"], samples=log[-1]["samples"], seed=run["seed"], cold=run["cold"]))
    write_cards(options.output, [card])


if __name__ == "__main__":
    main()
