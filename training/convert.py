"""Export trained networks to the weights folder, as Keras and as LiteRT, each LiteRT file checked against Keras.

    python -m training.convert build/runs/main --basis build/basis.npz --scores build/scores.json -o weights

How: inference_core/original/network_files.py. Lids and lips of the default network are kept from passing each other
(training.contacts). weights.json is written last.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras                    # noqa: E402

from inference_core.crop import LANDMARK_CROP_UP        # noqa: E402
from inference_core.decoder import FLIP, SYMMETRIC_CM   # noqa: E402
from inference_core.original.network_files import export_network, file_entry   # noqa: E402
from inference_core.paths import weights_dir                # noqa: E402
from inference_core.topology import Topology, load_topology  # noqa: E402
from training.contacts import contacts, with_contacts       # noqa: E402
from training.labels import LabelMesh, label_mesh           # noqa: E402
from training.mistakes import RUN, existing, told            # noqa: E402
from training.networks import ShapeBasis                    # noqa: E402
from training.shape_basis import load_basis                 # noqa: E402

LICENCE = {"lprnet": "CC0-1.0", "lprnet2": "Apache-2.0"}         # why: NOTICE
ATTRIBUTION = {
    "lprnet": ["face shapes: ICT-FaceKit (MIT)"],
    "lprnet2": ["face shapes: ICT-FaceKit (MIT)", "encoder initialised from MediaPipe FaceMesh (Apache-2.0)"]}
DEFAULT = "lprnet2"


def save_decoder(path: Path, basis: ShapeBasis, mesh: LabelMesh, topology: Topology) -> None:
    """The shape basis at the label vertices that the mesh uses, in 16 bit, and what each cell of the grid is made of;
    cells outside the mesh repeat their nearest mesh vertex."""
    size = topology.size
    index = np.full((size, size), -1)
    index[topology.cells[:, 0], topology.cells[:, 1]] = np.arange(len(topology.cells))
    empty = np.argwhere(index < 0)
    nearest = ((empty[:, None, :] - topology.cells[None, :, :]) ** 2).sum(2).argmin(1)
    index[tuple(empty.T)] = nearest
    used, sources = np.unique(mesh.sources, return_inverse=True)
    sources = sources.reshape(mesh.sources.shape)
    beside = path.with_suffix(".partial.npz")
    arrays = dict(mean=basis.mean[used].astype(np.float32), basis=basis.basis[:, used].astype(np.float16),
                  sources=sources[index].astype(np.uint16), weights=mesh.weights[index].astype(np.float32))
    mirror = mirror_of(arrays["mean"], arrays["basis"].astype(np.float32))
    np.savez_compressed(beside, **arrays, **({} if mirror is None else dict(mirror=mirror.astype(np.uint16))))
    os.replace(beside, path)


def mirror_of(mean: np.ndarray, basis: np.ndarray) -> np.ndarray | None:
    """(U,) the vertex that a mirror puts in the place of each, for a mean (U, 3) and a basis (C, U, 3) in cm whose
    components all stay as they are or turn round; None where they do not."""
    from scipy.spatial import cKDTree
    away, mirror = cKDTree(mean).query(mean * FLIP)
    there = basis[:, mirror] * FLIP
    apart = np.minimum(*(np.abs(basis + sign * there).max(axis=(1, 2)) for sign in (1, -1)))
    symmetric = (mirror[mirror] == np.arange(len(mean))).all() and max(away.max(), apart.max()) < SYMMETRIC_CM / 2
    return mirror if symmetric else None


def export(model: keras.Model, name: str, folder: Path, inputs: list[np.ndarray]) -> dict[str, dict]:
    """Write NAME.keras and NAME.tflite; returns {engine: file entry}. ValueError when they disagree."""
    files, difference = export_network(model, name, folder, inputs)
    print(f"{name}: {files['keras']['bytes'] / 1e6:.2f} MB Keras, {files['litert']['bytes'] / 1e6:.2f} MB LiteRT, "
          f"largest difference {difference:.1e}")
    return files


def write_cards(folder: Path, cards: list[dict]) -> None:
    """weights.json: the given cards replace those of the same name, others and the face detector stay."""
    path = folder / "weights.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    old, detector = known.get("networks", []), {key: known[key] for key in ("detector",) if key in known}
    names = {card["name"] for card in cards}
    networks = sorted([c for c in old if c["name"] not in names] + cards, key=lambda c: c["name"] != DEFAULT)
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(dict(format=1, default=DEFAULT, **detector, networks=networks), indent=1) + "\n")
    os.replace(beside, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of training.train")
    parser.add_argument("--basis", type=Path, required=True)
    parser.add_argument("--network-file", default="averaged.keras", help="of the run: averaged.keras or stretched.keras")
    parser.add_argument("--scores", type=Path, help="JSON of training.evaluate to put on the card")
    parser.add_argument("-o", "--output", type=Path, default=weights_dir())
    options = parser.parse_args(arguments)
    return told(lambda: _convert(options))


def _convert(options) -> None:
    run = json.loads(existing(options.run / "options.json", RUN).read_text())
    log = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    model = keras.models.load_model(existing(options.run / options.network_file, RUN), compile=False)
    name, size = run["network"], model.inputs[0].shape[1]
    if name not in LICENCE:
        raise ValueError(f"{options.run}: {name} is a step on the way to a network and is not shipped; give the run that "
                         f"started from it, of one of {', '.join(LICENCE)}")
    topology, mesh = load_topology(), label_mesh()
    if name == DEFAULT:
        basis = load_basis(options.basis)
        model = with_contacts(model, contacts(topology.landmarks(mesh(basis.mean)), topology.landmarks(mesh(basis.basis))))
    rng = np.random.default_rng(0)
    pictures = [rng.random((1, size, size, 3), dtype=np.float32) for _ in range(4)]
    options.output.mkdir(parents=True, exist_ok=True)
    files = export(model, name, options.output, pictures)
    if name == DEFAULT:
        path = options.output / f"{name}_decoder.npz"
        save_decoder(path, basis, mesh, topology)
        files["decoder"] = file_entry(path)
    card = dict(
        name=name, kind="encoder_decoder" if name == DEFAULT else "position_map", input_size=size,
        crop=dict(scale=run["crop_side"], up=LANDMARK_CROP_UP), files=files, topology_sha256=topology.sha256,
        license=LICENCE[name], attribution=ATTRIBUTION[name],
        scores=json.loads(options.scores.read_text()) if options.scores else {},
        trained=dict(minutes=log[-1].get("trained_minutes", log[-1]["minutes"]), samples=log[-1]["samples"], seed=run["seed"], cold=run["cold"]))
    write_cards(options.output, [card])


if __name__ == "__main__":
    sys.exit(main())
