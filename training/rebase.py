"""Go on with another shape basis, from a shipped network, or with the clock set back: a checkpoint of training.train
rewritten for it.

    python -m training.rebase build/runs/OLD/checkpoint.npz --old build/basis.npz --new build/basis4.npz --minutes 61 \
        -o build/runs/NEW/checkpoint.npz

The last layer of the default network gets the weights that say the same shapes by the new basis, as nearly as it can;
the next run with that output folder and that basis goes on from there. --minutes sets the clock that decides the
learning rate. Without --old and --new only the clock is set.

    python -m training.rebase weights/lprnet2.keras --minutes 50 -o build/runs/NEW/checkpoint.npz

makes a checkpoint of a network file; its basis is its decoder: training.train --basis weights/lprnet2_decoder.npz.
An options.json of another run, or of another basis, beside the new checkpoint is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np                                                  # noqa: E402

from inference_core.errors import LPRNetError                       # noqa: E402
from inference_core.files import written_beside                     # noqa: E402
from inference_core.topology import load_topology                   # noqa: E402
from training.labels import OPENING_WEIGHT, label_mesh, opening_share      # noqa: E402
from training.networks import ShapeBasis, build                     # noqa: E402
from training.shape_basis import load_basis                         # noqa: E402


def change_of_basis(old: ShapeBasis, new: ShapeBasis, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """matrix (old, new), offset (new,): code @ matrix + offset says by the new basis what code says by the old, with
    the least squared error over vertices of these weights (V,)."""
    root = np.sqrt(weights)[:, None]
    flat = lambda moves: (moves * root).reshape(len(moves), -1).astype(np.float64)  # noqa: E731
    rows = np.concatenate([flat(old.basis), flat((old.mean - new.mean)[None])])
    onto = flat(new.basis)
    codes = np.linalg.solve(onto @ onto.T, onto @ rows.T).T
    return codes[:-1], codes[-1]


def rebased(arrays: dict[str, np.ndarray], matrix: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """A checkpoint's arrays with the code layer changed; what AdamW remembers of it starts anew, its step length kept."""
    weights = build("lprnet2").weights
    kernel = next(i for i, w in enumerate(weights) if w.path.startswith("code/kernel"))
    shape, out = tuple(weights[kernel].shape), dict(arrays)
    for group in ("weights", "average"):
        out[f"{group}_{kernel:04d}"] = (arrays[f"{group}_{kernel:04d}"] @ matrix).astype(np.float32)
        out[f"{group}_{kernel + 1:04d}"] = (arrays[f"{group}_{kernel + 1:04d}"] @ matrix + offset).astype(np.float32)
    # momentum and velocity of the kernel are the only arrays of its shape
    slots = [name for name in sorted(arrays) if name.startswith("head_") and arrays[name].shape == shape]
    if len(slots) != 2:
        raise ValueError(f"the checkpoint holds {len(slots)} arrays of the code layer's optimiser, not 2")
    momentum, velocity = slots
    out[momentum] = np.zeros(shape, np.float32)
    out[velocity] = np.repeat(arrays[velocity].mean(1, keepdims=True), shape[1], 1)
    return out


def begun_from(network_file: Path, still: int) -> dict[str, np.ndarray]:
    """A checkpoint's arrays with the weights of a .keras file of the default network; AdamW remembers nothing yet.

    still: stages of the encoder that the run will leave as they are. ValueError where its layers are others.
    """
    import keras
    from training.train import Trainer
    network = keras.models.load_model(network_file, compile=False)
    trainer = Trainer("lprnet2", None, False, network.inputs[0].shape[1], network_file, still)
    for layer in trainer.model.layers:
        if layer.weights:                               # by name: a shipped network has more (training.contacts)
            layer.set_weights(network.get_layer(layer.name).get_weights())
    for average, weight in zip(trainer.average, trainer.model.weights):
        average.assign(weight)
    trainer.state.trained_s, trainer.state.samples = learned_before(network_file)
    return trainer.arrays()


def learned_before(network_file: Path) -> tuple[float, int]:
    """Seconds and samples, as the weights.json beside a shipped network or the log.jsonl beside a run's says; 0 of
    another."""
    log, cards = (network_file.with_name(name) for name in ("log.jsonl", "weights.json"))
    if log.is_file() and (lines := log.read_text().splitlines()):
        last = json.loads(lines[-1])
        return 60.0 * last.get("trained_minutes", last["minutes"]), int(last["samples"])
    for card in json.loads(cards.read_text())["networks"] if cards.is_file() else ():
        if card["files"]["keras"]["path"] == network_file.name:
            return 60.0 * card["trained"]["minutes"], int(card["trained"]["samples"])
    return 0.0, 0


def _read(checkpoint: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(checkpoint, allow_pickle=False) as z:
            arrays = {name: z[name] for name in z.files}
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"cannot be read ({error}); give a checkpoint.npz of python -m training.train") from error
    if not {"step", "seconds", "weights_0000", "average_0000"} <= set(arrays):
        raise ValueError("is no checkpoint; give a checkpoint.npz of python -m training.train")
    return arrays


def _forget_options(options) -> None:
    """training.train goes on only with what the options.json beside its checkpoint says: of one that is no more it must
    not."""
    same_run = options.output.resolve().parent == options.checkpoint.resolve().parent and not options.old
    if options.output.name == "checkpoint.npz" and not same_run:
        options.output.with_name("options.json").unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint.npz, or the .keras file of a default network")
    parser.add_argument("--old", type=Path, metavar="FILE", help="basis that the checkpoint learned with")
    parser.add_argument("--new", type=Path, metavar="FILE", help="basis to go on with")
    parser.add_argument("--minutes", type=float, required=True, help="what the clock shall say")
    parser.add_argument("--still-stages", type=int, default=0, help="of a .keras file: as the run will be told")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if bool(options.old) != bool(options.new):
        parser.error("--old and --new go together")
    try:
        if options.checkpoint.suffix == ".keras":
            arrays = begun_from(options.checkpoint, options.still_stages)
        else:
            arrays = _read(options.checkpoint)
        if options.old:
            mesh = label_mesh()
            weights = 1 + (OPENING_WEIGHT - 1) * opening_share(load_topology(), mesh)
            arrays = rebased(arrays, *change_of_basis(load_basis(options.old), load_basis(options.new), weights))
        arrays["seconds"] = np.float64(60 * options.minutes)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(options.output) as beside:
            np.savez(beside, **arrays)
        _forget_options(options)
    except (LPRNetError, OSError, ValueError) as error:
        print(f"{options.checkpoint}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
