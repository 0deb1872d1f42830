"""Where the weights folder is; the only module that knows how a checkout and an installed package differ."""

from __future__ import annotations

import os
from pathlib import Path

WEIGHTS_VARIABLE = "LPRNET_WEIGHTS"


def weights_dir() -> Path:
    """The folder that holds topology.npz, weights.json and the network files.

    The environment variable LPRNET_WEIGHTS wins; then the copy inside an installed package; then `weights/`
    beside the package, as in a checkout. Whether the files are there is for the reader of each file to say.
    """
    chosen = os.environ.get(WEIGHTS_VARIABLE)
    if chosen:
        return Path(chosen)
    package = Path(__file__).resolve().parent
    installed = package / "shipped_weights"
    return installed if installed.is_dir() else package.parent / "weights"
