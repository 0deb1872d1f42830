"""What a user may rely on with cameras and streams: the newest picture, stamps that rise, an end that is told; and a
server that cannot make the program hang, fill its memory or go elsewhere. Servers run on this computer."""

from __future__ import annotations

import http.server
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from inference_core.errors import VideoError
from inference_core.frames import FrameOptions, camera, live, open_frames
from inference_core.frames.multipart import MAX_PART_BYTES, parts
from inference_core.take_source import is_live

Serve = Callable[[Callable[[http.server.BaseHTTPRequestHandler], None]], str]
MJPEG = "multipart/x-mixed-replace; boundary=frame"


def jpeg(number: int, size: tuple[int, int] = (12, 16)) -> bytes:
    return cv2.imencode(".jpg", np.full((*size, 3), 10 * number, np.uint8))[1].tobytes()


def part(data: bytes, length: bool = True) -> bytes:
    head = b"Content-Length: %d\r\n" % len(data) if length else b""
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + head + b"\r\n" + data + b"\r\n"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(answer)` -> address of a server that answers so."""
    servers = []

    def start(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                try:
                    answer(self)
                except OSError:
                    pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/cam.mjpg"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def streaming(*sent: bytes, kind: str = MJPEG, pause_s: float = 0.03, status: int = 200,
              then_s: float = 0.0) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        for data in sent:
            handler.wfile.write(data)
            handler.wfile.flush()
            time.sleep(pause_s)
        time.sleep(then_s)

    return answer


def read_until_error(target: str, slow_s: float = 0.0) -> tuple[list[tuple[int, float, int]], str]:
    """Index, time and shown number of every frame, and the sentence at the end."""
    seen = []
    try:
        with open_frames(target) as frames:
            for frame in frames:
                seen.append((frame.index, frame.time_s, round(frame.image.mean() / 10)))
                time.sleep(slow_s)
    except VideoError as error:
        return seen, str(error)
    return seen, ""


@pytest.mark.parametrize("length", [True, False])
def test_a_stream_that_breaks_off_gives_its_pictures_and_then_says_so(serve: Serve, length: bool) -> None:
    address = serve(streaming(*(part(jpeg(number), length) for number in range(6))))
    seen, sentence = read_until_error(address)
    count = 6 if length else 5                      # without a length the last one has no end
    assert [(index, shown) for index, _, shown in seen] == [(number, number) for number in range(count)]
    assert seen[0][1] == 0 and all(a[1] < b[1] for a, b in zip(seen, seen[1:]))
    assert address in sentence and f"broke off after {count} pictures" in sentence


def test_a_stream_that_ends_as_it_should_is_no_error(serve: Serve) -> None:
    seen, sentence = read_until_error(serve(streaming(part(jpeg(1)), part(jpeg(2)), b"--frame--\r\n")))
    assert [shown for *_, shown in seen] == [1, 2] and sentence == ""


def test_who_is_slow_gets_the_newest_picture(serve: Serve) -> None:
    address = serve(streaming(*(part(jpeg(number)) for number in range(20)), pause_s=0.02))
    seen, _ = read_until_error(address, slow_s=0.15)
    assert len(seen) < 8 and seen[-1][0] == 19
    assert all(index == shown for index, _, shown in seen)


def test_a_part_of_a_stream_ends_by_itself_and_soon(serve: Serve) -> None:
    address = serve(streaming(*(part(jpeg(number)) for number in range(20)), then_s=20))
    start_s = time.monotonic()
    with open_frames(address, FrameOptions(end_s=0.1)) as frames:
        assert frames.info.kind == "stream" and frames.info.size == (16, 12) and frames.info.sha256 is None
        assert all(frame.time_s < 0.1 for frame in frames)
    assert time.monotonic() - start_s < 2


def test_a_damaged_picture_is_left_out(serve: Serve) -> None:
    sent = [part(jpeg(1)), part(jpeg(2)[:200]), part(b"no picture"), part(jpeg(4)), b"--frame--\r\n"]
    seen, sentence = read_until_error(serve(streaming(*sent)))
    assert [(index, shown) for index, _, shown in seen] == [(0, 1), (3, 4)] and sentence == ""


def test_another_size_midway_is_told(serve: Serve) -> None:
    seen, sentence = read_until_error(serve(streaming(part(jpeg(1)), part(jpeg(2, (20, 20))))))
    assert len(seen) == 1 and "from 16 x 12 to 20 x 20" in sentence


@pytest.mark.parametrize("sent", [(part(jpeg(1)),), (), (part(jpeg(1)), b"--frame\r\nContent-Length: 500\r\n\r\nabc")])
def test_a_camera_that_freezes_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...]) -> None:
    monkeypatch.setattr(live, "STALL_S", 0.4)
    seen, sentence = read_until_error(serve(streaming(*sent, then_s=5)))
    assert len(seen) == min(len(sent), 1) and "no picture has come for 0.4 s" in sentence


@pytest.mark.parametrize(("answer", "words"), [
    (streaming(b"<html>", kind="text/html"), "answers with text/html"),
    (streaming(jpeg(1), kind="image/jpeg"), "one picture"),
    (streaming(b"", status=404), "404"),
    (streaming(b"", status=401), "name and password"),
    (streaming(b"x: y\n" * 1000), "do not begin where"),
    (streaming(b"--frame\r\n" + b"a: b\r\n" * 1000), "too many headers"),
    (streaming(b"--frame\r\n" + b"a" * 100_000), "header is too long"),
    (streaming(b"--frame\r\nContent-Length: 99999999999\r\n\r\n"), "larger than"),
    (streaming(b"--frame\r\nContent-Length: -5\r\n\r\n"), "not a number"),
    (streaming(b"--frame--\r\n"), "without a picture"),
])
def test_what_is_no_stream_is_refused_with_its_cause(serve: Serve, answer, words: str) -> None:
    address = serve(answer)
    seen, sentence = read_until_error(address)
    assert seen == [] and sentence.startswith(address) and words in sentence and "\n" not in sentence


def test_a_server_cannot_send_the_program_elsewhere(serve: Serve) -> None:
    asked = []
    other = serve(lambda handler: asked.append(handler.path))

    def redirect(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", other)
        handler.end_headers()

    seen, sentence = read_until_error(serve(redirect))
    assert seen == [] and other in sentence and not asked


def test_a_password_is_sent_and_never_shown(serve: Serve) -> None:
    got = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        got.extend([handler.headers["Authorization"], handler.path])
        streaming(part(jpeg(1)))(handler)

    address = serve(answer).replace("http://", "http://me:geheim%21@") + "?key=alsogeheim"
    with open_frames(address) as frames, pytest.raises(VideoError) as broke:
        assert "geheim" not in frames.info.name
        list(frames)
    assert got == ["Basic bWU6Z2VoZWltIQ==", "/cam.mjpg?key=alsogeheim"] and "geheim" not in str(broke.value)


def test_blanks_in_an_address_are_sent_and_tell_no_password(serve: Serve) -> None:
    got = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        got.append(handler.path)
        streaming(part(jpeg(1)), b"--frame--\r\n")(handler)

    seen, sentence = read_until_error(serve(answer).replace("cam", "my%20own cam") + "?user=me&pwd=ge heim\u00e9")
    assert got == ["/my%20own%20cam.mjpg?user=me&pwd=ge%20heim%C3%A9"] and len(seen) == 1 and not sentence


@pytest.mark.parametrize(("address", "place"), [
    ("http://[fe80::1]/video", ("fe80::1", 80)), ("https://[::1]/", ("::1", 443)), ("http://[::1]:8080/", ("::1", 8080)),
    ("http://127.0.0.1/", ("127.0.0.1", 80))])
def test_an_address_without_a_port_is_asked_at_the_usual_one(monkeypatch, address: str, place: tuple) -> None:
    asked = []

    def connect(to: tuple, *_: object) -> None:
        asked.append(to)
        raise ConnectionRefusedError("nobody is there")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(VideoError, match="nobody is there"):
        open_frames(address)
    assert asked == [place]


@pytest.mark.parametrize("address", ["http://", "http://[::1", "http://host:99999/", "http://127.0.0.1:1/",
                                     "HTTP:///x", "http:// 192.168.0.5:8080/video", "http://me:geheim@a b/?geheim"])
def test_an_address_that_leads_nowhere_is_one_sentence(address: str) -> None:
    with pytest.raises(VideoError, match="address") as caught:
        open_frames(address)
    assert "geheim" not in str(caught.value)


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans())), st.booleans())
def test_parts_come_out_as_they_were_sent(sent: list[tuple[bytes, bool]], dashes: bool) -> None:
    sent = [(data if length else data.replace(b"--", b"++"), length) for data, length in sent]
    body = b"".join(part(data, length) for data, length in sent) + b"--frame--\r\n"
    assert list(parts(io.BytesIO(body), b"--frame" if dashes else b"frame")) == [data for data, _ in sent]


@given(st.lists(st.sampled_from([b"--frame", b"--", b"\r\n", b"\n", b"Content-Length: 3", b"\0abc", b"x" * 9000])))
def test_nonsense_from_a_server_ends_the_stream_and_nothing_else(pieces: list[bytes]) -> None:
    try:
        for data in parts(io.BytesIO(b"".join(pieces)), b"frame"):
            assert len(data) <= MAX_PART_BYTES
    except (EOFError, ValueError):
        pass


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """What stands in for a camera's pictures: OpenCV reads both alike."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, (16, 12))
    for number in range(10):
        writer.write(np.full((12, 16, 3), 10 * number, np.uint8))
    writer.release()
    return path


def test_a_camera_whose_cable_is_pulled_gives_its_last_picture_and_is_told(film, monkeypatch) -> None:
    monkeypatch.setattr(camera, "open_capture", lambda number: cv2.VideoCapture(str(film)))
    seen, sentence = read_until_error("camera:0")
    assert seen[-1][0] == seen[-1][2] == 9 and [index for index, *_ in seen] == sorted({index for index, *_ in seen})
    assert "camera:0" in sentence and "stopped after 10 pictures" in sentence


def test_a_camera_without_pictures_is_refused(monkeypatch) -> None:
    class Blind:
        """A camera that another program holds, as OpenCV shows it on some systems."""

        isOpened = staticmethod(lambda: True)
        get = staticmethod(lambda key: 0.0)
        read = staticmethod(lambda: (False, None))
        release = staticmethod(lambda: None)

    monkeypatch.setattr(camera, "open_capture", lambda number: Blind())
    with pytest.raises(VideoError, match="camera:3: opens, but gives no picture"):
        open_frames("camera:3")


@pytest.mark.parametrize("target", ["camera:", "camera:x", "camera:-1", "camera:100", "camera:99999999999",
                                    "camera:99", "Camera:99", "CAMERA:x"])
def test_a_camera_that_is_not_there_is_one_sentence(target: str) -> None:
    assert is_live(target)
    with pytest.raises(VideoError, match=target.lower()):
        open_frames(target)
