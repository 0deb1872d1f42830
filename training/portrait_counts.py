"""What the portraits that networks learn from are: the counts of the model card.

    python -m training.portrait_counts PORTRAITS --face-model FILE --facemesh FILE --points build/portrait_points.npz

prints, by source, how many are learned from, held out, and left out because the face model does not fit them; and how
much of the samples shows the darkest skin, as photographed. The fits are made or taken from --cache.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from training.face_model import load_face_model
from training.mistakes import told
from training.portrait_files import STATED_SOURCES, is_heldout, load_or_fit, read_portraits
from training.portraits import balanced_shares

DARK = 48.0                         # L*


def _print_counts(options: argparse.Namespace) -> None:
    portraits = read_portraits(options.portraits, better_points=options.points)
    model = load_face_model(options.face_model)
    good = load_or_fit(portraits, model, options.facemesh, options.cache).good
    with np.load(options.portraits / "landmarks.npz", allow_pickle=False) as z:
        source = dict(zip(z["name"].astype(str), z["source_names"][z["source"]].astype(str)))
    of = np.array([source[portrait.name] for portrait in portraits])
    held = np.array([is_heldout(portrait.name) for portrait in portraits])
    print(f"{'source':28}{'licence':10}{'learned':>9}{'held out':>10}{'left out':>10}")
    for name in [*sorted(set(of)), "all"]:
        rows = of == name if name != "all" else np.ones(len(of), bool)
        stated = "" if name == "all" else "stated" if name in STATED_SOURCES else "inferred"
        print(f"{name:28}{stated:10}{(rows & good & ~held).sum():9}{(rows & good & held).sum():10}{(rows & ~good).sum():10}")
    lightness = np.array([portraits[row].skin_lightness() for row in np.flatnonzero(good & ~held)])
    shares = balanced_shares(lightness)
    print(f"skin darker than L* = {DARK:.0f}: {(lightness < DARK).mean():.1%} of the photos learned from, "
          f"{shares[lightness < DARK].sum():.1%} of the samples; drawn at most {shares.max() / shares.min():.1f} times as often")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path, help="folder with landmarks.npz and the tars")
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--facemesh", type=Path, required=True, help="the model's FaceMesh correspondence")
    parser.add_argument("--points", type=Path, help="file of training.relabel")
    parser.add_argument("--cache", type=Path, default=Path("build/pool"), help="where the fits are kept")
    return told(lambda: _print_counts(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
