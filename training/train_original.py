"""The original L-PRNet by its original schedule, on position maps made by training.w300lp. Called by training.train
--data.

    python -m training.train --data build/w300lp -o build/runs/original

Adam at 1e-4, halved every 5 epochs, batches of 16, 15 epochs, squared error times the weight mask, no augmentation
(Chevi, "L-PRNet"; the loss is PRNet's). A checkpoint is written every two minutes and at Ctrl-C: the same command goes
on from it, in the middle of an epoch too. At the end OUTPUT/weights is a weights folder for --weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                    # noqa: E402
import tensorflow as tf         # noqa: E402

from inference_core.errors import InputError, LPRNetError                       # noqa: E402
from inference_core.files import make_folder, written_beside                    # noqa: E402
from inference_core.original.architecture import LPRNET_SIZE, build_lprnet      # noqa: E402
from inference_core.original.index_files import read_index_files                # noqa: E402
from inference_core.original.weights_folder import write_weights_folder         # noqa: E402
from training.decoded import decoded                                            # noqa: E402
from training.mistakes import seed_number, told                                 # noqa: E402
from training.progress import Progress                                          # noqa: E402

RATE, HALVED_EVERY, EPOCHS, BATCH = 1e-4, 5, 15, 16
CHECKPOINT_S = 120
LATER = ("mask", "data")        # of what a checkpoint is about: those from before 30 November lack them
MAKE = "make it with python -m training.w300lp"


@dataclass(frozen=True, eq=False)
class MapData:
    """images (n, 128, 128, 3) uint8, maps (n, 128, 128, 3) uint16, both on the disk; mask (128, 128); yaw_deg (n,);
    sha256 of samples.json, which names the samples and how they were cut."""

    folder: Path
    images: np.ndarray
    maps: np.ndarray
    mask: np.ndarray
    yaw_deg: np.ndarray
    sha256: str


def open_maps(folder: Path, mask_file: Path | None = None) -> MapData:
    """What training.w300lp has written; mask_file: PRNet's uv_weight_mask.png instead of our own mask. Raises
    InputError."""
    try:
        samples = (folder / "samples.json").read_bytes()
        about = json.loads(samples)
        images, maps = (np.load(folder / name, mmap_mode="r", allow_pickle=False)
                        for name in ("images.npy", "maps.npy"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a folder of position maps ({error}); {MAKE}") from error
    if about.get("done") is not True:
        raise InputError(f"{folder}: not finished; give the same training.w300lp command again, it goes on")
    yaw = np.array(about["yaw_deg"], np.float64)
    shape = (len(yaw), LPRNET_SIZE, LPRNET_SIZE, 3)
    if images.shape != shape or maps.shape != shape or images.dtype != np.uint8 or maps.dtype != np.uint16:
        raise InputError(f"{folder}: images.npy and maps.npy are not of {shape}; {MAKE}")
    path = mask_file or folder / "weights.png"
    mask = decoded(path, cv2.IMREAD_GRAYSCALE)
    if mask is None or not mask.any():
        raise InputError(f"{path}: not a weight mask; {MAKE}, or give PRNet's uv_weight_mask.png")
    if mask.shape != shape[1:3]:
        mask = cv2.resize(mask, shape[1:3], interpolation=cv2.INTER_AREA)
    return MapData(folder, images, maps, mask.astype(np.float32), yaw, hashlib.sha256(samples).hexdigest())


def learning_rate(epoch: int) -> float:
    """Of an epoch, counted from 0."""
    return RATE * 0.5 ** (epoch // HALVED_EVERY)


class OriginalTrainer:
    """The network, its optimiser, and where in the schedule it stands: step counts batches from the start of the
    training."""

    def __init__(self, mask: np.ndarray) -> None:
        self.model, self.step = build_lprnet(), 0
        self.optimiser = keras.optimizers.Adam(RATE)
        self.optimiser.build(self.model.trainable_variables)
        self._mask = tf.constant(mask[None, ..., None] / mask.mean(), tf.float32)
        of = lambda kind: tf.TensorSpec((None, LPRNET_SIZE, LPRNET_SIZE, 3), kind)      # noqa: E731
        # for batches of any size: else the last of an epoch, which is smaller, has a graph built of its own
        self._update = tf.function(self._learn, input_signature=[of(tf.uint8), of(tf.uint16)])

    def learn(self, images: np.ndarray, maps: np.ndarray, rate: float) -> float:
        """One batch; the loss before it."""
        self.optimiser.learning_rate.assign(rate)
        self.step += 1
        return float(self._update(tf.constant(images), tf.constant(maps)))

    def _learn(self, images, maps):
        target = tf.cast(maps, tf.float32) / 65535
        with tf.GradientTape() as tape:
            answer = self.model(tf.cast(images, tf.float32) / 255, training=True)
            loss = tf.reduce_mean(self._mask * tf.square(answer - target))
        self.optimiser.apply(tape.gradient(loss, self.model.trainable_variables), self.model.trainable_variables)
        return loss

    def save(self, path: Path, about: dict) -> None:
        arrays = {f"v{i:04d}": np.array(v) for i, v in enumerate(self._variables())}
        with written_beside(path) as beside:
            np.savez(beside, step=self.step, about=json.dumps(about), **arrays)

    def load(self, path: Path, about: dict) -> None:
        try:
            with np.load(path, allow_pickle=False) as z:
                before = json.loads(str(z["about"]))
                if any(before[name] != about[name] for name in about if name in before or name not in LATER):
                    raise InputError(f"{path}: of a training with other data or options; give another output folder")
                for i, variable in enumerate(self._variables()):
                    variable.assign(z[f"v{i:04d}"])
                self.step = int(z["step"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: a damaged checkpoint ({error}); remove it to begin again") from error

    def _variables(self):
        return [*self.model.weights, *self.optimiser.variables]


def train(data: MapData, output: Path, epochs: int, batch: int, seed: int) -> bool:
    """Whether it came to its end; else it was stopped and can go on. Raises InputError."""
    make_folder(output)
    count, trainer, checkpoint = len(data.yaw_deg), OriginalTrainer(data.mask), output / "checkpoint.npz"
    about = dict(samples=count, batch=batch, seed=seed, mask=hashlib.sha256(data.mask.tobytes()).hexdigest(),
                 data=data.sha256)
    if checkpoint.is_file():
        trainer.load(checkpoint, about)
    a_epoch = -(-count // batch)
    stop: list[bool] = []
    before = [(s, signal.signal(s, lambda *_: stop.append(True))) for s in (signal.SIGINT, signal.SIGTERM)]
    progress, saved, losses = Progress("lprnet", epochs * a_epoch, "batch"), time.monotonic(), []
    try:
        while trainer.step < epochs * a_epoch and not stop:
            epoch, number = divmod(trainer.step, a_epoch)
            # the order of an epoch is its own: it can be gone on with from its middle
            rows = np.sort(np.random.default_rng([seed, epoch]).permutation(count)[number * batch:(number + 1) * batch])
            losses.append(trainer.learn(data.images[rows], data.maps[rows], learning_rate(epoch)))
            progress.advance(trainer.step, f"epoch {epoch + 1}, loss {np.mean(losses[-100:]):.2e}")
            if number == a_epoch - 1:
                line = dict(epoch=epoch + 1, loss=float(np.mean(losses)), rate=learning_rate(epoch))
                with (output / "log.jsonl").open("a") as log:
                    log.write(json.dumps(line) + "\n")
                losses = []
            if time.monotonic() - saved > CHECKPOINT_S:
                trainer.save(checkpoint, about)
                saved = time.monotonic()
    finally:
        progress.close()
        for s, handler in before:
            signal.signal(s, handler)
    trainer.save(checkpoint, about)
    if trainer.step < epochs * a_epoch:
        return False
    _write_weights(output / "weights", trainer.model, data)
    return True


def _write_weights(folder: Path, model: keras.Model, data: MapData) -> None:
    """In the place of one of fewer epochs, which stays until the new one is whole."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        whole = Path(beside) / folder.name
        write_weights_folder(whole, model, read_index_files(data.folder / "uv-data", LPRNET_SIZE))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(whole, folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="training.train", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of training.w300lp")
    parser.add_argument("--weight-mask", type=Path, metavar="PNG", help="PRNet's uv_weight_mask.png instead of our own")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--seed", type=seed_number, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.batch < 1:
        parser.error("--epochs and --batch must be 1 or more")
    keras.utils.set_random_seed(options.seed)
    done: list[bool] = []
    stopped = f"{options.output}: stopped; the same command goes on"
    # a ValueError in there is a fault of ours
    if code := told(lambda: done.append(_train(options)), (LPRNetError, OSError), stopped):
        return code
    print(f"{options.output / 'weights'}: done" if done[0] else stopped)
    return 0 if done[0] else 130


def _train(options) -> bool:
    data = open_maps(options.data, options.weight_mask)
    return train(data, options.output, options.epochs, options.batch, options.seed)


if __name__ == "__main__":
    sys.exit(main())
