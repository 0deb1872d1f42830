"""What several test files share: real pictures, the folder beside the checkout, and Blender in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
BLENDER_TIMEOUT_S = 240


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder shared/ beside the checkout (face model, portraits, annotated photos)."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder shared/ is not beside this checkout: its photos and models cannot be read")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """(512, 512, 3) uint8 RGB: the public-domain portrait that scikit-image ships."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the test portrait")
    return data.astronaut()


@pytest.fixture(scope="session")
def head(astronaut: np.ndarray) -> np.ndarray:
    """(240, 240, 3) uint8 RGB: the portrait's head alone."""
    return np.ascontiguousarray(astronaut[10:250, 110:350])


@pytest.fixture(scope="session")
def astronaut_png(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait as a file."""
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    assert cv2.imwrite(str(path), astronaut[..., ::-1])
    return path


@pytest.fixture(scope="session")
def shipped_weights() -> Path:
    """The weights folder, once networks lie in it."""
    folder = REPOSITORY / "weights"
    if not (folder / "weights.json").is_file():
        pytest.skip("weights/weights.json is missing: no network has been exported into this checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder whose two networks answer the mean face in the middle of the crop; see tiny_networks.py."""
    pytest.importorskip("tensorflow", reason="TensorFlow builds and exports the networks of this test")
    from tiny_networks import make_weights
    return make_weights(tmp_path_factory.mktemp("weights"), REPOSITORY / "weights" / "topology.npz")


@pytest.fixture(scope="session")
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_python(*arguments, weights=folder)` runs Python in a process of its own with that weights folder."""

    def run(*arguments: str | Path, weights: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LPRNET_WEIGHTS": str(weights)}
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=REPOSITORY, env=environment,
                              capture_output=True, text=True, errors="surrogateescape", timeout=120, check=False)

    return run


@pytest.fixture(scope="session")
def run_blender() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_blender(*arguments, weights=folder)` runs Python with the real bpy, apart from the test process and bounded in
    time; without a folder with the weights of the checkout."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("bpy is not installed in this environment")

    def run(*arguments: str | Path, weights: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **({"LPRNET_WEIGHTS": str(weights)} if weights else {})}
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=REPOSITORY, env=environment,
                              capture_output=True, text=True, errors="surrogateescape", timeout=BLENDER_TIMEOUT_S,
                              check=False)

    return run


@pytest.fixture(scope="session")
def addon_zip() -> Path:
    """The add-on's zip for this system, built once; LPRNET_ADDON_ZIP names one that is there already."""
    if given := os.environ.get("LPRNET_ADDON_ZIP"):
        return Path(given)
    from addon_build import BuildError
    from build_addon import build
    platform = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}.get(sys.platform, "none")
    try:
        return build(platform, REPOSITORY / "build" / "addon")
    except BuildError as error:
        if "the index did not give" not in str(error):
            raise
        pytest.skip(f"the wheels inside the add-on cannot be had: {error}")
