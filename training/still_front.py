"""The encoder's first stages when they do not learn: as a LiteRT file, which takes a tenth of their time in training."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from inference_core.original.network_files import save_litert
from training.encoder import BLOCKS


def last_of_stage(stages: int) -> str:
    """The layer of training.encoder behind so many stages."""
    return f"s{stages - 1}b{BLOCKS[stages - 1] - 1}_prelu"


class StillFront:
    """Call with pictures (B, S, S, 3) uint8 for the maps (B, h, w, C) float32 behind the first stages; `rest` is the
    remaining network, which takes them and shares its layers with the whole."""

    def __init__(self, model: keras.Model, stages: int) -> None:
        from ai_edge_litert.interpreter import Interpreter
        maps = model.get_layer(last_of_stage(stages)).output
        self.rest = keras.Model(maps, model.output)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "front.tflite"
            save_litert(keras.Model(model.inputs[0], maps), file, half=False)
            self._interpreter = Interpreter(model_content=file.read_bytes(), num_threads=1)
        self._interpreter.allocate_tensors()
        self._entry = self._interpreter.get_input_details()[0]["index"]
        self._maps = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        return np.concatenate([self._one(picture) for picture in pictures])

    def _one(self, picture: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._entry, picture[None].astype(np.float32) / 255)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._maps)
