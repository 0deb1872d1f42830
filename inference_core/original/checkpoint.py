"""Reads the weights of the original `lprnet_128`, a SavedModel of TensorFlow 2.2, out of its checkpoint.

Its graph is never loaded nor run: only numbers are read, by name, each of the shape that the architecture has. The
names are those of Keras's tracking, layer_with_weights-0 to 44 in the order of the layers; the optimiser's are left
alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.errors import WeightsError
from inference_core.quiet import quiet

VARIABLES, INDEX, DATA = "variables", "variables.index", "variables.data-*"
MAX_INDEX_BYTES, MAX_DATA_BYTES, MAX_SHARDS = 4 << 20, 256 << 20, 16
NAME = "layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"
GIVE = "give the folder lprnet_128 of L-PRNet's repository, with saved_model.pb and variables/ in it"


def read_lprnet_128(folder: Path):
    """A keras.Model of the architecture with the checkpoint's weights. Raises WeightsError."""
    from inference_core.original.architecture import build_lprnet

    model = build_lprnet()
    found = _open(folder)
    shapes = found.get_variable_to_shape_map()
    layers = [layer for layer in model.layers if layer.weights]
    extra = NAME.format(len(layers), "")[:-len("/.ATTRIBUTES/VARIABLE_VALUE")]
    if any(name.startswith(extra) for name in shapes):
        raise WeightsError(f"{folder}: has more layers with weights than the {len(layers)} of lprnet_128; {GIVE}")
    wanted = {(layer.name, weight.name): (NAME.format(number, _kept_as(layer, weight.name)), tuple(weight.shape))
              for number, layer in enumerate(layers) for weight in layer.weights}
    for (layer_name, _), (name, shape) in wanted.items():   # all of them, before any number is read
        if name not in shapes:
            raise WeightsError(f"{folder}: holds no {name} ({layer_name} of lprnet_128); {GIVE}")
        if tuple(shapes[name]) != shape:
            raise WeightsError(f"{folder}: {name} has the shape {tuple(shapes[name])}, where lprnet_128 has {shape}; "
                               f"{GIVE}")
    for layer in layers:
        layer.set_weights([_read(folder, found, *wanted[layer.name, weight.name]) for weight in layer.weights])
    return model


def _kept_as(layer, weight: str) -> str:
    """The name that Keras 2 gave a weight."""
    return "depthwise_kernel" if weight == "kernel" and type(layer).__name__ == "DepthwiseConv2D" else weight


def _open(folder: Path):
    variables = folder / VARIABLES
    try:
        if not (variables / INDEX).is_file():
            raise WeightsError(f"{folder}: not a SavedModel (no {VARIABLES}/{INDEX} in it); {GIVE}")
        shards = sorted(variables.glob(DATA))
        if not shards or len(shards) > MAX_SHARDS or sum(path.stat().st_size for path in shards) > MAX_DATA_BYTES \
                or (variables / INDEX).stat().st_size > MAX_INDEX_BYTES:
            raise WeightsError(f"{variables}: its data files are not there or larger than lprnet_128 can be "
                               f"({MAX_DATA_BYTES >> 20} MB); {GIVE}")
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be read ({error.strerror or error}); {GIVE}") from error
    try:
        with quiet():
            import tensorflow as tf
            return tf.train.load_checkpoint(str(variables / "variables"))
    except ImportError as error:
        raise WeightsError("TensorFlow is needed to read the original's weights and is not installed; run: pip install "
                           "tensorflow-cpu") from error
    except Exception as error:          # TensorFlow raises many kinds on a damaged file
        raise _damaged(folder, error) from error


def _read(folder: Path, found, name: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        value = np.asarray(found.get_tensor(name))
    except Exception as error:          # as above: a missing shard, a wrong checksum
        raise _damaged(folder, error) from error
    if value.shape != shape or value.dtype != np.float32 or not np.isfinite(value).all():
        raise WeightsError(f"{folder}: {name} holds a number that is none, or is no float32; fetch the folder again")
    return value


def _damaged(folder: Path, error: Exception) -> WeightsError:
    cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return WeightsError(f"{folder}: the checkpoint is damaged or not whole ({cause}); fetch the folder again")
