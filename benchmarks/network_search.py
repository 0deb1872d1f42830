"""Measures the search by the network itself: faces found and false alarms over what certainty is asked for.

    python -m benchmarks.network_search build/pool/portraits-heldout-1 build/pool/renders-heldout-1 --without DIR

The faces are samples of the pools, damaged as in training, each at a random size, place and roll of a larger picture;
"missed" are those that the detector's stages do not find. DIR holds pictures (.jpg, .png) without a face: animals,
above all. Backdrops of training are added to them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.detector_box import place
from inference_core import network_search
from inference_core.crop import crop_from_landmarks
from inference_core.detection import search
from inference_core.engine import load_network
from inference_core.images import read_image
from training.augment import damage
from training.backdrops import draw_backdrop
from training.pool import open_pool
from training.progress import Progress

CERTAINTIES = range(16, 27)
NEAR = 0.25                     # sides of the right crop; a found one farther off is none


def answers(image: np.ndarray, network) -> list:
    """(certainty, crop in pixels of the whole picture) of every square that the search follows to its end."""
    kept: list = []
    known = network_search.certainty
    network_search.certainty = lambda *a: kept.append(known(*a)) or np.inf      # as if everything were certain
    merged, network_search.merged = network_search.merged, lambda found: found
    try:
        return list(zip(kept, [one.crop for one in network_search.find(image, network)]))
    finally:
        network_search.certainty, network_search.merged = known, merged


def near(crop, truth) -> bool:
    middle = np.array([0.5, 0.5])
    return bool(np.linalg.norm(crop.to_image(middle) - truth.to_image(middle)) * truth.scale < NEAR)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+", help="folders of training.pool, held-out ones")
    parser.add_argument("--without", type=Path, metavar="DIR", help="pictures without a face")
    parser.add_argument("--count", type=int, default=150, help="samples of each pool, pictures without a face")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, network = np.random.default_rng(options.seed), load_network()
    if not network.tells_presence:
        parser.error("the default network has no presence output")
    faces, times = [], []
    for folder in options.pools:
        pool = open_pool(folder)
        rows = rng.choice(len(pool), min(options.count, len(pool)), replace=False)
        progress = Progress(folder.name, len(rows))
        for done, row in enumerate(rows, 1):
            image = damage(rng, np.array(pool.images[row]), np.array(pool.images[rows[0]])[:80, :80])
            image, landmarks = place(image, pool.landmarks[row], rng)
            truth = crop_from_landmarks(landmarks, upright=True)
            missed = not any(near(found.crop, truth) for stage in search(image) for found in stage)
            faces.append((missed, max((sure for sure, crop in answers(image, network) if near(crop, truth)),
                                      default=-np.inf)))
            progress.advance(done)
        progress.close()
    without = [(255 * draw_backdrop(rng, 400) ** (1 / 2.2)).astype(np.uint8) for _ in range(options.count // 5)]
    files = sorted(p for p in options.without.iterdir() if p.suffix in (".jpg", ".png")) if options.without else []
    empty = []
    for image in without + [read_image(file) for file in files[:options.count]]:
        start = time.perf_counter()
        empty.append(max((sure for sure, _ in answers(image, network)), default=-np.inf))
        times.append(time.perf_counter() - start)
    missed = np.array([sure for lost, sure in faces if lost])
    every, none = np.array([sure for _, sure in faces]), np.array(empty)
    print(f"{len(every)} faces, {len(missed)} missed by the detector; {len(none)} pictures without a face, "
          f"{1000 * np.median(times):.0f} ms each (the longest {1000 * max(times):.0f})")
    print("certainty   of the missed   of all   alarms")
    for least in CERTAINTIES:
        shares = np.mean(missed >= least), np.mean(every >= least)
        print(f"{least:9}   {shares[0]:13.1%}   {shares[1]:6.1%}   {(none >= least).sum():6}")


if __name__ == "__main__":
    main()
