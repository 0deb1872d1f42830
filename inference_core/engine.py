"""Running a network: LiteRT or TensorFlow behind one function. The only module that knows either."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from inference_core.crop import LANDMARK_CROP_SCALE, LANDMARK_CROP_UP, Crop
from inference_core.decoder import ShapeDecoder, read_decoder
from inference_core.errors import EngineError, WeightsError
from inference_core.paths import weights_dir as default_weights_dir
from inference_core.pose import NEAREST_CM, HeadPose, compose
from inference_core.quiet import quiet
from inference_core.topology import Topology
from inference_core.weights import FETCH, WeightsCard, WeightsFile, find_card

# name -> (module, what to install)
ENGINES = {"litert": ("ai_edge_litert", "ai-edge-litert"), "tensorflow": ("keras", "tensorflow-cpu")}
ROLE = {"litert": "litert", "tensorflow": "keras"}
MAX_THREADS = 64

Outputs = dict[str, np.ndarray]
Runner = Callable[[np.ndarray], Outputs]


@dataclass(frozen=True)
class Prediction:
    """position_map_crop (128, 128, 3) float32 in crop units; presence in [0, 1]: how sure the network is that a whole
    face fills the crop (1 where it does not say); canonical_map (128, 128, 3) float32 cm and pose in crop units, None
    where the network has none."""

    position_map_crop: np.ndarray
    presence: float
    canonical_map: np.ndarray | None = None
    pose: HeadPose | None = None


class Network:
    """A loaded network. `predict` may be called from any thread; calls wait for one another."""

    def __init__(self, card: WeightsCard, engine: str, run: Runner, decode: ShapeDecoder | None):
        self.card, self.engine, self.input_size = card, engine, card.input_size
        self._run, self._decode = run, decode
        self._scale, self._offset = np.float32(card.map_scale), np.float32(card.map_offset)
        self._lock = threading.Lock()

    @property
    def topology(self) -> Topology:
        """Of its position maps: that of its weights folder."""
        return self.card.topology

    @property
    def tells_presence(self) -> bool:
        """Whether the network says how sure it is of a face; else its presence is always 1."""
        return self._decode is not None

    @property
    def decoder(self) -> ShapeDecoder | None:
        """What makes canonical maps of this network's codes; None where it answers maps itself."""
        return self._decode

    def view(self, crop: Crop) -> Crop:
        """The part of a face's crop (`crop_from_landmarks`, `Detection.crop`) that this network was trained to see:
        as tight and as high as its card says."""
        lower = (LANDMARK_CROP_UP - self.card.crop_up) / LANDMARK_CROP_SCALE      # of a side; a face is as high as wide
        return crop.lowered(lower).scaled(self.card.crop_scale / LANDMARK_CROP_SCALE)

    def predict(self, crop_image: np.ndarray) -> Prediction:
        """crop_image (S, S, 3) uint8 RGB, S = input_size."""
        outputs = self._outputs(crop_image)
        if self._decode is None:
            return Prediction(next(iter(outputs.values()))[0] * self._scale - self._offset, 1.0)
        canonical = self._decode(outputs["code"][0])
        pose = pose_of_numbers(outputs["pose"][0])
        # in single precision: a third of the time, and a ten-millionth of the crop off
        single = replace(pose, rotation=pose.rotation.astype(np.float32))
        return Prediction(compose(canonical, single), _presence(outputs), canonical, pose)

    def presence(self, crop_image: np.ndarray) -> float:
        """`predict(crop_image).presence`, for a part of the time: nothing is decoded."""
        outputs = self._outputs(crop_image)
        return _presence(outputs) if self.tells_presence else 1.0

    def _outputs(self, crop_image: np.ndarray) -> Outputs:
        if crop_image.shape != (self.input_size, self.input_size, 3) or crop_image.dtype != np.uint8:
            raise ValueError(f"the network {self.card.name!r} takes ({self.input_size}, {self.input_size}, 3) uint8, "
                             f"not {crop_image.shape} {crop_image.dtype}")
        x = crop_image[None].astype(np.float32)         # in two steps: one that also converts takes far longer
        x *= np.float32(1 / 255)
        with self._lock:
            return self._run(x)


def _presence(outputs: Outputs) -> float:
    return 1 / (1 + math.exp(-min(max(float(outputs["presence"].item()), -60.0), 60.0)))


def pose_of_numbers(numbers: np.ndarray) -> HeadPose:
    """(10,): two columns of the rotation (made orthonormal; Zhou et al., "On the Continuity of Rotation
    Representations", CVPR 2019), log scale, shift x, y, inverse distance."""
    n = [float(number) for number in numbers]           # of so few numbers NumPy takes ten times as long
    first = _unit(n[0:3])
    along = sum(a * b for a, b in zip(first, n[3:6]))
    second = _unit([b - along * a for a, b in zip(first, n[3:6])])
    third = [first[i - 2] * second[i - 1] - first[i - 1] * second[i - 2] for i in range(3)]     # their cross product
    scale, nearness = math.exp(min(max(n[6], -50.0), 50.0)), min(max(n[9], 0.0), 1 / NEAREST_CM)
    return HeadPose(np.array([first, second, third]).T, scale, np.array(n[7:9]), nearness)


def _unit(v: list[float]) -> list[float]:
    length = math.sqrt(sum(a * a for a in v) + 1e-8)
    return [a / length for a in v]


def load_network(name: str = "default", engine: str = "litert", threads: int = 1,
                 weights_dir: str | Path | None = None) -> Network:
    """A network of a weights folder, verified; loaded once for the same arguments. "default" is the folder's default; a
    path instead of a name is a weights folder of its own, whose default is meant.

    Raises EngineError when the engine is unknown or not installed, WeightsError when the files are missing or altered.
    """
    if engine not in ENGINES:
        raise EngineError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}")
    if not 1 <= threads <= MAX_THREADS:
        raise EngineError(f"{threads} threads cannot be used; give 1 to {MAX_THREADS}")
    return _load(name, engine, threads, Path(weights_dir or default_weights_dir()))


def installed(engine: str) -> bool:
    """Whether an engine's package is installed."""
    return find_spec(ENGINES[engine][0]) is not None


@lru_cache(maxsize=8)
def _load(name: str, engine: str, threads: int, folder: Path) -> Network:
    card = find_card(name, folder)
    if not installed(engine):
        module, package = ENGINES[engine]
        others = [other for other in ENGINES if other != engine and installed(other)]
        instead = f", or use the engine {others[0]}" if others else ""
        raise EngineError(f"the engine {engine} is not installed (no module {module}); run: pip install {package}"
                          f"{instead}")
    start = _start_litert if engine == "litert" else _start_tensorflow
    run = _started(start, card.file(ROLE[engine]), threads, (1, card.input_size, card.input_size, 3))
    network = Network(card, engine, run, _decoder(card.file("decoder")) if card.kind == "encoder_decoder" else None)
    _try_out(network, card)
    return network


def _decoder(file: WeightsFile) -> ShapeDecoder:
    data = file.read()
    try:
        return read_decoder(data)
    except ValueError as error:
        raise WeightsError(f"{file.path}: {error}; {FETCH}") from error


def _started(start, file: WeightsFile, threads: int, shape: tuple[int, ...]) -> Runner:
    data = file.read()
    try:
        with quiet():                   # both engines tell on standard error what they are made of
            return start(data, threads, shape)
    except Exception as error:          # the engines raise many kinds, down to RuntimeError and OSError
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise EngineError(f"{file.path}: the engine cannot load this network ({cause}); update the engine's "
                          "package") from error


def _start_litert(data: bytes, threads: int, shape: tuple[int, ...]) -> Runner:
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_content=data, num_threads=threads)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    if tuple(entry["shape"]) != shape:
        raise ValueError(f"takes {tuple(entry['shape'])} where weights.json says {shape}")
    # looked up once: the signature runner looks everything up on every call
    signature = next(iter(interpreter.get_signature_list()))
    outputs = interpreter.get_signature_runner(signature).get_output_details()
    indices = {name: details["index"] for name, details in outputs.items()}

    def run(x: np.ndarray) -> Outputs:
        interpreter.set_tensor(entry["index"], x)
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in indices.items()}
    return run


def _start_tensorflow(data: bytes, threads: int, shape: tuple[int, ...]) -> Runner:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf
    from keras.models import load_model
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass                            # TensorFlow has started before: its threads stay as they are
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"       # what was verified is what is read
        path.write_bytes(data)
        model = load_model(path, compile=False)
    if tuple(model.inputs[0].shape[1:]) != shape[1:]:
        raise ValueError(f"takes {tuple(model.inputs[0].shape)} where weights.json says {shape}")
    specification = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32)
    names = None if isinstance(model.output, dict) else model.output_names[0]
    call = tf.function(lambda x: model(x, training=False), input_signature=[specification])

    def run(x: np.ndarray) -> Outputs:
        out = call(tf.constant(x))
        out = out if names is None else {names: out}
        return {name: value.numpy() for name, value in out.items()}
    return run


def _try_out(network: Network, card: WeightsCard) -> None:
    """One call at loading: a network that does not answer as its card says is refused here, not in the middle of
    work."""
    try:
        with quiet():
            size = network.predict(np.zeros((card.input_size, card.input_size, 3), np.uint8)).position_map_crop.shape
    except (KeyError, IndexError, ValueError) as error:
        raise WeightsError(f"{card.file(ROLE[network.engine]).path}: does not answer as a network of kind "
                           f"{card.kind!r} ({error}); fetch the weights folder again") from error
    side = network.topology.size
    if size != (side, side, 3):
        raise WeightsError(f"{card.file(ROLE[network.engine]).path}: answers {size}, not a position map of the "
                           f"topology's {side} x {side} cells; fetch the weights folder again")
