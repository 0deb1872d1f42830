"""What `lprnet video` keeps when the source itself goes wrong in the middle: a size that changes, a stream that breaks
off, a face that comes late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from mjpeg_server import camera, jpeg

from inference_core.cli import main
from inference_core.frames import open_frames
from inference_core.take import open_take
from inference_core.take_source import safe_name

av = pytest.importorskip("av", reason="PyAV writes the clips")
SENT = 12
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    return path


def error_of(capsys) -> str:
    """The one sentence that it ended with."""
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_size_that_changes_midway_keeps_what_came_before(head, tmp_path: Path, capsys) -> None:
    small = cv2.resize(head, (160, 160), interpolation=cv2.INTER_AREA)
    parts = [write_clip(tmp_path / f"{number}.ts", [picture] * 20) for number, picture in enumerate((head, small))]
    clip = tmp_path / "clip.ts"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert main(["video", str(clip), "-o", str(tmp_path / "a.lprtake")]) == 2
    take, error = open_take(tmp_path / "a.lprtake"), error_of(capsys)
    assert "size changes from 240 x 240 to 160 x 160" in error and f"holds the {len(take)} frames before" in error
    assert len(take) >= 18 and take.valid.all() and not take.complete


@pytest.fixture
def broken_stream(head) -> Iterator[str]:
    """An address that sends some pictures and the beginning of one more."""
    done, data = cv2.imencode(".jpg", head[..., ::-1])
    start = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
    picture = start + data.tobytes() + b"\r\n"
    proceed = threading.Event()

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(SENT):
                self.wfile.write(picture)
                self.wfile.flush()
                proceed.wait(0.1)
            self.wfile.write(picture[:len(picture) // 2])

        def log_message(self, *arguments) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_stream_that_breaks_off_keeps_what_came_before(broken_stream: str, tmp_path: Path, capsys) -> None:
    assert main(["video", broken_stream, "-o", str(tmp_path / "a.lprtake")]) == 2
    take, error = open_take(tmp_path / "a.lprtake"), error_of(capsys)
    assert 1 <= len(take) <= SENT and take.valid.any() and f"holds the {len(take)} frames before" in error
    assert main(["video", broken_stream, "-o", str(tmp_path / "a.lprtake"), "--resume"]) == 2
    assert "cannot be resumed" in error_of(capsys) and len(open_take(tmp_path / "a.lprtake")) == len(take)


def with_secrets(address: str) -> str:
    return address.replace("http://", "HTTP://admin:S3cret@") + "?token=T0KEN#T0KEN"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT can be sent there")
def test_a_stream_that_is_stopped_leaves_a_finished_take_and_tells_no_password(head, tmp_path: Path,
                                                                               shipped_weights: Path) -> None:
    take = tmp_path / "a.lprtake"
    with camera([jpeg(head)], count=10_000) as told:
        command = [sys.executable, "-m", "inference_core", "video", with_secrets(told.address), "-o", str(take)]
        process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "LPRNET_WEIGHTS": str(shipped_weights)},
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   # as from a terminal, also where whoever runs the tests ignores Ctrl-C
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s and not ((take / "frames.bin").exists()
                                                and (take / "frames.bin").stat().st_size > 200_000):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    found = open_take(take)
    assert process.returncode == 130 and found.complete and len(found) > 2
    assert said.splitlines()[-1].startswith(f"lprnet: stopped; {take} keeps its ")
    assert not any(word in said for word in ("S3cret", "T0KEN", "--resume", "Traceback"))


def test_no_sentence_about_a_stream_tells_its_password(head, tmp_path: Path, capsys) -> None:
    with camera([jpeg(np.full_like(head, 90))], count=10_000) as told:
        address = with_secrets(told.address)
        assert main(["video", address, "-o", str(tmp_path / "a.lprtake"), "--end", "0.5"]) == 2
        nobody = error_of(capsys)
        with open_frames(address) as frames:
            assert safe_name(address) == frames.info.name
    assert "no face was seen" in nobody and safe_name(address) in nobody
    for wrong in ("rtsp://admin:S3cret@127.0.0.1/x?T0KEN", "rtsp://admin:T0KEN/S3cret@127.0.0.1/x",
                  "http://admin:S3cret@[::1/?T0KEN"):
        assert main(["video", wrong, "-o", str(tmp_path / "b.lprtake")]) == 2
        nobody += capsys.readouterr().err
    assert "S3cret" not in nobody and "T0KEN" not in nobody


@pytest.mark.parametrize("clip", ["http://admin:S3cret@127.0.0.1:9/a?T0KEN", "camera:0"])
def test_an_overlay_of_what_cannot_be_read_again_is_refused_before_a_capture(tmp_path: Path, capsys, clip: str) -> None:
    assert main(["video", clip, "-o", str(tmp_path / "a.lprtake"), "--overlay", str(tmp_path / "a.mp4")]) == 2
    error = error_of(capsys)
    assert "cannot be read again" in error and "S3cret" not in error and "T0KEN" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_first_face_at_frame_200_is_found_there(head, tmp_path: Path) -> None:
    nobody = np.full_like(head, 90)
    clip = write_clip(tmp_path / "late.mp4", [nobody] * 200 + [head] * 12)
    assert main(["video", str(clip), "-o", str(tmp_path / "a.lprtake")]) == 0
    take = open_take(tmp_path / "a.lprtake")
    first = int(np.flatnonzero(take.valid)[0])
    assert 200 <= first <= 205 and take.valid[first:].all() and take.gaps == [(0, first - 1)]
