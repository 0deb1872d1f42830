"""The encoder of the default network: MediaPipe FaceMesh's residual depthwise blocks, warm or cold.

The layers are those of `face_landmark.tflite` (Apache-2.0, in the `mediapipe` wheel) up to its last branch; a warm start
copies that file's weights. Fully convolutional, so any input size does.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

WIDTHS = (16, 32, 64, 128, 128, 128)    # channels of each stage; each stage halves the side
BLOCKS = (2, 3, 3, 3, 3, 2)             # residual blocks of each stage
WEIGHTS_FILE = "modules/face_landmark/face_landmark.tflite"


def build_encoder(size: int) -> keras.Model:
    """Image (size, size, 3) in [0, 1] -> the maps at 1/16, 1/32 and 1/64 of the side, 128 channels each."""
    image = keras.Input((size, size, 3), name="image")
    x = layers.Conv2D(WIDTHS[0], 3, strides=2, padding="same", name="stem")(image)
    x = layers.PReLU(shared_axes=[1, 2], name="stem_prelu")(x)
    stages = []
    for stage, (width, blocks) in enumerate(zip(WIDTHS, BLOCKS)):
        for block in range(blocks):
            x = _residual_block(x, width, halve=stage > 0 and block == 0, name=f"s{stage}b{block}")
        stages.append(x)
    return keras.Model(image, stages[3:], name="encoder")


def _residual_block(x, width: int, *, halve: bool, name: str):
    skip = layers.MaxPooling2D(2, 2, "same", name=f"{name}_pool")(x) if halve else x
    if x.shape[-1] != width:
        skip = keras.ops.pad(skip, [[0, 0], [0, 0], [0, 0], [0, width - x.shape[-1]]])
    y = layers.DepthwiseConv2D(3, strides=2 if halve else 1, padding="same", name=f"{name}_depthwise")(x)
    y = layers.Conv2D(width, 1, name=f"{name}_pointwise")(y)
    return layers.PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(layers.Add(name=f"{name}_add")([skip, y]))


def facemesh_weights_file() -> Path:
    """The network file in the installed `mediapipe` wheel (0.10.21 or older: newer wheels hold no models)."""
    from importlib.util import find_spec
    spec = find_spec("mediapipe")
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE if spec else None
    if path is None or not path.is_file():
        raise FileNotFoundError("a warm start reads FaceMesh's weights from the mediapipe wheel: "
                                "pip install --no-deps mediapipe==0.10.21, or train with --cold")
    return path


def warm_start(encoder: keras.Model, path: Path) -> None:
    """Copy FaceMesh's weights into an encoder of `build_encoder`. ValueError when the file's layers differ."""
    weighted = [layer for layer in encoder.layers if layer.weights]
    operators = _weighted_operators(path)
    for layer in weighted:
        kind, arrays = next(operators)
        expected = {"Conv2D": "CONV_2D", "DepthwiseConv2D": "DEPTHWISE_CONV_2D", "PReLU": "PRELU"}
        if expected[type(layer).__name__] != kind:
            raise ValueError(f"{path}: expected weights for {layer.name}, found a {kind}; use mediapipe 0.10.21's file")
        if kind == "PRELU":
            arrays = [arrays[0].reshape(1, 1, -1)]
        else:
            arrays[0] = arrays[0].transpose(1, 2, 3, 0)
        layer.set_weights(arrays)


def _weighted_operators(path: Path):
    """(operator name, constant inputs as float32) of each operator with weights, in the file's order."""
    import tflite
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    constants = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength() and tensor.Type() in (tflite.TensorType.FLOAT16, tflite.TensorType.FLOAT32):
            kind = np.float16 if tensor.Type() == tflite.TensorType.FLOAT16 else np.float32
            constants[index] = np.frombuffer(buffer.DataAsNumpy().tobytes(), kind).reshape(tensor.ShapeAsNumpy())
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        inputs = [operator.Inputs(place) for place in range(operator.InputsLength())]
        if name == "DEQUANTIZE":
            constants[operator.Outputs(0)] = constants[inputs[0]].astype(np.float32)
        elif name in ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU"):
            yield name, [constants[i] for i in inputs[1:]]
