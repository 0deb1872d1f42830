"""What a user of `lprnet export` may rely on."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from take_readers import read_animation
from takes import acted, shaken, take_of_any_stamps, write_take

from inference_core.cli import main
from inference_core.errors import OutputError
from inference_core.files import made_folder
from inference_core.frames import FrameOptions, open_frames
from inference_core.images import write_image
from inference_core.take import open_take
from inference_core.take_source import number_of, source_of
from inference_core.topology import load_topology

COUNT, LOST = 12, (4,)


@pytest.fixture(scope="module")
def take_dir(tmp_path_factory) -> Path:
    topology = load_topology()
    return write_take(tmp_path_factory.mktemp("takes") / "my clip.lprtake", topology,
                      (acted(topology, i, LOST) for i in range(COUNT)))


def run(*arguments: str | Path) -> int:
    """Exit code, whichever way the command ends."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize("name", ["a.glb", "a.pc2", "a.mdd", "landmarks.csv", "a_pose.csv", "a.npz"])
def test_the_ending_says_what_is_written(take_dir: Path, tmp_path: Path, capsys, name: str) -> None:
    assert run("export", take_dir, "-o", tmp_path / name) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == str(tmp_path / name) and printed.err == ""
    assert sorted(printed.out.splitlines()) == sorted(map(str, tmp_path.iterdir()))


def test_a_sequence_goes_into_a_folder_under_the_takes_name(take_dir: Path, tmp_path: Path, capsys) -> None:
    assert run("export", take_dir, "-o", tmp_path / "v1.0" / "meshes", "--format", "ply", "--raw") == 0
    names = [path.name for path in sorted((tmp_path / "v1.0" / "meshes").iterdir())]
    assert names == [f"my clip.{number:04d}.ply" for number in range(COUNT) if number not in LOST]
    assert len(capsys.readouterr().out.splitlines()) == len(names)
    assert run("export", take_dir, "-o", tmp_path / "v1.0", "--format", "pose") == 0
    assert (tmp_path / "v1.0" / "my clip_pose.csv").exists()


def test_a_sequence_may_say_where_the_number_goes(take_dir: Path, tmp_path: Path) -> None:
    assert run("export", take_dir, "-o", tmp_path / "shot.%06d.obj", "--raw", "--head") == 0
    assert (tmp_path / "shot.000011.obj").exists() and len(list(tmp_path.iterdir())) == COUNT - len(LOST)


def test_the_folder_for_a_file_a_frame_is_made_and_not_left_empty(take_dir: Path, tmp_path: Path, capsys) -> None:
    for name in ("new/meshes/shot.####.obj", "other/shot.ply"):
        assert run("export", take_dir, "-o", tmp_path / name, "--raw") == 0
        assert len(list((tmp_path / name).parent.iterdir())) == COUNT - len(LOST)
    (tmp_path / "empty").mkdir()
    for more in (["--smooth", "-1"], ["--texture", tmp_path / "gone.mp4"]):
        for out in (["-o", tmp_path / "a" / "b" / "shot.####.obj"], ["-o", tmp_path / "c", "--format", "ply"],
                    ["-o", tmp_path / "empty" / "d", "--format", "glb"]):
            assert run("export", take_dir, *out, *more) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new", "other"]
    (tmp_path / "file").touch()
    capsys.readouterr()
    assert run("export", take_dir, "-o", tmp_path / "file" / "shot.####.obj") == 1
    assert "cannot be used as a folder" in capsys.readouterr().err


def test_a_folder_that_may_not_be_looked_into_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    def refuse(path, *more, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch, pytest.raises(OutputError, match=r"new: cannot be used as a folder \(Perm"):
        for name in ("stat", "lstat", "mkdir"):
            patch.setattr(os, name, refuse)
        with made_folder(tmp_path / "locked" / "new"):
            pass


def test_no_file_of_the_take_is_overwritten(take_dir: Path, tmp_path: Path, capsys) -> None:
    take = Path(shutil.copytree(take_dir, tmp_path / "a.lprtake"))
    kept = {"topology.npz": load_topology().path.read_bytes(), "skin.png": b"seen live"}
    for name, content in kept.items():
        (take / name).write_bytes(content)
    if not (take / "TOPOLOGY.npz").exists():                        # a file system without capitals answers to both
        os.link(take / "topology.npz", take / "TOPOLOGY.npz")
    for arguments in (["export", take, "-o", take / "topology.npz"], ["export", take, "-o", take / "TOPOLOGY.npz"],
                      ["info", take, "--plot", take / "skin.png"]):
        assert run(*arguments) == 2
        assert "is a file of the take and would be overwritten" in capsys.readouterr().err
    assert all((take / name).read_bytes() == content for name, content in kept.items())
    assert run("export", take, "-o", take / "clip.npz") == run("export", take, "-o", take / "clip.npz") == 0


@pytest.mark.parametrize("size", ["8", "2049", "4096", "x"])
def test_a_skin_that_cannot_be_made_is_refused_at_once(take_dir: Path, tmp_path: Path, capsys, size: str) -> None:
    arguments = ["export", take_dir, "-o", tmp_path / "a.glb", "--texture", "--texture-size"]
    assert run(*arguments, size) == 2
    assert "is not a whole number from 16 to 2048" in capsys.readouterr().err


def test_raw_is_what_was_captured_and_smoothing_fills_short_gaps(take_dir: Path, tmp_path: Path) -> None:
    for number, how in enumerate((["--raw"], ["--smooth", "0"], [], ["--smooth", "2"])):
        assert run("export", take_dir, "-o", tmp_path / f"{number}.npz", *how) == 0
    got = [np.load(tmp_path / f"{number}.npz", allow_pickle=False) for number in range(4)]
    take = open_take(take_dir)
    for raw in got[:2]:
        np.testing.assert_array_equal(raw["position"][3], take.canonical(3))
        assert raw["valid"].tolist() == take.valid.tolist() and np.isnan(raw["position"][4]).all()
        assert not raw["interpolated"].any()
    for smooth in got[2:]:
        assert smooth["valid"].all() and np.flatnonzero(smooth["interpolated"]).tolist() == list(LOST)
        assert np.isfinite(smooth["position"][4]).all()


def test_a_take_that_was_stopped_is_written_and_said_to_be_short(take_dir: Path, tmp_path: Path, capsys) -> None:
    short = tmp_path / "short.lprtake"
    short.mkdir()
    (short / "header.json").write_bytes((take_dir / "header.json").read_bytes())
    (short / "frames.bin").write_bytes((take_dir / "frames.bin").read_bytes()[:500_000])
    assert run("export", short, "-o", tmp_path / "a.glb", "--raw") == 0
    count = len(open_take(short))
    assert capsys.readouterr().err == f"lprnet: {short}: not finished, it ends after {count} frames\n"
    assert len(read_animation(tmp_path / "a.glb").times) == count > 3


def test_a_damaged_take_is_refused_or_read_up_to_the_damage(take_dir: Path, tmp_path: Path, capsys) -> None:
    content = bytearray((take_dir / "frames.bin").read_bytes())
    content[int(open_take(take_dir).table["place"][7]) + 30] ^= 1
    broken = tmp_path / "broken.lprtake"
    broken.mkdir()
    (broken / "header.json").write_bytes((take_dir / "header.json").read_bytes())
    (broken / "frames.bin").write_bytes(bytes(content))
    assert run("export", broken, "-o", tmp_path / "a.npz", "--raw") == 2
    assert "--up-to-damage" in capsys.readouterr().err
    assert run("export", broken, "-o", tmp_path / "a.npz", "--raw", "--up-to-damage") == 0
    assert len(np.load(tmp_path / "a.npz", allow_pickle=False)["valid"]) == 7


@pytest.mark.parametrize(("arguments", "cause", "code"), [
    (["-o", "x.fbx"], "cannot be written", 1), (["-o", "x.csv"], "pose.csv", 1), (["-o", "x"], "--format", 2),
    (["-o", "x.obj", "--format", "ply"], "does not fit", 2), (["-o", "x.glb", "--smooth", "-1"], "smoothing", 2),
    (["-o", "x.glb", "--smooth", "nan"], "smoothing", 2), (["-o", "x.glb", "--smooth", "1", "--raw"], "not allowed", 2),
    (["-o", "no/x.glb"], "no/x.glb", 1), ([], "-o", 2)])
def test_wrong_options_are_explained(take_dir: Path, tmp_path: Path, monkeypatch, capsys, arguments, cause,
                                     code) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("export", take_dir, *arguments) == code
    assert cause in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("times", "read"), [
    ((1.0,) * 5, (1.0, 1.001, 1.002, 1.003, 1.004)), ((0.0, 0.04, 0.08, 0.08, 0.12), (0.0, 0.04, 0.08, 0.081, 0.12)),
    ((0.0, 0.016, 0.016, 0.016, 0.0165), (0.0, 0.016, 0.017, 0.018, 0.019)),
], ids=["all", "once", "longer than to the next"])
def test_a_live_take_whose_clock_stood_still_goes_on_by_ticks(tmp_path: Path, times, read) -> None:
    """Clocks of some systems do; takes of before 29 November 2026 hold what they said."""
    topology, take = load_topology(), tmp_path / "a.lprtake"
    take_of_any_stamps(take, topology, (dataclasses.replace(acted(topology, i, (1, 2)), time_s=time_s)
                                        for i, time_s in enumerate(times)))
    for name in ("a.glb", "a.pc2", "pose.csv", "a.npz"):
        assert run("export", take, "-o", tmp_path / name) == 0
    assert run("info", take) == 0
    found = np.load(tmp_path / "a.npz", allow_pickle=False)
    assert found["time_s"] == pytest.approx(read) and found["valid"].all()
    assert np.isfinite(found["position"]).all() and np.isfinite(found["rotation"]).all()
    assert "nan" not in (tmp_path / "pose.csv").read_text()


@pytest.mark.parametrize("times", [(0.2, 0.16, 0.12, 0.08, 0.04), (0.0, 0.04, 0.08, 0.08, 0.07),
                                   (0.0, 0.04, np.nextafter(-1e12, 0), 0.12, 0.16)],
                         ids=["fall", "fall once", "nonsense"])
def test_a_take_whose_time_goes_back_is_refused_in_a_sentence(tmp_path: Path, capsys, times) -> None:
    topology, take = load_topology(), tmp_path / "a.lprtake"
    take_of_any_stamps(take, topology, (dataclasses.replace(acted(topology, i, (1, 2)), time_s=time_s)
                                        for i, time_s in enumerate(times)))
    for arguments in (["export", take, "-o", tmp_path / "a.glb"], ["export", take, "-o", tmp_path / "a.npz", "--raw"],
                      ["info", take]):
        assert run(*arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"lprnet: {take}: damaged or altered (frame ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [take]


def test_what_is_no_take_is_bad_input(tmp_path: Path, capsys) -> None:
    for name in ("missing.lprtake", "."):
        assert run("export", tmp_path / name, "-o", tmp_path / "a.npz") == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "take" in error
    assert not list(tmp_path.iterdir())


def test_a_plot_overwrites_no_picture_of_the_clip(tmp_path: Path, capsys) -> None:
    pictures = tmp_path / "shot"
    pictures.mkdir()
    for number in range(2):
        write_image(pictures / f"a.{number}.png", np.full((48, 64, 3), 90, np.uint8))
    topology, before = load_topology(), (pictures / "a.0.png").read_bytes()
    for name in (str(pictures), str(pictures / "a.%d.png")):
        source = {"kind": "images", "name": name, "sha256": "0" * 64}
        take = write_take(tmp_path / f"{len(name)}.lprtake", topology, [shaken(topology, 0)], source=source)
        assert run("info", take, "--plot", pictures / "a.0.png") == 2
        assert "is a file of the clip and would be overwritten" in capsys.readouterr().err
    assert (pictures / "a.0.png").read_bytes() == before
    assert run("info", take, "--plot", pictures / "b.png") == 0


def test_a_head_as_large_as_a_house_is_damage(tmp_path: Path, capsys) -> None:
    """Checksums are easily made, and numbers that no head has end in sums that nobody expects."""
    topology = load_topology()
    frames = [shaken(topology, index) for index in range(3)]
    frames[1] = dataclasses.replace(frames[1], canonical=frames[1].canonical * np.float32(1e30))
    take = write_take(tmp_path / "a.lprtake", topology, frames)
    for arguments in (["export", take, "-o", tmp_path / "a.glb"], ["export", take, "-o", tmp_path / "a.glb", "--raw"],
                      ["info", take, "--smooth", "1"]):
        assert run(*arguments) == 2
        assert "frame 1 is damaged" in capsys.readouterr().err
    assert not (tmp_path / "a.glb").exists()


@pytest.mark.parametrize("command", ["image", "video", "export", "info", "import-weights"])
def test_examples_in_the_help_can_be_copied(command: str, capsys) -> None:
    assert run(command, "--help") == 0
    assert "%%" not in capsys.readouterr().out


def test_a_sequence_of_meshes_is_numbered_as_its_pictures(tmp_path: Path) -> None:
    """So that mesh 1003 belongs to plate 1003, also behind a plate that is missing."""
    topology, pictures = load_topology(), tmp_path / "shot"
    pictures.mkdir()
    for number in (1001, 1002, 1004):
        write_image(pictures / f"shot.{number}.png", np.full((48, 64, 3), 90, np.uint8))
    with open_frames(pictures / "shot.####.png", FrameOptions()) as frames:
        source, indices = source_of(frames.info, FrameOptions()), [frame.index for frame in frames]
    take = write_take(tmp_path / "a.lprtake", topology, [acted(topology, index, ()) for index in indices], source=source)
    for kind in ("obj", "ply"):
        assert run("export", take, "-o", tmp_path / kind / f"shot.####.{kind}", "--raw") == 0
        assert [path.name for path in sorted((tmp_path / kind).iterdir())] == [f"shot.{n}.{kind}" for n in (1001, 1002, 1004)]
    for first in (-3, "x", 10**30, True, None):
        assert number_of({"first": first}, 7) == 7
