"""What `lprnet video` keeps when the source itself goes wrong in the middle: a size that changes, a stream that breaks
off, a face that comes late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.cli import main
from inference_core.take import open_take

av = pytest.importorskip("av", reason="PyAV writes the clips")
SENT = 12


@pytest.fixture(autouse=True)
def weights(shipped_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(shipped_weights))


@pytest.fixture(scope="module")
def head(astronaut: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(astronaut[10:250, 110:350])


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


def test_a_first_face_at_frame_200_is_found_there(head, tmp_path: Path) -> None:
    nobody = np.full_like(head, 90)
    clip = write_clip(tmp_path / "late.mp4", [nobody] * 200 + [head] * 12)
    assert main(["video", str(clip), "-o", str(tmp_path / "a.lprtake")]) == 0
    take = open_take(tmp_path / "a.lprtake")
    first = int(np.flatnonzero(take.valid)[0])
    assert 200 <= first <= 205 and take.valid[first:].all() and take.gaps == [(0, first - 1)]
