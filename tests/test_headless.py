"""The commands without a window, in the real Blender: what docs/headless.md says is done as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import takes

from inference_core.topology import load_topology

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = (REPOSITORY / "docs" / "headless.md").read_text(encoding="utf-8")
COUNT, RATE = 30, 25
Run = Callable[..., subprocess.CompletedProcess[str]]


def recipe(heading: str, language: str = "sh") -> str:
    """The code under a heading of the document."""
    part = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", part, re.DOTALL).group(1)


def write_clip(path: Path, face: np.ndarray, count: int = COUNT) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = face.shape[1], face.shape[0], "yuv420p"
        for number in range(count):
            shift = np.float32([[1, 0, 4 * np.sin(number / 9)], [0, 1, 3 * np.cos(number / 7)]])
            moved = cv2.warpAffine(face, shift, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(moved, "rgb24")))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def folder(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the document takes for granted: photos/ and a shot."""
    here = tmp_path_factory.mktemp("shots")
    (here / "photos").mkdir()
    for name in ("anna", "ben"):
        cv2.imwrite(str(here / "photos" / f"{name}.png"), astronaut[..., ::-1])
    write_clip(here / "shot_010.mp4", np.ascontiguousarray(astronaut[10:250, 110:350]))
    return here


@pytest.fixture(scope="module")
def run(run_blender: Run, folder: Path, shipped_weights: Path) -> Run:
    """`run(line)` runs a line of the document, with the bpy wheel in place of Blender."""

    def run_line(line: str, **how) -> subprocess.CompletedProcess[str]:
        words = shlex.split(line)
        assert words[:3] == ["blender", "--command", "lprnet"], line
        return subprocess.run([sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); "
                               "import runpy; runpy.run_module('lprnet_blender', run_name='__main__', alter_sys=True)",
                               str(REPOSITORY), *words[3:]], cwd=folder, capture_output=True, text=True, timeout=300,
                              check=False, **how)

    return run_line


@pytest.fixture(scope="module")
def made(run: Run, folder: Path) -> Path:
    """The folder with a file of two faces, whichever tests ran before."""
    if not (folder / "heads.blend").exists():
        answer = run("blender --command lprnet image photos -o heads.blend --texture-size 64")
        assert answer.returncode == 0, answer.stderr
    (folder / "nothing").mkdir(exist_ok=True)
    return folder


def done(run: Run, heading: str) -> list[subprocess.CompletedProcess[str]]:
    answers = [run(line) for line in recipe(heading).splitlines() if line]
    for answer in answers:
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "Traceback" not in answer.stderr
    return answers


def test_a_folder_of_photos(run: Run, folder: Path) -> None:
    each, together, matched = done(run, "A folder of photos")
    assert sorted(path.name for path in (folder / "heads").iterdir()) == ["anna.blend", "ben.blend"]
    assert "1/2 photos" in each.stderr and "s left" in each.stderr
    assert together.stdout == "heads.blend: 2 faces\n"
    assert matched.stdout == "anna.blend: 1 face\n"


def test_a_shot_on_a_farm_node_and_its_take_again(run: Run, folder: Path) -> None:
    capture, export = done(run, "A shot on a farm node")
    assert f"{COUNT} frames, 0 lost" in capture.stderr
    assert capture.stdout.splitlines()[-1] == f"shot_010.blend: frames 1 to {COUNT} at 25 fps"
    assert export.stdout.splitlines()[-1].endswith("shot_010.abc") and (folder / "shot_010.abc").stat().st_size > 100_000

    seen = run("blender --command lprnet render shot_010.blend -o shot_010.png --views 0 --size 64")
    assert seen.returncode == 0, seen.stderr
    assert np.ptp(cv2.imread(str(folder / "shot_010.png"))[24:40, 24:40]) > 60      # a face, not the background alone

    steady, keys, raw = done(run, "A take again, with other smoothing")
    assert steady.stdout == f"shot_010_steady.blend: frames 1 to {COUNT} at 25 fps\n"
    assert keys.stdout.endswith("at 24 fps\n")
    assert (folder / "shot_010_raw.blend").stat().st_size < (folder / "shot_010_steady.blend").stat().st_size
    assert (folder / "shot_010_raw_lprnet.pc2").is_file()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]

    moved = folder / "elsewhere"                        # the file and its cache belong together, wherever they are
    moved.mkdir()
    for name in ("shot_010_raw.blend", "shot_010_raw_lprnet.pc2"):
        shutil.move(folder / name, moved)
    shutil.move(folder / "shot_010.lprtake", moved)
    code = ("import bpy, sys, numpy as np; bpy.ops.wm.open_mainfile(filepath=sys.argv[1]); thing, = (each for each in "
            "bpy.data.objects if each.type == 'MESH')\ndef points(frame):\n"
            "    bpy.context.scene.frame_set(frame)\n"
            "    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()\n"
            "    out = np.empty(3 * len(mesh.vertices), np.float32); mesh.vertices.foreach_get('co', out); return out\n"
            "print(float(np.abs(points(3) - points(20)).max()))\nimport os; sys.stdout.flush(); os._exit(0)")
    moves = subprocess.run([sys.executable, "-c", code, str(moved / "shot_010_raw.blend")], capture_output=True, text=True,
                           timeout=300, check=False)
    assert float(moves.stdout.splitlines()[-1]) > 1e-5, moves.stderr
    shutil.move(moved / "shot_010.lprtake", folder)


def test_a_script_runs_the_operators(run: Run, folder: Path) -> None:
    script = (f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import lprnet_blender; import bpy\n"
              "bpy.ops.wm.read_factory_settings(use_empty=True); lprnet_blender.register()\n"
              f"{recipe('From Python', 'python')}\nimport os; sys.stdout.flush(); os._exit(0)")
    answer = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=300,
                            check=False)
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^anna 0\.9\d+$", answer.stdout, re.MULTILINE), answer.stdout
    assert (folder / "anna.glb").is_file() and (folder / "anna_from_python.blend").is_file()


def test_a_capture_that_is_stopped_ends_with_130_and_the_same_command_goes_on(
        run: Run, folder: Path, astronaut: np.ndarray, shipped_weights: Path) -> None:
    count = 200                                         # two seconds of work, of which the stop needs a hundredth
    write_clip(folder / "long.mp4", np.ascontiguousarray(astronaut[10:250, 110:350]), count)
    command = [sys.executable, "-m", "lprnet_blender", "video", str(folder / "long.mp4"), "-o", str(folder / "long.blend"),
               "--texture-size", "0", "--mode", "point-cache", "--end"]
    frames = folder / "long.lprtake" / "frames.bin"
    with subprocess.Popen([*command, "60"], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as going:
        end = time.monotonic() + 120
        while (not frames.exists() or frames.stat().st_size < 200_000) and time.monotonic() < end and going.poll() is None:
            time.sleep(0.02)
        going.send_signal(signal.SIGINT)
        _, said = going.communicate(timeout=120)
    assert going.returncode == 130, said
    assert "the same command goes on with it" in said and "Traceback" not in said
    assert not (folder / "long.blend").exists()
    kept = frames.stat().st_size
    assert kept > 0
    again = subprocess.run([*command, "60"], cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False)
    assert again.returncode == 0, again.stderr
    assert f"{count} frames" in again.stderr and frames.stat().st_size > kept
    other = subprocess.run([*command, "1"], cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False)
    assert other.returncode == 2 and "was begun otherwise" in other.stderr


def test_a_bake_that_is_stopped_and_given_again_leaves_one_point_cache(run: Run, folder: Path) -> None:
    topology, place = load_topology(), folder / "stopped"
    place.mkdir()
    takes.write_take(place / "a.lprtake", topology, (takes.acted(topology, each) for each in range(250)))
    command = [sys.executable, "-m", "lprnet_blender", "bake", str(place / "a.lprtake"), "-o", str(place / "a.blend"),
               "--mode", "point-cache", "--texture-size", "0"]

    def written() -> int:
        return sum(path.stat().st_size for path in place.glob(".*.pc2"))

    for sign in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as going:
            end = time.monotonic() + 120
            while written() < 1_000_000 and time.monotonic() < end and going.poll() is None:
                time.sleep(0.01)
            going.send_signal(sign)
            _, said = going.communicate(timeout=120)
        assert going.returncode == 130 and "Traceback" not in said, said
        assert [path.name for path in place.iterdir()] == ["a.lprtake"]
    for _ in range(2):
        again = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False)
        assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in place.iterdir()) == ["a.blend", "a.lprtake", "a_lprnet.pc2"]


@pytest.mark.parametrize("line, says, code", [
    ("image photos gone.png -o x", "gone.png: cannot be read", 2),
    ("image nothing -o x", "no picture lies in this folder", 2),
    ("image photos -o x.blend --camera-match", "a camera shows one photo", 2),
    ("image photos/anna.png -o anna.obj", "does not end in .blend", 1),
    ("video nowhere.mp4 -o x.blend", "nowhere.mp4: ", 2),
    ("video shot_010.mp4 -o .", "a folder; give the name of a .blend file in it", 1),
    ("bake shot_010.lprtake -o .", "a folder; give the name of a .blend file in it", 1),
    ("video shot_010.mp4 -o x.blend --take x", "a folder whose name ends in .lprtake", 2),
    ("bake nowhere.lprtake -o x.blend", "there is no such take", 2),
    ("bake shot_010.lprtake -o nowhere/x.blend", "cannot be written", 1),
    ("bake shot_010.lprtake -o x.blend --smooth 99", "pose cannot be 99", 2),
    ("export nowhere.blend -o x.abc", "does not exist", 2),
    ("export heads.blend -o x.abc", "name one with --object: anna, ben", 2),
    ("export heads.blend -o x.abc --object carl", "holds no captured face called 'carl'", 2),
    ("export heads.blend -o x.doc", "x.doc", 1)])
def test_a_mistake_is_one_sentence_and_an_exit_code(run: Run, made: Path, line: str, says: str, code: int) -> None:
    answer = run(f"blender --command lprnet {line}")
    assert answer.returncode == code, answer.stderr
    assert says in answer.stderr and "Traceback" not in answer.stderr
    assert not [path.name for path in made.iterdir() if path.name.startswith((".", "x."))]


def test_photos_that_all_fail_leave_no_empty_folder(run: Run, made: Path) -> None:
    answer = run("blender --command lprnet image nowhere gone.png -o new/heads")
    assert answer.returncode == 2 and "nowhere: cannot be read" in answer.stderr and "Traceback" not in answer.stderr
    assert "2 of 2 photos failed" in answer.stderr and "the others" not in answer.stderr
    assert not (made / "new").exists()


@pytest.mark.parametrize("command", ["", "image ", "video ", "bake ", "export ", "render "])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    answer = run(f"blender --command lprnet {command}--help")
    assert answer.returncode == 0 and answer.stdout.startswith("usage: lprnet_blender ")


def test_a_blender_without_an_exporter_says_so(folder: Path, run: Run) -> None:
    """Debian's has no Alembic."""
    code = ("import sys; sys.path.insert(0, sys.argv.pop(1)); import lprnet_blender.scene.export as export\n"
            "export.OPERATORS['ABC'] = ('wm', 'no_such_export')\nfrom lprnet_blender.command import main\n"
            "code = main(['export', 'nothing.blend', '-o', 'without.abc'])\nimport os; sys.stderr.flush(); os._exit(code)")
    answer = subprocess.run([sys.executable, "-c", code, str(REPOSITORY)], cwd=folder, capture_output=True, text=True,
                            timeout=300, check=False)
    assert answer.returncode == 1 and "without, its own exporter for .abc files" in answer.stderr
    assert "Traceback" not in answer.stderr and not (folder / "without.abc").exists()
