"""A Keras network as files of a weights folder, .keras and .tflite, each checked against the network itself.

The weights are rounded to half precision first, so both files hold the same numbers, at half the size and without a
measurable loss. The batch is fixed to one: an open batch runs half again as long.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

TOLERANCE = 1e-4                # largest difference between LiteRT and Keras, in outputs of about one
# of files of 16-bit weights: where the converter folds batch norms into them they are rounded once more
HALF_TOLERANCE = 1e-3


def export_network(model, name: str, folder: Path, inputs: list[np.ndarray]) -> tuple[dict[str, dict], float]:
    """Write NAME.keras and NAME.tflite; returns {engine: file entry} and their largest difference on the inputs (1, S,
    S, 3) float32. ValueError when they disagree."""
    import keras

    round_to_half(model)
    keras_path, lite_path = folder / f"{name}.keras", folder / f"{name}.tflite"
    save_keras(model, keras_path)
    kept = keras.models.load_model(keras_path, compile=False)
    with tempfile.TemporaryDirectory() as aside:
        saved, exact = Path(aside) / "saved", Path(aside) / lite_path.name
        _save_for_converter(model, saved)
        _write_litert(saved, exact, half=False)             # in 32 bit: whether the conversion itself is right
        _check(exact, largest_difference(kept, exact, inputs), TOLERANCE)
        _write_litert(saved, lite_path, half=True)
    difference = largest_difference(kept, lite_path, inputs)
    _check(lite_path, difference, HALF_TOLERANCE)
    return {"keras": file_entry(keras_path), "litert": file_entry(lite_path)}, difference


def round_to_half(model) -> None:
    """Round every weight to what a 16-bit float holds."""
    model.set_weights([w.astype(np.float16).astype(np.float32) for w in model.get_weights()])


def save_keras(model, path: Path) -> None:
    """A .keras file, deflated (Keras itself stores without compression)."""
    plain, beside = path.with_suffix(".plain.keras"), path.with_suffix(".partial.keras")
    model.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name in source.namelist():
            # a fixed date: the same weights give the same bytes
            out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), source.read(name), zipfile.ZIP_DEFLATED)
    plain.unlink()
    os.replace(beside, path)


def save_litert(model, path: Path, half: bool = True) -> None:
    """A LiteRT file with frozen weights and a batch of one; half: weights stored as 16-bit floats."""
    with tempfile.TemporaryDirectory() as aside:
        _save_for_converter(model, Path(aside))
        _write_litert(Path(aside), path, half)


def _save_for_converter(model, folder: Path) -> None:
    """The network with a batch of one as a SavedModel, which costs as much as what the converter makes of it."""
    import tensorflow as tf

    specification = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name=model.inputs[0].name)
    names = None if isinstance(model.output, dict) else model.output_names[0]
    module = tf.Module()
    # the raw variables: through Keras's own wrappers the converter does not find the weights
    module.held = [v.value for v in model.variables]

    def run(x):
        out = model(x, training=False)
        return out if names is None else {names: out}

    module.run = tf.function(run, input_signature=[specification])
    tf.saved_model.save(module, str(folder), signatures=module.run)


def _write_litert(saved: Path, path: Path, half: bool) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    litert = converter.convert()
    beside = path.with_suffix(".partial")
    beside.write_bytes(litert)
    os.replace(beside, path)


def largest_difference(model, path: Path, inputs: list[np.ndarray]) -> float:
    """Largest absolute difference of any output, Keras against the LiteRT file, relative to max(1, largest output)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    worst = 0.0
    for x in inputs:
        interpreter.set_tensor(place, x)
        interpreter.invoke()
        answers = (interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details())
        lite = sorted(answers, key=lambda a: a.size)
        truth = model(x, training=False)
        truth = list(truth.values()) if isinstance(truth, dict) else [truth]
        truth = sorted((np.array(t) for t in truth), key=lambda a: a.size)
        for a, b in zip(lite, truth, strict=True):
            worst = max(worst, float(np.abs(a - b).max() / max(1.0, np.abs(b).max())))
    return worst


def file_entry(path: Path) -> dict:
    """What weights.json says of a file."""
    return dict(path=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)


def _check(path: Path, difference: float, tolerance: float) -> None:
    if not difference < tolerance:
        raise ValueError(f"{path}: differs from Keras by {difference:.1e}, more than {tolerance:.0e}")
