"""The constant matrix behind the default network: principal components of the canonical labels.

    python -m training.shape_basis POOL... --face-model FILE -o build/basis.npz

Every label enters with its mirror image, so the basis is symmetric; lids and lips weigh more, so that few components
still follow them.
"""

from __future__ import annotations

import argparse
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

from inference_core.topology import load_topology
from training.face_model import NARROW_VERTICES, load_face_model
from training.labels import OPENING_WEIGHT, label_mesh, opening_share
from training.mistakes import told
from training.networks import CODE, ShapeBasis
from training.pool import MICRO, Pool, open_pool

LABELS = 3000


def fit_basis(labels: np.ndarray, mirror: np.ndarray, weights: np.ndarray, size: int = CODE) -> ShapeBasis:
    """labels (M, V, 3) cm; mirror (V,); weights (V,). Weighted PCA over the labels and their mirror images."""
    if 2 * len(labels) < size:
        raise ValueError(f"{len(labels)} labels are too few for {size} components")
    both = np.concatenate([labels, labels[:, mirror] * np.float32([-1, 1, 1])]).astype(np.float32)
    mean = both.mean(0)
    root = np.sqrt(weights).astype(np.float32)[:, None]
    rows = ((both - mean) * root).reshape(len(both), -1)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    keep = np.argsort(values)[::-1][:size]
    scale = np.sqrt(np.maximum(values[keep], 1e-12) / len(both))
    components = (vectors[:, keep].T @ rows) / np.sqrt(np.maximum(values[keep], 1e-12))[:, None]
    basis = components.reshape(size, *mean.shape) * scale[:, None, None] / root
    return ShapeBasis(mean, basis.astype(np.float32))


def draw_labels(pools: list[Pool], count: int, seed: int = 0) -> np.ndarray:
    """(count, 6706, 3) float32 cm, drawn from the pools in equal shares."""
    rng = np.random.default_rng(seed)
    share = -(-count // len(pools))
    rows = [p.canonical[np.sort(rng.choice(len(p), min(share, len(p)), replace=False))] for p in pools]
    return np.concatenate(rows).astype(np.float32) / MICRO


def save_basis(path: Path, basis: ShapeBasis) -> None:
    beside = path.with_suffix(".partial.npz")
    np.savez(beside, mean=basis.mean, basis=basis.basis)
    os.replace(beside, path)


def load_basis(path: str | Path) -> ShapeBasis:
    """A file of save_basis, or a shipped network's decoder: that one leaves vertices that the mesh does not use at 0.
    Raises ValueError naming the path when it is neither."""
    try:
        with np.load(path, allow_pickle=False) as z:
            mean, basis, shipped = z["mean"], z["basis"].astype(np.float32), "sources" in z.files
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as a shape basis ({error}); make one with python -m training.shape_basis, "
                         "or give a network's decoder, weights/lprnet2_decoder.npz") from error
    if not shipped:
        return ShapeBasis(mean, basis)
    used = np.unique(label_mesh().sources)
    if len(used) != len(mean):
        raise ValueError(f"{path}: was made with another topology than that of the weights folder; give its own basis")
    whole = ShapeBasis(np.zeros((NARROW_VERTICES, 3), np.float32), np.zeros((len(basis), NARROW_VERTICES, 3), np.float32))
    whole.mean[used], whole.basis[:, used] = mean, basis
    return whole


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/basis.npz"))
    options = parser.parse_args(arguments)
    return told(lambda: _fit(options))


def _fit(options) -> None:
    topology, model = load_topology(), load_face_model(options.face_model)
    mesh = label_mesh()
    weights = 1 + (OPENING_WEIGHT - 1) * opening_share(topology, mesh)
    labels = draw_labels([open_pool(p) for p in options.pools], LABELS)
    basis = fit_basis(labels, model.mirror, weights)
    save_basis(options.output, basis)
    rest = labels[::10] - basis.mean
    code = np.linalg.lstsq(basis.basis.reshape(len(basis.basis), -1).T, rest.reshape(len(rest), -1).T, rcond=None)[0]
    left = np.linalg.norm(rest - np.tensordot(code.T, basis.basis, 1), axis=2)
    print(f"{options.output}: {len(basis.basis)} components; left over: mean {left.mean():.4f} cm, "
          f"99 % {np.quantile(left, 0.99):.4f} cm, lids and lips {left[:, weights > 2].mean():.4f} cm")


if __name__ == "__main__":
    sys.exit(main())
