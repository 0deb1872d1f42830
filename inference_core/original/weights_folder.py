"""The weights folder of a network that others have trained: their weights, their topology, and a card."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from inference_core.errors import InputError, OutputError, WeightsError
from inference_core.original.index_files import IndexFiles
from inference_core.original.network_files import export_network
from inference_core.original.prnet_topology import topology_file
from inference_core.quiet import quiet
from inference_core.topology import TOPOLOGY, load_topology
from inference_core.weights import FORMAT

NAME = "lprnet_128"
LICENCE = "none given by its author; trained on 300W-LP and the Basel face model, which forbid commercial use"
CROP = {"scale": 1.5, "up": 0.0}        # as PRNet prepares 300W-LP
MAP_SCALE = 1.1                         # PRNet's; L-PRNet's page does not say its own
MAP_SCALES = (0.5, 2.0)


def write_weights_folder(output: Path, model, files: IndexFiles, map_scale: float = MAP_SCALE) -> None:
    """A new folder for `--weights` and LPRNET_WEIGHTS. model: keras.Model, crop (S, S, 3) in [0, 1] -> position map (M,
    M, 3) in [0, 1]; map pixels are output x M x map_scale, z larger = nearer. Whole or not at all.

    Raises InputError, OutputError, WeightsError.
    """
    if not MAP_SCALES[0] <= map_scale <= MAP_SCALES[1]:
        raise InputError(f"a map scale of {map_scale:g} is none that is in use; give 1.1 (PRNet's) or 1.0")
    size, side = int(model.inputs[0].shape[1]), int(model.outputs[0].shape[1])
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise OutputError(f"{output}: is there already; give the name of a new folder")
        beside = Path(tempfile.mkdtemp(prefix=f".{output.name[:40]}-", dir=output.resolve().parent))
    except OSError as error:
        raise OutputError(f"{output}: cannot be made ({error.strerror or error}); choose another name or "
                          "folder") from error
    try:
        (beside / TOPOLOGY).write_bytes(topology_file(files, side, "prnet", load_topology()))
        topology = load_topology(beside / TOPOLOGY)
        pictures = [np.random.default_rng(seed).random((1, size, size, 3), np.float32) for seed in range(2)]
        with quiet():
            entries, _ = export_network(model, NAME, beside, pictures)
        card = dict(name=NAME, kind="position_map", input_size=size, crop=CROP, files=entries,
                    topology_sha256=topology.sha256, license=LICENCE,
                    attribution=["network and weights: L-PRNet (R. Chevi)", "topology: PRNet (Y. Feng et al.)"],
                    scores={}, trained={}, map=dict(scale=map_scale, offset=[-0.5 / size, -0.5 / size, 0.0]))
        listed = dict(format=FORMAT, default=NAME, networks=[card])
        (beside / "weights.json").write_text(json.dumps(listed, indent=1) + "\n")
        beside.chmod(0o755)
        if output.is_dir():
            output.rmdir()                          # empty, or it would have been refused
        os.replace(beside, output)
    except ValueError as error:
        raise WeightsError(f"{output}: the network cannot be kept ({error}); fetch its folder again") from error
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error}); choose another name or "
                          "folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
