"""A camera stand-in: an MJPEG stream on loopback that sends what a test tells it to, when it tells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

END = b"--frame--\r\n"


def head_pictures(portrait: np.ndarray, count: int = 12) -> list[bytes]:
    """JPEGs of the portrait's head, 240 x 240 pixels, moved a little from one to the next."""
    return [jpeg(portrait[10:250, 110 + shift:350 + shift]) for shift in (abs(n % 24 - 12) for n in range(count))]


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


@dataclass
class Camera:
    """sent_s: when each picture of the last connection went out, by time.monotonic(); go: cleared, nothing more
    comes."""

    address: str = ""
    sent_s: list[float] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)


@contextmanager
def camera(pictures: Sequence[bytes], *, count: int, fps: float = 25.0, last: bytes = END,
           before: Callable[[int], object] = lambda number: None, then_s: float = 0.0) -> Iterator[Camera]:
    """Serves `count` pictures in a circle, then `last` (b"": it breaks off), after which the line stays open for
    then_s. before(number) is called before each picture is sent."""
    told = Camera()
    told.go.set()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            told.sent_s.clear()
            start_s = time.monotonic()
            try:
                for number in range(count):
                    time.sleep(max(start_s + number / fps - time.monotonic(), 0))
                    told.go.wait()
                    before(number)
                    data = pictures[number % len(pictures)]
                    told.sent_s.append(time.monotonic())
                    self.wfile.write(b"--frame\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n")
                self.wfile.write(last)
                time.sleep(then_s)
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    told.address = f"http://127.0.0.1:{server.server_port}/cam.mjpg"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
