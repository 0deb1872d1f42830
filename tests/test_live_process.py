"""What a user may rely on when a camera runs in a process of its own: results in order, the take that lprnet video
would have made, and an end that is told, whoever dies first. Real processes, a real stream on loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.errors import EngineError, VideoError
from inference_core.frames import Frame
from inference_core.images import decode_image, read_image
from inference_core.live import CameraSearch, LiveOptions, LiveProcess, LiveResult, LiveState, cameras, child, process
from inference_core.live import python
from inference_core.live.handle import STOP_S
from inference_core.live.messages import LIVE, OPENING, LiveStatus, encode, read_messages
from inference_core.take import open_take, take_frame
from inference_core.tracking import TrackOptions, capture
from addon_build.relative_imports import made_relative
from mjpeg_server import camera, head_pictures

REPOSITORY = Path(__file__).resolve().parent.parent
DEADLINE_S = 60.0
START = "from inference_core.live.child import main"


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))


@pytest.fixture(scope="module")
def pictures(astronaut: np.ndarray) -> list[bytes]:
    return head_pictures(astronaut)


def altered(code: str) -> list[str]:
    """The child's command, with something done to it before it begins."""
    assert START in python.BOOT
    return [sys.executable, "-I", "-c", python.BOOT.replace(START, f"{START}\n{code}")]


def until(live: LiveProcess, enough: Callable[[LiveState], bool], taken: list[LiveResult] | None = None) -> LiveState:
    """Takes the newest results as a timer would, until something is so or all is over."""
    end_s = time.monotonic() + DEADLINE_S
    while not enough(state := live.state()) and state.running:
        assert time.monotonic() < end_s, state
        result = live.newest()
        if result is not None and taken is not None:
            taken.append(result)
        time.sleep(0.005)
    last = live.newest()
    if last is not None and taken is not None:
        taken.append(last)
    return state


def over(state: LiveState) -> bool:
    return not state.running


def recorded(count: int) -> Callable[[LiveState], bool]:
    return lambda state: state.recorded >= count


def test_results_come_in_order_and_all_are_counted(pictures) -> None:
    taken: list[LiveResult] = []
    with camera(pictures, count=30) as source, LiveProcess(LiveOptions(source.address)) as live:
        state = until(live, over, taken)
        sent = len(source.sent_s)
    assert state.stage == "ended" and state.message == ""
    numbers = [result.number for result in taken]
    assert numbers == sorted(set(numbers)) and numbers[-1] == state.frames - 1
    assert len(taken) <= state.received <= state.frames <= sent == 30
    assert all(a.index < b.index and a.time_s < b.time_s for a, b in zip(taken, taken[1:]))
    assert taken[-1].index == 29
    for result in taken:
        assert result.size == (240, 240) and result.vertices_canonical.shape[1] == 3 and result.confidence > 0.5
        assert source.sent_s[result.index] <= result.arrived_s <= result.done_s <= time.monotonic()


def test_who_does_not_look_for_a_while_gets_the_newest(pictures) -> None:
    with camera(pictures, count=25) as source, LiveProcess(LiveOptions(source.address)) as live:
        live.wait(DEADLINE_S)
        assert live.newest().index == 24 and live.newest() is None


def test_a_recorded_take_is_what_lprnet_video_would_have_stored_of_the_same_frames(pictures, tmp_path: Path) -> None:
    path = tmp_path / "live.lprtake"
    with camera(pictures, count=25) as source, LiveProcess(LiveOptions(source.address, str(path))) as live:
        state = until(live, over)
    take = open_take(path)
    assert take.complete and take.valid.all() and 1 < len(take) == state.recorded == state.frames
    assert take.header.source["kind"] == "stream" and take.header.source["sha256"] is None
    seen = (Frame(decode_image(pictures[index % len(pictures)], "picture"), float(time_s), int(index))
            for index, time_s in zip(take.index, take.time_s))
    for row, result in enumerate(capture(seen, TrackOptions())):
        stored, wanted = take.pose(row), take_frame(result)
        assert np.array_equal(stored.rotation, wanted.pose.rotation) and stored.scale == wanted.pose.scale
        assert take.confidence[row] == wanted.confidence and take.state(row) == wanted.state
        assert np.abs(take.canonical(row) - wanted.canonical).max() < 0.005       # cm: half precision in the file


def test_a_stop_finishes_the_take(pictures, tmp_path: Path) -> None:
    path = tmp_path / "live.lprtake"
    with camera(pictures, count=10_000) as source, LiveProcess(LiveOptions(source.address, str(path))) as live:
        until(live, recorded(5))
        live.stop()
        state = live.wait()
    take = open_take(path)
    assert state.stage == "ended" and take.complete and len(take) == state.recorded >= 5


def test_a_stop_while_nothing_comes_is_no_error(pictures) -> None:
    with camera(pictures, count=5, last=b"", then_s=60) as source, LiveProcess(LiveOptions(source.address)) as live:
        until(live, lambda state: state.frames >= 1 and state.silent_s > 0.5)
        live.stop()
        assert live.wait().stage == "ended"


@pytest.mark.parametrize("heard", [True, False])
def test_a_stop_at_once_leaves_nothing_and_is_no_failure(tmp_path: Path, heard: bool) -> None:
    """heard: by the child, before it finds no camera."""
    deaf = altered("from inference_core.live import child; child.Stop.listen = lambda stop: None")
    with LiveProcess(LiveOptions("camera:97", str(tmp_path / "live.lprtake")), command=None if heard else deaf) as live:
        live.stop()
        assert live.wait().stage == "ended" and live.state().message == ""
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_midway_is_told_and_the_take_kept(pictures, tmp_path: Path) -> None:
    path = tmp_path / "live.lprtake"
    with camera(pictures, count=12, last=b"--frame\r\nContent-Length: 500\r\n\r\nabc") as source, \
            LiveProcess(LiveOptions(source.address, str(path))) as live:
        state = until(live, over)
    take = open_take(path)
    assert state.stage == "failed" and state.message.startswith(source.address) and "broke off" in state.message
    assert f"{path} keeps the {len(take)} frames before" in state.message and len(take) > 0 and not take.complete


def test_a_stream_that_freezes_is_noticed(pictures) -> None:
    quick = altered("from inference_core.frames import live as feed; feed.STALL_S = 0.7")
    with camera(pictures, count=6, last=b"", then_s=60) as source, \
            LiveProcess(LiveOptions(source.address), command=quick) as live:
        state = until(live, over)
    assert state.stage == "failed" and "for 0.7 s after" in state.message, state


def test_a_child_that_hangs_is_noticed_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OPENING_S", 0.5)
    with LiveProcess(LiveOptions("camera:0"), command=[sys.executable, "-c", "import time; time.sleep(99)"]) as live:
        state = until(live, over)
        assert state.stage == "failed" and "no answer for 0.5 s" in state.message
        assert live.wait().stage == "failed"
        with pytest.raises(ProcessLookupError):
            os.kill(live.pid, 0)


def test_a_camera_that_opens_slowly_is_waited_for_longer_than_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENT_S", 0.3)
    slowly = [b"".join(encode(LiveStatus(stage))) for stage in (OPENING, LIVE)]
    code = ("import sys, time\n"
            f"for message in {slowly}: sys.stdout.buffer.write(message); sys.stdout.flush(); time.sleep(1)\n"
            "time.sleep(99)")
    start_s = time.monotonic()
    with LiveProcess(LiveOptions("camera:0"), command=[sys.executable, "-c", code]) as live:
        state = until(live, over)
    assert state.stage == "failed" and "no answer for 0.3 s" in state.message and time.monotonic() - start_s > 1


def test_a_child_that_hangs_is_told_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OPENING_S", 0.3)
    target = "http://me:geheim@127.0.0.1:1/cam?mail=a@geheim"
    with LiveProcess(LiveOptions(target), command=[sys.executable, "-c", "import time; time.sleep(99)"]) as live:
        state = until(live, over)
    assert state.message.startswith("http://127.0.0.1:1/cam: no answer") and "geheim" not in state.message


@pytest.mark.parametrize(("target", "words"), [("http://127.0.0.1:1/cam", "refused"),
                                               ("http://me:geheim@127.0.0.1:1/cam?key=geheim", "refused"),
                                               ("camera:97", "cannot be opened"), ("camera:x", "not the number")])
def test_a_camera_that_is_not_there_is_one_sentence(target: str, words: str) -> None:
    with LiveProcess(LiveOptions(target)) as live:
        state = until(live, over)
    assert state.stage == "failed" and words in state.message
    assert "check" in state.message or "first one" in state.message
    assert "geheim" not in state.message and "\n" not in state.message


def test_a_password_is_not_on_the_childs_command_line(pictures) -> None:
    with camera(pictures, count=10_000) as source:
        with LiveProcess(LiveOptions(source.address.replace("//", "//me:geheim@"))) as live:
            assert until(live, lambda state: state.frames > 0).running
            assert b"geheim" not in Path(f"/proc/{live.pid}/cmdline").read_bytes()


def test_a_child_that_is_killed_is_told_and_its_take_kept(pictures, tmp_path: Path) -> None:
    path = tmp_path / "live.lprtake"
    with camera(pictures, count=10_000) as source, LiveProcess(LiveOptions(source.address, str(path))) as live:
        until(live, recorded(5))
        os.kill(live.pid, signal.SIGKILL)
        state = until(live, over)
    assert state.stage == "failed" and "SIGKILL" in state.message and str(path) in state.message
    assert len(open_take(path)) >= 5


OPENS_FOR_EVER = """
import time
from inference_core.live import child
child.GRACE_S, child._open = 0.2, lambda target: time.sleep(99)
"""


def test_a_stop_while_the_camera_opens_ends_the_child() -> None:
    with LiveProcess(LiveOptions("camera:0"), command=altered(OPENS_FOR_EVER)) as live:
        assert until(live, lambda state: state.stage == "opening").running
        live.stop()
        assert live.wait(STOP_S / 2).stage == "ended"


def test_a_caller_that_goes_away_while_the_camera_opens_ends_the_child() -> None:
    going = python.start(altered(OPENS_FOR_EVER))
    going.stdin.write(python.order(task="live", options=LiveOptions("camera:0").to_json()))
    going.stdin.flush()
    assert OPENING in (message.stage for message in read_messages(going.stdout, 1))
    for pipe in (going.stdin, going.stdout, going.stderr):
        pipe.close()
    assert going.wait(STOP_S / 2) == 1


PARENT = """
import sys, time
from inference_core.live import LiveOptions, LiveProcess
live = LiveProcess(LiveOptions(sys.argv[1], sys.argv[2]))
while not live.state().recorded:
    assert live.state().running, live.state()
    time.sleep(0.01)
print(live.pid, flush=True)
time.sleep(999)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("blocked", [False, True])
def test_a_child_whose_parent_is_killed_ends(pictures, tmp_path: Path, blocked: bool) -> None:
    """blocked: while it waits for the camera, too."""
    path = tmp_path / "live.lprtake"
    with camera(pictures, count=10_000) as source:
        parent = subprocess.Popen([sys.executable, "-c", PARENT, source.address, str(path)], cwd=REPOSITORY,
                                  stdout=subprocess.PIPE, text=True)
        try:
            pid = int(parent.stdout.readline())
            if blocked:
                source.go.clear()
        finally:
            parent.kill()
            parent.wait()
            parent.stdout.close()
        end_s = time.monotonic() + DEADLINE_S / 4
        while alive(pid) and time.monotonic() < end_s:
            time.sleep(0.05)
        assert not alive(pid)
        source.go.set()
    assert open_take(path).complete


def test_a_program_that_ends_without_a_stop_ends_in_silence_and_its_child_too(pictures, tmp_path: Path) -> None:
    code = PARENT.replace("time.sleep(999)", "")
    with camera(pictures, count=10_000) as source:
        done = subprocess.run([sys.executable, "-c", code, source.address, str(tmp_path / "live.lprtake")],
                              cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0 and done.stderr == ""
        end_s = time.monotonic() + DEADLINE_S / 4
        while alive(int(done.stdout)) and time.monotonic() < end_s:
            time.sleep(0.05)
        assert not alive(int(done.stdout))


def alive(pid: int) -> bool:
    """Also where nobody reaps it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_folder_that_cannot_be_written_is_one_sentence(pictures, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "live.lprtake"
    with camera(pictures, count=10_000) as source, LiveProcess(LiveOptions(source.address, str(path))) as live:
        state = until(live, over)
    assert state.stage == "failed" and str(path) in state.message and "choose another name" in state.message


def test_a_disk_that_fills_up_ends_the_recording_with_what_it_has(pictures, tmp_path: Path) -> None:
    path = tmp_path / "live.lprtake"
    limited = altered("import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                      "resource.setrlimit(resource.RLIMIT_FSIZE, (450_000, 450_000))")
    with camera(pictures, count=10_000) as source, \
            LiveProcess(LiveOptions(source.address, str(path)), command=limited) as live:
        state = until(live, over)
    take = open_take(path)
    assert state.stage == "failed" and "nothing more can be recorded" in state.message and "resume" not in state.message
    assert f"keeps its {len(take)} frames" in state.message and len(take) > 0 and take.valid.all()


@pytest.mark.parametrize("nonsense", [r"b'hello world, this is no message'", r"b'LPRl\x02\xff\xff\xff\xff'",
                                      r"b'LPRl\x01\x02\0\0\0[]'"])
def test_nonsense_from_the_child_is_refused_and_the_child_ended(nonsense: str) -> None:
    code = f"import sys, time; sys.stdout.buffer.write({nonsense}); sys.stdout.flush(); time.sleep(99)"
    with LiveProcess(LiveOptions("camera:0"), command=[sys.executable, "-c", code]) as live:
        state = until(live, over)
    assert state.stage == "failed" and "no result" in state.message and "start again" in state.message


def test_what_libraries_print_in_the_child_does_no_harm(pictures) -> None:
    noisy = altered("import os, threading, time\n"
                    "def shout():\n    while True: os.write(1, b'noise ' * 99); time.sleep(0.001)\n"
                    "main_ = main\n"
                    "def main(*a): threading.Timer(0.1, shout).start(); main_(*a)")
    with camera(pictures, count=8) as source, LiveProcess(LiveOptions(source.address), command=noisy) as live:
        assert until(live, over).stage == "ended"


LOADED_LATE = """
import os, sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from inference_core.live import child
listen, end, before = child.Stop.listen, os._exit, set()
def note(stop):
    before.update(sys.modules)
    listen(stop)
def tell(code):
    late = [name for name, module in sys.modules.items() if name not in before
            and (getattr(module, "__file__", None) or "").endswith(tuple(EXTENSION_SUFFIXES))]
    waits = not os.path.samestat(os.fstat(0), os.stat(os.devnull))
    Path({path!r}).write_text(f"{{len(before) > 0}} {{late}} {{waits}}")
    end(code)
child.Stop.listen, os._exit = note, tell
"""


def test_nothing_is_loaded_while_commands_are_waited_for_and_nobody_else_waits_at_standard_input(tmp_path) -> None:
    """On Windows it might wait for ever. A picture without a face, so that every detector is needed."""
    black = cv2.imencode(".jpg", np.zeros((240, 240, 3), np.uint8))[1].tobytes()
    noting = altered(LOADED_LATE.format(path=str(tmp_path / "late")))
    with camera([black], count=2) as source, \
            LiveProcess(LiveOptions(source.address, str(tmp_path / "a.lprtake")), command=noting) as live:
        state = until(live, over)
    assert state.stage == "ended" and state.lost == state.frames > 0
    assert (tmp_path / "late").read_text() == "True [] False"


def test_webcams_are_asked_to_open_quickly_unless_the_user_has_said_how(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"
    said = []
    for given in (None, "1"):
        monkeypatch.delenv(name, raising=False) if given is None else monkeypatch.setenv(name, given)
        said.append(python.start([sys.executable, "-c", f"import os; print(os.environ[{name!r}])"]).communicate()[0])
        assert os.environ.get(name) == given
    assert [each.strip() for each in said] == [b"0", b"1"]


def test_a_fault_of_ours_is_told_with_its_kind(pictures) -> None:
    faulty = altered("from inference_core.live import child\ndef none(*a): raise RuntimeError('oh')\n"
                     "child.load_network = none")
    with LiveProcess(LiveOptions("camera:0"), command=faulty) as live:
        assert "RuntimeError: oh" in until(live, over).message


def test_the_skin_comes_once_looks_like_skin_and_stays_with_the_take(astronaut, tmp_path: Path) -> None:
    big = [cv2.imencode(".jpg", astronaut[..., ::-1])[1].tobytes()]
    textures = []
    options = {"take": str(tmp_path / "live.lprtake"), "texture_size": 256, "mirror": True}
    with camera(big, count=10_000) as source, LiveProcess(LiveOptions(source.address, **options)) as live:
        def came(state: LiveState) -> bool:
            textures.extend([png] if (png := live.texture()) is not None else [])
            return bool(textures) and state.frames > 20
        until(live, came)
    skin = decode_image(*textures, "texture")
    assert skin.shape == (256, 256, 3) and skin.dtype == np.uint8
    red, _, blue = np.median(skin.reshape(-1, 3), 0)
    assert red > blue + 20
    kept, seen = (read_image(tmp_path / "live.lprtake" / name) for name in ("skin.png", "skin_seen.png"))
    assert set(np.unique(seen)) == {0, 255}
    assert np.array_equal(kept[:, ::-1], skin) and len(open_take(tmp_path / "live.lprtake")) > 20


INSIDE = """
import sys, time
from addon.inference_core.live import LiveOptions, LiveProcess
assert "inference_core" not in sys.modules
with LiveProcess(LiveOptions(sys.argv[1])) as live:
    while live.state().running:
        time.sleep(0.01)
    print(live.state().stage, live.newest().index, live.state().message)
"""


def test_the_core_works_as_a_part_of_another_package_as_in_the_zip(pictures, tmp_path: Path) -> None:
    for path in (REPOSITORY / "inference_core").rglob("*.py"):
        name = path.relative_to(REPOSITORY).as_posix()
        target = tmp_path / "addon" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made_relative(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    (tmp_path / "addon" / "__init__.py").touch()
    # a neighbour of the core that would hide a module of Python's, were its folder on the child's path
    (tmp_path / "addon" / "json.py").write_text("raise ImportError('a neighbour')")
    with camera(pictures, count=8) as source:
        done = subprocess.run([sys.executable, "-c", INSIDE, source.address], cwd=tmp_path, capture_output=True,
                              text=True, timeout=DEADLINE_S, check=False)
    assert done.stdout.split() == ["ended", "7"], done.stdout + done.stderr


def test_no_program_to_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        LiveProcess(LiveOptions("camera:0"), command=[str(tmp_path / "python")])
    for name in ("prefix", "base_prefix", "exec_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path))
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "blender"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "blender"))
    (tmp_path / "blender").touch(0o755)
    with pytest.raises(EngineError, match="no Python was found"):
        python.interpreter()


def test_an_application_with_python_inside_is_not_taken_for_python(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("blender", "bin/python3.11", f"bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        (tmp_path / name).touch(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "blender"))
    monkeypatch.setattr(sys, "_base_executable", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert re.fullmatch(r"python3\.\d+", Path(python.interpreter()).name)


def test_on_a_mac_a_refused_camera_says_where_the_permission_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(VideoError, match="Terminal"):
        child._open("camera:97")
    killed = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"]
    with LiveProcess(LiveOptions("camera:0"), command=killed) as live:
        state = until(live, over)
    assert state.stage == "failed" and "Terminal" in state.message and "camera:0" in state.message


def test_only_cameras_that_give_a_picture_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("video0", "video1", "video3", "videodev", "sda"):
        (tmp_path / name).touch()

    class Device:
        def __init__(self, number: int) -> None:
            self.number = number

        def isOpened(self) -> bool:
            return self.number in (0, 1)

        def read(self) -> tuple:
            return (True, np.zeros((480, 640, 3), np.uint8)) if self.number == 0 else (False, None)

        def release(self) -> None:
            pass

    monkeypatch.setattr(cameras, "DEVICES", tmp_path)
    monkeypatch.setattr(cameras, "open_capture", Device)
    stop = threading.Event()
    assert list(cameras.found_cameras(stop)) == [("camera:0", 640, 480)]
    monkeypatch.setattr(cameras, "_listed", lambda: False)
    assert list(cameras.found_cameras(stop)) == [("camera:0", 640, 480)]


def test_the_search_for_cameras_happens_elsewhere_and_ends() -> None:
    found = CameraSearch().wait()
    assert isinstance(found, tuple) and all(re.fullmatch(r"camera:\d+", name) for name, *_ in found)
