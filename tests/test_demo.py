"""The two commands of README: what they start is there, and the demo makes what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from inference_core.images import read_image

REPOSITORY = Path(__file__).resolve().parent.parent
PROMISED = ["astronaut.blend", "astronaut.obj", "astronaut.glb", "overlay.png", "render.png"]
BESIDE = ["astronaut.png", "astronaut.mtl", "astronaut_skin.png"]           # the photo, and what the .obj names


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def targets() -> set[str]:
    return {name for line in re.findall(r"^([\w./ -]+):(?!=)", text("Makefile"), re.M) for name in line.split()}


@pytest.mark.parametrize("name", [".ci/run", "README.md", "Makefile"])
def test_whatever_is_to_be_made_can_be_made(name: str) -> None:
    named = set(re.findall(r"(?:^|`|# )make ([a-z-]+)", text(name), re.M))
    assert {"demo", "test"} <= named <= targets()


@pytest.mark.parametrize("name", ["Makefile", "README.md", "docs/design-decisions.md"])
def test_every_program_that_is_named_is_there(name: str) -> None:
    modules = set(re.findall(r"-m ((?:inference_core|lprnet_blender|training|benchmarks)[\w.]*)", text(name)))
    files = set(re.findall(r"\b(?:scripts|tests|lprnet_blender)/\w+\.(?:py|sh)\b", text(name)))
    for module in modules:
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for file in files:
        assert (REPOSITORY / file).is_file(), file


def test_the_check_runs_what_readme_says() -> None:
    assert text(".ci/run").rstrip().endswith("make test\nmake demo")
    assert re.search(r"make demo .*\nmake test ", text("README.md"))


def test_the_demo_makes_what_it_promises(run_python, run_blender, tiny_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="scikit-image brings the portrait")
    out = tmp_path / "deep" / "out"
    done = run_python("-m", "benchmarks.demo", "--out", out, "--size", "32", "--texture-size", "64", weights=tiny_weights)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-len(PROMISED):] == [str(out / name) for name in PROMISED]
    assert {path.name for path in out.iterdir()} == {*PROMISED, *BESIDE}
    assert "lprnet2; engine: litert" in done.stdout
    steps = re.findall(r"^  (.+?) +(\d+\.\d) ms$", done.stdout, re.M)
    assert [name for name, _ in steps] == [
        "load the network", "find the face", "run the network", "run the network", "look six times", "sample the texture",
        "write the .obj", "write the .glb", "draw the overlay", "make the .blend, with Blender's start", "render it, with Blender's start"]
    render = read_image(out / "render.png")
    assert render.shape == (32, 96, 3)
    assert all(render[:, at:at + 32].std() > 15 for at in (0, 32, 64))
    assert read_image(out / "overlay.png").shape == (512, 1024, 3)


def test_a_folder_that_cannot_be_made_is_named(run_python, tiny_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = run_python("-m", "benchmarks.demo", "--out", tmp_path / "out", weights=tiny_weights)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lprnet: {tmp_path / 'out'}: cannot be used as a folder (File exists); choose another\n"


def test_missing_weights_are_named(run_python, tmp_path: Path) -> None:
    done = run_python("-m", "benchmarks.demo", "--out", tmp_path / "out", weights=tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("lprnet: ") and "weights.json" in done.stderr and done.stderr.count("\n") == 1


def test_the_portrait_needs_no_network() -> None:
    code = "import socket, skimage.data\n" \
           "def refuse(*a): raise OSError('the network was used')\n" \
           "socket.socket.connect = refuse\n" \
           "print(skimage.data.astronaut().shape)"
    pytest.importorskip("skimage", reason="scikit-image brings the portrait")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "(512, 512, 3)", done.stderr
