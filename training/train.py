"""Train a network by the clock.

    python -m training.train --minutes 60 --pool build/pool/portraits-train-1=0.75 --pool build/pool/renders-train-1=0.25 \
        --heldout build/pool/portraits-heldout-1 --basis build/basis.npz --face-model FILE -o build/runs/main

Stops when the minutes are over (the learning rate falls to nothing just then), shows progress, keeps a moving average of
the weights, and writes a checkpoint every two minutes: the same command with the same output folder goes on from it.
Ctrl-C writes a checkpoint and stops. With --data, a folder of training.w300lp, it is the original's training instead: see
training/train_original.py.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                    # noqa: E402
import tensorflow as tf         # noqa: E402

from inference_core.errors import InputError, LPRNetError   # noqa: E402
from inference_core.files import make_folder, read_json, write_bytes, written_beside        # noqa: E402
from inference_core.topology import load_topology          # noqa: E402
from training import networks                               # noqa: E402
from training.augment import CROP_SIDE                      # noqa: E402
from training.average import SHARED                         # noqa: E402
from training.dataset import RELIT_SHARE, Dataset, batches               # noqa: E402
from training.encoder import facemesh_weights_file, warm_start      # noqa: E402
from training.face_model import load_face_model             # noqa: E402
from training.labels import label_mesh, training_points     # noqa: E402
from training.losses import MapLoss, ShapeLoss              # noqa: E402
from training.mistakes import existing, seed_number, told   # noqa: E402
from training.pool import open_pool                         # noqa: E402
from training.progress import Progress                      # noqa: E402
from training.relight import skin_of                        # noqa: E402
from training.render_check import openings_report           # noqa: E402
from training.shape_basis import load_basis                 # noqa: E402
from training.still_front import StillFront                 # noqa: E402

BATCH = 32
HEAD_RATE, ENCODER_RATE = 1e-3, 4e-4
LAST_RATE = 0.01                # share of the learning rate that is left at the end
WARM_UP = 0.01                  # share of the time
FROZEN = 0.06                   # share of the time in which a warm encoder is left alone
WEIGHT_DECAY, CLIP = 1e-4, 1.0
AVERAGE = 0.999                 # of the moving average, per step
RAMP = 50                       # steps in which AdamW, remembering nothing yet, is held back
CHECKPOINT_S, REPORT_S = 120, 600
MOST_STILL = 4                  # the head reads the maps of the fourth stage
MAX_NOTES = 1 << 20             # bytes of an options.json
LATER = {"trained_s": float, "samples": int}        # of a State: checkpoints from before 29 November lack them


@dataclass
class State:
    """What a checkpoint holds beside the weights. seconds: the clock that sets the learning rate; trained_s and samples:
    what these weights have learned from since they were FaceMesh's or random, earlier runs included (training.rebase)."""

    step: int = 0
    seconds: float = 0.0
    trained_s: float = 0.0
    samples: int = 0


class Trainer:
    """One network, its optimisers, its moving average, its checkpoint."""

    def __init__(self, name: str, loss, cold: bool, size: int, start: Path | None = None, still: int = 0) -> None:
        self.name, self.loss, self.size, self.state = name, loss, size, State()
        self.model = networks.build(name, size)
        self.warm = name == "lprnet2" and not cold or start is not None
        if start is not None:
            copy_layers(keras.models.load_model(existing(start, "the averaged.keras of a run"), compile=False), self.model)
        elif self.warm:
            warm_start(encoder_part(self.model), facemesh_weights_file())
        split = {id(v) for v in encoder_part(self.model).trainable_variables} if self.warm else set()
        self.still, self.front = still, None
        at_rest = tuple(f"s{stage}b" for stage in range(still)) + (("stem",) if still else ())
        for layer in self.model.layers:
            layer.trainable = not layer.name.startswith(at_rest)
        self.encoder = [v for v in self.model.trainable_variables if id(v) in split]
        self.head = [v for v in self.model.trainable_variables if id(v) not in split]
        self.optimisers = [keras.optimizers.AdamW(1e-3, weight_decay=WEIGHT_DECAY) for _ in range(2)]
        self.optimisers[0].build(self.head)
        self.optimisers[1].build(self.encoder)
        self.average = [tf.Variable(w, trainable=False) for w in self.model.weights]
        self._all = tf.function(lambda *arrays: self._step(True, *arrays))
        self._head_only = tf.function(lambda *arrays: self._step(False, *arrays))

    def step(self, batch, progress: float) -> dict[str, float]:
        """One update; progress in [0, 1] sets the learning rate. After first_stages() the batch holds its maps."""
        rate = schedule(progress) * min(1.0, (int(self.optimisers[0].iterations) + 1) / RAMP)
        self.optimisers[0].learning_rate.assign(HEAD_RATE * rate)
        self.optimisers[1].learning_rate.assign(ENCODER_RATE * rate)
        frozen = self.warm and progress < FROZEN
        self.state.step += 1
        self.state.samples += len(batch.image)
        keep = min(AVERAGE, (1 + self.state.step) / (10 + self.state.step))
        terms = (self._head_only if frozen else self._all)(
            batch.image, batch.canonical, batch.rotation, batch.place, batch.presence, tf.constant(keep, tf.float32))
        return {k: float(v) for k, v in terms.items()}

    def first_stages(self) -> StillFront | None:
        """What makes of pictures what the learning part of the network takes; None where all of it learns."""
        if self.still and self.front is None:           # not before the weights are there
            self.front = StillFront(self.model, self.still)
        return self.front

    def _step(self, everything: bool, entry, canonical, rotation, place, presence, keep):
        variables = self.head + (self.encoder if everything else [])
        with tf.GradientTape() as tape:
            outputs = (self.front.rest(entry, training=True) if self.front
                       else self.model(tf.cast(entry, tf.float32) / 255, training=True))
            terms = self.loss(outputs, canonical, rotation, place, presence)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(terms["total"], variables), CLIP)
        self.optimisers[0].apply(gradients[:len(self.head)], self.head)
        if everything and self.encoder:
            self.optimisers[1].apply(gradients[len(self.head):], self.encoder)
        for average, weight in zip(self.average, self.model.weights):
            average.assign(keep * average + (1 - keep) * tf.cast(weight, average.dtype))
        return terms

    def averaged(self, dataset: Dataset) -> keras.Model:
        """A copy of the network that holds the moving average."""
        model = networks.build(self.name, self.size)
        model.set_weights([a.numpy() for a in self.average])
        settle_norms(model, dataset)
        return model

    def arrays(self) -> dict[str, np.ndarray]:
        """What a checkpoint holds."""
        variables = {f"{group}_{i:04d}": np.array(v) for group, of in self._groups() for i, v in enumerate(of)}
        return {name: np.array(value) for name, value in vars(self.state).items()} | variables

    def save(self, path: Path) -> None:
        with written_beside(path) as beside:
            np.savez(beside, **self.arrays())

    def load(self, path: Path, batch: int = BATCH) -> None:
        """batch: of the steps, for checkpoints that do not count samples. Raises ValueError naming the file when it is none
        of this network's."""
        arrays = _read_checkpoint(path)
        variables = {f"{group}_{i:04d}": v for group, of in self._groups() for i, v in enumerate(of)}
        if set(arrays) - set(LATER) != {"step", "seconds", *variables} or any(
                arrays[name].shape != tuple(variable.shape) for name, variable in variables.items()):
            raise ValueError(f"{path}: is of another network, or of another number of --still-stages; give the options "
                             "it was made with, or another output folder")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        step, seconds = int(arrays["step"]), float(arrays["seconds"])
        later = [kind(arrays[name]) for name, kind in LATER.items() if name in arrays] or [seconds, step * batch]
        self.state = State(step, seconds, *later)

    def _groups(self):
        yield "weights", self.model.weights
        yield "average", self.average
        yield "head", self.optimisers[0].variables
        yield "encoder", self.optimisers[1].variables


def _read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as z:
            return {name: z[name] for name in z.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: a damaged checkpoint ({error}); remove it to begin again, or give another output "
                         "folder") from error


def encoder_part(model: keras.Model) -> keras.Model:
    """Of any network the layers that can have learned before: those up to its last feature maps."""
    last = ("s3b2_prelu", "s4b2_prelu", "s5b1_prelu") if model.name == "lprnet2" else ("block8_pointwise_relu",)
    return keras.Model(model.inputs[0], [model.get_layer(name).output for name in last])


def copy_layers(source: keras.Model, model: keras.Model) -> None:
    """Copy the encoder's weights of another network. ValueError where it lacks a layer."""
    for layer in encoder_part(model).layers:
        if layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def settle_norms(model: keras.Model, dataset: Dataset, count: int = 24, size: int = 64) -> None:
    """Measure the statistics of batch norms anew, on training crops: averaged weights give other activations than the
    average of what each of them gave (Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018)."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    rng = np.random.default_rng(0)
    kept = [layer.momentum for layer in norms]
    for number in range(count):
        for layer in norms:
            layer.momentum = number / (number + 1)          # the plain mean of all batches
        model(dataset.draw(rng, size).image.astype(np.float32) / 255, training=True)
    for layer, momentum in zip(norms, kept):
        layer.momentum = momentum


def schedule(progress: float) -> float:
    """Linear warm-up, then half a cosine down to LAST_RATE."""
    if progress < WARM_UP:
        return progress / WARM_UP + 1e-3
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * min(progress, 1.0)))


def heldout_report(model: keras.Model, name: str, dataset: Dataset, pool, loss, rows: np.ndarray) -> dict:
    """Openings and NME of the exact crops of held-out samples."""
    predicted, true, yaw = [], [], []
    for part in np.array_split(rows, max(len(rows) // 50, 1)):
        batch = dataset.steady(pool, part)
        outputs = model(batch.image.astype(np.float32) / 255, training=False)
        predicted.append(loss.predicted_landmarks(outputs))
        true.append(loss.true_landmarks(batch))
        yaw += [pool.head_pose(int(row)).yaw_pitch_roll_deg[0] for row in part]
    return openings_report(np.concatenate(predicted), np.concatenate(true), np.array(yaw))


def main(arguments: list[str] | None = None) -> int | None:
    given = sys.argv[1:] if arguments is None else arguments
    if any(argument.split("=")[0] == "--data" for argument in given):
        from training.train_original import main as train_original
        return train_original(arguments)
    options = _parse(arguments)
    keras.utils.set_random_seed(options.seed)
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    ready: list = []
    if code := told(lambda: ready.extend(_prepared(options))):
        return code
    return told(lambda: _go(*ready, options), (LPRNetError, OSError))       # a ValueError in there is a fault of ours


def _prepared(options) -> tuple[Trainer, Dataset, list]:
    """What the options name. One of MISTAKES where it cannot be read or does not fit together."""
    topology, mesh = load_topology(), label_mesh()
    points = training_points(topology, mesh, load_face_model(options.face_model).mirror)
    basis = load_basis(options.basis)
    loss = (MapLoss(basis.mean, basis.basis, points, mesh, topology) if options.network == "lprnet"
            else ShapeLoss(basis.mean, basis.basis, points))
    size = options.size if options.network == "lprnet2" else networks.LPRNET_SIZE
    pairs = [entry.rpartition("=") if "=" in entry else (entry, "=", "1") for entry in options.pool]
    shares = np.array([_share(share, path) for path, _, share in pairs])
    dataset = Dataset([open_pool(path) for path, _, _ in pairs], shares / shares.sum(), points, size, options.crop_side,
                      skin_of(topology, mesh) if options.relit_share else None, options.relit_share)
    heldout = [open_pool(path) for path in options.heldout]
    make_folder(options.output)
    checkpoint = options.output / "checkpoint.npz"
    if checkpoint.is_file():
        _refuse_other_options(options)
    trainer = Trainer(options.network, loss, options.cold, size, options.start, options.still_stages)
    if checkpoint.is_file():
        trainer.load(checkpoint, options.batch)
        print(f"{checkpoint}: going on after {trainer.state.step} steps, {trainer.state.seconds / 60:.1f} minutes")
    return trainer, dataset, heldout


def _refuse_other_options(options) -> None:
    """InputError where the checkpoint's codes or crops mean something else than the options say; without an
    options.json beside it nobody knows."""
    notes = options.output / "options.json"
    if not notes.is_file():
        return
    advice = "remove it if the checkpoint beside it is right"
    before = read_json(notes, MAX_NOTES, advice)
    if not isinstance(before, dict):
        raise InputError(f"{notes}: not what training.train has written; {advice}")
    for name in SHARED:
        had, has = before.get(name), getattr(options, name)
        # a path may be spelled otherwise
        same = had is None or (Path(str(had)).resolve() == has.resolve() if name == "basis" else had == has)
        if not same:
            raise InputError(f"{options.output}: its checkpoint was trained with --{name.replace('_', '-')} {had}, "
                             f"not {has}; give that, or another output folder")


def _share(text: str, path: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < np.inf:
        raise ValueError(f'--pool {path}={text}: "{text}" is no share; give a number above 0, as in {path}=0.7')
    return share


def _go(trainer: Trainer, dataset: Dataset, heldout: list, options) -> None:
    write_bytes(options.output / "options.json", json.dumps(vars(options), indent=1, default=str).encode())
    run(trainer, dataset, heldout, options)


def run(trainer: Trainer, dataset: Dataset, heldout: list, options) -> None:
    """Train until the clock says stop."""
    stop = []
    previous = [signal.signal(s, lambda *_: stop.append(True)) for s in (signal.SIGINT, signal.SIGTERM)]
    total = options.minutes * 60
    before, learned, start = trainer.state.seconds, trainer.state.trained_s, time.monotonic()
    saved = reported = start
    progress = Progress(options.network, total, "s")
    recent: list[dict] = []
    feed = batches(dataset, options.batch, options.seed + trainer.state.step, trainer.first_stages())
    try:
        while not stop and trainer.state.seconds < total:
            recent.append(trainer.step(next(feed), trainer.state.seconds / total))
            now = time.monotonic()
            trainer.state.seconds, trainer.state.trained_s = before + now - start, learned + now - start
            if len(recent) % 50 == 0:
                progress.advance(min(trainer.state.seconds, total), f"loss {_mean(recent[-50:])['total']:.3f}")
            if now - saved > CHECKPOINT_S:
                trainer.save(options.output / "checkpoint.npz")
                saved = now
            if now - reported > options.report_minutes * 60:
                _report(trainer, dataset, heldout, recent, options)
                recent, reported = [], time.monotonic()
        trainer.save(options.output / "checkpoint.npz")
        _report(trainer, dataset, heldout, recent, options)
        trainer.averaged(dataset).save(options.output / "averaged.keras")
    finally:
        progress.close()
        for s, handler in zip((signal.SIGINT, signal.SIGTERM), previous):
            signal.signal(s, handler)


def _report(trainer, dataset, heldout, recent, options) -> None:
    line = dict(step=trainer.state.step, minutes=round(trainer.state.seconds / 60, 2), samples=trainer.state.samples,
                trained_minutes=round(trainer.state.trained_s / 60, 2), loss=_mean(recent))
    model = trainer.averaged(dataset)
    for pool in heldout:
        rows = np.linspace(0, len(pool) - 1, min(len(pool), 500)).astype(int)
        line[pool.name] = heldout_report(model, trainer.name, dataset, pool, trainer.loss, rows)
    with (options.output / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    print("\n" + json.dumps(line))


def _mean(terms: list[dict]) -> dict:
    return {k: round(float(np.mean([t[k] for t in terms])), 4) for k in terms[0]} if terms else {}


def _parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("lprnet2", "lprnet", "lprnet_encoder"), default="lprnet2")
    parser.add_argument("--minutes", type=float, required=True, help="stop by the clock; counts resumed time too")
    parser.add_argument("--pool", action="append", required=True, help="folder of training.pool, =SHARE of each batch")
    parser.add_argument("--heldout", type=Path, action="append", default=[], help="pool to measure on")
    parser.add_argument("--basis", type=Path, required=True, help="file of training.shape_basis")
    parser.add_argument("--face-model", type=Path, required=True, help="face_model.npz or ICT-FaceKit's FaceXModel")
    parser.add_argument("--cold", action="store_true", help="random weights instead of FaceMesh's")
    parser.add_argument("--start", type=Path, help="averaged.keras whose encoder to start from: of lprnet_encoder for lprnet")
    parser.add_argument("--still-stages", type=int, default=0, metavar="N", help="leave the first N stages of the default "
                        "network's encoder as they are: they cost most, and have least to learn once it has been trained")
    parser.add_argument("--size", type=int, default=networks.LPRNET2_SIZE, help="input side of lprnet2 in pixels")
    parser.add_argument("--crop-side", type=float, default=CROP_SIDE, help="of the crop, in larger sides of the landmarks' box")
    parser.add_argument("--relit-share", type=float, default=RELIT_SHARE, help="of the faces that get another lamp")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--report-minutes", type=float, default=REPORT_S / 60)
    parser.add_argument("--seed", type=seed_number, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not 0 <= options.relit_share <= 1:
        parser.error("--relit-share must be 0 to 1")
    if options.still_stages and (options.network != "lprnet2" or not 0 < options.still_stages <= MOST_STILL):
        parser.error(f"--still-stages takes 0 to {MOST_STILL}, for the network lprnet2 alone")
    return options


if __name__ == "__main__":
    sys.exit(main())
