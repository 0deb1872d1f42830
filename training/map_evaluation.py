"""A network against the position maps of training.w300lp (--exact), as PRNet's paper measures: for AFLW2000-3D and its
like, whose parameters give every vertex.

    python -m training.w300lp AFLW2000 --model BFM.mat --uv BFM_UV.mat --exact -o build/aflw2000
    python -m training.map_evaluation build/aflw2000 --weights original

68 landmarks and all texels of the face, in 2D and 3D, in % of sqrt(w h) of the landmarks' box, by bands of yaw and
their mean; reconstruction: mean distance after ICP in % of the distance of the outer eye corners. The network must be
of the same topology (lprnet import-weights, training.train --data).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from inference_core.engine import load_network
from inference_core.errors import InputError, LPRNetError
from inference_core.files import check_writable, write_bytes
from training.paper_scores import alignment_errors, by_bands, reconstruction_error
from training.progress import Progress
from training.w300lp import FULL, MAP_SCALE

MEASURES = ("68 points, 2D", "68 points, 3D", "dense, 2D", "dense, 3D", "reconstruction")


def measure(folder: Path, weights: str) -> dict[str, dict[str, float | None]]:
    """{measure: {band or "mean": %}}. Raises InputError, WeightsError, EngineError."""
    from training.train_original import open_maps
    data, network = open_maps(folder), load_network(weights)
    topology, side = network.topology, data.images.shape[1]
    if topology.size != side or network.input_size != side or not data.mask[tuple(topology.cells.T)].any():
        raise InputError(f"{folder}: maps of {side} texels, and the network {weights} has another topology; give one "
                         "that was imported or trained for these maps")
    progress = Progress(f"{network.card.name}: maps", len(data.yaw_deg))
    rows = []
    for number, (image, target) in enumerate(zip(data.images, data.maps)):
        true = topology.vertices(target.astype(np.float64)) * (MAP_SCALE * side / FULL)
        found = topology.vertices(network.predict(image).position_map_crop.astype(np.float64)) * side - [0.5, 0.5, 0]
        marks, true_marks = topology.landmarks(found), topology.landmarks(true)
        rows.append([alignment_errors(p[None, :, :axes], t[None, :, :axes], true_marks[None])[0]
                     for p, t in ((marks, true_marks), (found, true)) for axes in (2, 3)]
                    + [reconstruction_error(found, true, true_marks)])
        progress.advance(number + 1)
    progress.close()
    return {name: by_bands(errors, data.yaw_deg) for name, errors in zip(MEASURES, np.array(rows).T)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", type=Path, metavar="MAPS_DIR")
    parser.add_argument("--weights", required=True, metavar="NAME", help="a network, or the path of its weights folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        if options.json:
            check_writable(options.json)
        report = measure(options.maps, options.weights)
        if options.json:
            write_bytes(options.json, (json.dumps(report, indent=1) + "\n").encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    bands = list(next(iter(report.values())))
    print("%".ljust(18) + "".join(band.rjust(10) for band in bands))
    for name, row in report.items():
        print(name.ljust(18) + "".join(("-" if row[band] is None else f"{row[band]:.2f}").rjust(10) for band in bands))
    return 0


if __name__ == "__main__":
    sys.exit(main())
