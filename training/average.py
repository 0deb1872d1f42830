"""One network from several runs that go back to the same one: the mean of their weights.

    python -m training.average build/runs/ONE build/runs/OTHER -o build/runs/BOTH

What two runs got wrong by chance cancels, at no cost in time (Wortsman et al., "Model soups", ICML 2022). It holds only for
runs that began from one trained network, or one from the other. Runs that see a face at other crops (--crop-side) may be
averaged, too: what comes out sees the mean of them. Writes averaged.keras and, from the last run, options.json and
log.jsonl, which `training.stretch` and `training.convert` read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                                            # noqa: E402
import numpy as np                                      # noqa: E402

from inference_core.files import refuse_overwriting, write_bytes, written_beside        # noqa: E402
from training.mistakes import RUN, existing, told        # noqa: E402

CROP = "crop_side"
SHARED = ("network", "size", "basis", CROP)      # options without which the same weights mean something else


def average(models: list[keras.Model]) -> keras.Model:
    """The first model, holding the mean of all weights. ValueError where they hold batch norms, whose statistics are no mean
    of others'."""
    first = models[0]
    for model in models:
        if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
            raise ValueError(f"{model.name} has batch norms, whose statistics have no mean; give runs of lprnet2")
    first.set_weights([np.mean(weights, 0) for weights in zip(*(model.get_weights() for model in models))])
    return first


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of training.train, of one origin")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to make")
    options = parser.parse_args(arguments)
    return told(lambda: _average(options))


def _average(options) -> None:
    files = [existing(run / "averaged.keras", RUN) for run in options.runs]
    notes = {name: existing(options.runs[-1] / name, RUN).read_bytes() for name in ("options.json", "log.jsonl")}
    last, sides = json.loads(notes["options.json"]), []
    for run in options.runs[:-1]:
        of_run = json.loads(existing(run / "options.json", RUN).read_text())
        sides.append(of_run.get(CROP, last[CROP]))
        if other := [name for name in SHARED if name != CROP and of_run.get(name) != last.get(name)]:
            raise ValueError(f"{run}: its {' and '.join(other)} are others than those of {options.runs[-1]}; give runs of one origin")
    # log of the scale and shift of the pose are linear in the last weights, so that the mean network answers at the mean crop
    notes["options.json"] = json.dumps(last | {CROP: round(float(np.mean([*sides, last[CROP]])), 4)}, indent=1).encode()
    refuse_overwriting([options.output / "averaged.keras"], files, "a run's network")
    model = average([keras.models.load_model(file, compile=False) for file in files])
    options.output.mkdir(parents=True, exist_ok=True)
    with written_beside(options.output / "averaged.keras") as beside:
        model.save(beside)
    for name, content in notes.items():
        write_bytes(options.output / name, content)


if __name__ == "__main__":
    sys.exit(main())
