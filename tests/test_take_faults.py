"""Whatever stops the capture, the take up to there is whole, and a resume ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from takes import few_vertices, header, shaken, write_take

from inference_core.errors import OutputError, TakeError
from inference_core.take import TakeWriter, open_take
from inference_core.take_records import CHECK, HEAD, HEAD_BYTES, PREAMBLE, RECORD
from inference_core.topology import load_topology

HERE = Path(__file__).resolve().parent
SMALL, COUNT, LOST = few_vertices(), 8, (3, 4)
KILLS = 10


def frames(count: int = COUNT):
    return [shaken(SMALL, index, LOST) for index in range(count)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return write_take(tmp_path_factory.mktemp("takes") / "whole.lprtake", SMALL, frames())


@pytest.fixture(scope="module")
def records(whole: Path) -> list[int]:
    """Where each record of the whole take starts, the end mark last."""
    table = open_take(whole, SMALL).table
    return [*map(int, table["place"]), (whole / "frames.bin").stat().st_size - HEAD_BYTES]


def forged(kind: int, state_bytes: int, body_bytes: int, index: int, number: float) -> bytes:
    """A head whose checksum is right, whatever it claims."""
    head = HEAD.pack(RECORD, kind, state_bytes, body_bytes, 0, index, *[number] * 19)
    return head + CHECK.pack(zlib.crc32(head))


def copy_with(whole: Path, folder: Path, data: bytes) -> Path:
    path = folder / "a.lprtake"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(whole, path)
    (path / "frames.bin").write_bytes(data)
    return path


def finish(path: Path) -> None:
    with TakeWriter.resume(path, SMALL) as writer:
        for frame in frames()[writer.next_index:]:
            writer.add(frame)


def test_killed_ten_times_at_random_and_still_the_same_take(tmp_path: Path) -> None:
    """A program of its own is killed with SIGKILL while it writes, at random moments, and started again each time."""
    path, topology, chance = tmp_path / "killed.lprtake", load_topology(), random.Random(0)
    written = 0
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, HERE / "takes.py", path, "1000000"], stdout=subprocess.PIPE,
                                 cwd=HERE.parent, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        told = child.stdout.read().split()
        assert child.wait() == -signal.SIGKILL
        take = open_take(path)
        assert not take.complete and take.index.tolist() == list(range(len(take)))
        assert len(take) > (int(told[-1]) if told else written)             # nothing that was finished is lost
        np.testing.assert_allclose(take.canonical(-1), shaken(topology, len(take) - 1, LOST).canonical, atol=0.002)
        written = len(take)
    count = written + 3
    subprocess.run([sys.executable, HERE / "takes.py", path, str(count)], stdout=subprocess.DEVNULL, cwd=HERE.parent,
                   env={**os.environ, "PYTHONPATH": str(HERE.parent)}, check=True)
    at_once = write_take(tmp_path / "once.lprtake", topology, (shaken(topology, i, LOST) for i in range(count)))
    for name in ("frames.bin", "header.json"):
        assert (path / name).read_bytes() == (at_once / name).read_bytes()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_off_at_any_byte_whole_frames_are_read_and_a_resume_ends_the_same(tmp_path_factory, whole, records, data):
    content = (whole / "frames.bin").read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    path = copy_with(whole, tmp_path_factory.getbasetemp(), content[:cut])
    ends = [*records[1:], len(content)]
    assert len(open_take(path, SMALL)) == sum(end <= cut for end in ends)
    assert not open_take(path, SMALL).complete
    finish(path)
    assert (path / "frames.bin").read_bytes() == content


def test_a_last_record_torn_at_every_byte_costs_that_record_alone(tmp_path: Path, whole: Path, records) -> None:
    content = (whole / "frames.bin").read_bytes()
    path = copy_with(whole, tmp_path, content)
    for cut in range(records[-2], records[-1]):
        (path / "frames.bin").write_bytes(content[:cut])
        assert len(open_take(path, SMALL)) == COUNT - 1


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 300, b"LPRF" * 200], ids=["zeros", "ones", "like records"])
def test_rubbish_behind_the_last_frame_is_no_frame(tmp_path: Path, whole: Path, records, tail: bytes) -> None:
    """What a loss of power may leave."""
    content = (whole / "frames.bin").read_bytes()
    path = copy_with(whole, tmp_path, content[:records[-1]] + tail)
    assert len(open_take(path, SMALL)) == COUNT and not open_take(path, SMALL).complete
    head = records[-2] + HEAD_BYTES
    path = copy_with(whole, tmp_path, content[:head] + bytes(records[-1] - head))
    assert len(open_take(path, SMALL)) == COUNT - 1
    finish(path)
    assert (path / "frames.bin").read_bytes() == content


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_single_altered_byte_is_never_silently_a_wrong_frame(tmp_path_factory, whole, data) -> None:
    content = bytearray((whole / "frames.bin").read_bytes())
    place, flip = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(1, 255))
    content[place] ^= flip
    path = copy_with(whole, tmp_path_factory.getbasetemp(), bytes(content))
    before = open_take(whole, SMALL)
    try:
        take = open_take(path, SMALL)
        for row in range(len(take)):
            assert take.state(row) == before.state(row)
            if take.valid[row]:
                np.testing.assert_array_equal(take.canonical(row), before.canonical(row))
    except TakeError as error:
        assert "a.lprtake" in str(error) and "\n" not in str(error)
        return
    # only the mark at the end can have gone; then the take says that it is not complete
    assert len(take) == COUNT and not take.complete
    assert take.table.tobytes() == before.table.tobytes()


def test_damage_in_the_middle_is_told_and_no_frame_behind_it_is_lost(tmp_path: Path, whole: Path, records) -> None:
    content = bytearray((whole / "frames.bin").read_bytes())
    content[records[5] + 50] ^= 1
    path = copy_with(whole, tmp_path, bytes(content))
    with pytest.raises(TakeError, match=r"damaged after 5 whole frames.*--up-to-damage"):
        open_take(path, SMALL)
    part = open_take(path, SMALL, up_to_damage=True)
    assert len(part) == 5 and not part.complete
    with pytest.raises(TakeError, match="damaged after 5 frames, with whole ones behind"):
        TakeWriter.resume(path, SMALL)
    assert (path / "frames.bin").read_bytes() == bytes(content)


def test_a_finished_take_is_left_alone_or_grows(tmp_path: Path, whole: Path) -> None:
    content = (whole / "frames.bin").read_bytes()
    path = copy_with(whole, tmp_path, content)
    with TakeWriter.resume(path, SMALL) as writer:
        assert writer.complete and writer.next_index == COUNT and writer.frames == COUNT
        assert writer.state == shaken(SMALL, COUNT - 1).state
    assert (path / "frames.bin").read_bytes() == content
    with TakeWriter.resume(path, SMALL) as writer:
        writer.add(shaken(SMALL, COUNT))
    longer = write_take(tmp_path / "longer.lprtake", SMALL, frames(COUNT + 1))
    assert (path / "frames.bin").read_bytes() == (longer / "frames.bin").read_bytes()


def test_an_exception_leaves_a_take_that_is_not_called_finished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), TakeWriter.create(tmp_path / "a.lprtake", header(SMALL), SMALL) as writer:
        writer.add(shaken(SMALL, 0))
        raise KeyboardInterrupt
    take = open_take(tmp_path / "a.lprtake", SMALL)
    assert len(take) == 1 and not take.complete


def test_a_take_can_be_read_while_it_is_written_but_not_written_twice(tmp_path: Path) -> None:
    with TakeWriter.create(tmp_path / "a.lprtake", header(SMALL), SMALL) as writer:
        for index in range(3):
            writer.add(shaken(SMALL, index))
            assert len(open_take(tmp_path / "a.lprtake", SMALL)) == index + 1
        with pytest.raises(TakeError, match="another program is writing"):
            TakeWriter.resume(tmp_path / "a.lprtake", SMALL)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"LPRF", b"LPRTAKE\0", bytes(211)]),
                          st.builds(forged, st.integers(0, 5), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
                                    st.integers(-2**63, 2**63 - 1), st.floats())), max_size=8))
def test_frames_of_anything_are_an_error_in_one_sentence_or_no_frames(tmp_path_factory, whole, parts) -> None:
    content = (whole / "frames.bin").read_bytes()[:PREAMBLE.size] + b"".join(parts)
    path = copy_with(whole, tmp_path_factory.getbasetemp(), content)
    try:
        take = open_take(path, SMALL)
        for row in np.flatnonzero(take.valid):
            assert np.isfinite(take.vertices_image(row)).all()
    except TakeError as error:
        assert "a.lprtake" in str(error) and "\n" not in str(error)


FILL = """
import resource, sys
from takes import header, shaken
from inference_core.errors import OutputError
from inference_core.take import TakeWriter
from inference_core.topology import load_topology
topology, path, limit = load_topology(), sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with TakeWriter.create(path, header(topology)) as writer:
        for index in range(100):
            writer.add(shaken(topology, index))
except OutputError as error:
    print(error)
    sys.exit(3)
"""


def fill(path: Path, limit: int = 0) -> str:
    """Writes in a program of its own until nothing more fits; the sentence that it ends with."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
    done = subprocess.run([sys.executable, "-c", FILL, path, str(limit)], capture_output=True, text=True,
                          cwd=HERE.parent, env=environment, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    return done.stdout.strip()


def whole_up_to_there_and_resumed(path: Path, sentence: str) -> None:
    topology, take = load_topology(), open_take(path)
    assert len(take) >= 5 and f"its {len(take)} frames are kept" in sentence and "--resume" in sentence
    assert (path / "frames.bin").stat().st_size == take.table["place"][-1] + HEAD_BYTES + take.table["body_bytes"][-1]
    with TakeWriter.resume(path) as writer:
        assert writer.next_index == len(take)
        writer.add(shaken(topology, writer.next_index))
    np.testing.assert_allclose(open_take(path).canonical(-1), shaken(topology, len(take)).canonical, atol=0.002)


def test_a_file_that_may_not_grow_ends_in_a_sentence_and_a_whole_take(tmp_path: Path) -> None:
    path = tmp_path / "a.lprtake"
    sentence = fill(path, limit=600_000)
    assert sentence.startswith(f"{path}: nothing more can be written (File too large)") and "\n" not in sentence
    whole_up_to_there_and_resumed(path, sentence)


def test_a_full_disk_ends_in_a_sentence_and_a_whole_take(tmp_path: Path) -> None:
    """The take lies on a disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True,
                                 check=False)
    except OSError:
        pytest.skip("there is no mount command to make a small disk with")
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted without the rights of root")
    try:
        sentence = fill(disk / "a.lprtake")
        assert "No space left on device" in sentence and "\n" not in sentence
        shutil.copytree(disk / "a.lprtake", tmp_path / "a.lprtake")         # the user makes room
        whole_up_to_there_and_resumed(tmp_path / "a.lprtake", sentence)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_take_that_cannot_be_started_leaves_a_sentence(tmp_path: Path, monkeypatch) -> None:
    def full(handle, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"a\.lprtake.*No space left"):
        TakeWriter.create(tmp_path / "a.lprtake", header(SMALL), SMALL)
    monkeypatch.undo()
    assert len(open_take(tmp_path / "a.lprtake", SMALL)) == 0
    assert (tmp_path / "a.lprtake" / "frames.bin").stat().st_size <= PREAMBLE.size
