"""MediaPipe FaceMesh's landmark network, run over a clip as MediaPipe runs it: each crop from the last frame's points.
To compare with; its file is read from the mediapipe wheel (make training-environment)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference_core.crop import Crop, crop_around
from inference_core.errors import InputError
from inference_core.quiet import quiet
from training.fitting import OUTER_CORNERS

SIZE = 192
CROP_SCALE = 1.5                # MediaPipe's own margin about the points' box


def facemesh_file() -> Path:
    """Raises InputError where the wheel, or what reads it, is not installed."""
    try:
        with quiet():
            from training.encoder import facemesh_weights_file
        return facemesh_weights_file()
    except FileNotFoundError as error:
        raise InputError(f"FaceMesh's network is not there to compare with ({error})") from error
    except ModuleNotFoundError as error:
        raise InputError(f"the module {error.name} is not installed; run: make training-environment") from error


class FaceMesh:
    """Points (468, 3) in image pixels, x right, y down, z towards the camera."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter
        with quiet():
            self._interpreter = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
        self._entry = self._interpreter.get_input_details()[0]["index"]
        self._output = next(d["index"] for d in self._interpreter.get_output_details() if d["shape"][-1] == 1404)

    def points(self, image: np.ndarray, crop: Crop) -> np.ndarray:
        """Of one picture (H, W, 3) uint8 RGB."""
        picture = crop.cut(image, SIZE).astype(np.float32) / 255
        self._interpreter.set_tensor(self._entry, picture[None])
        self._interpreter.invoke()
        points = self._interpreter.get_tensor(self._output).reshape(-1, 3) / SIZE
        return crop.to_image(points * [1, 1, -1]).astype(np.float64)

    def follow(self, images: list[np.ndarray], box: tuple[float, float, float, float]) -> np.ndarray:
        """(n, 468, 3) of a face that is never lost. box: of the face in the first picture, where it starts."""
        side = CROP_SCALE * max(box[2] - box[0], box[3] - box[1])
        crop = crop_around(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), side, 0.0)
        for _ in range(2):
            crop = crop_of(self.points(images[0], crop))
        out = []
        for image in images:
            out.append(self.points(image, crop))
            crop = crop_of(out[-1])
        return np.stack(out)


def crop_of(points: np.ndarray) -> Crop:
    """The square that MediaPipe cuts around points (n, >= 2) in pixels, the eyes level."""
    across = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    turn = -float(np.arctan2(across[1], across[0]))
    return crop_around((low + high) / 2, CROP_SCALE * float((high - low).max()), turn)
