"""How late the mesh in Blender is behind a camera, and how steadily it comes: a 720p MJPEG stream on loopback, the
capture process, the mesh written in Blender.

    python -m benchmarks.live --seconds 30 --json out/live.json
    python -m benchmarks.live --clip CLIP --fps 30 --record out/measured.lprtake

The server notes when it begins to send each picture; Blender (the bpy wheel, in a process of its own, ticking as its
timer does) notes when the mesh of that picture is written. Blender's own drawing is not in it. Without --clip the
pictures are the portrait that scikit-image ships, moved in a circle. Memory is read from /proc, where there is one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import InputError, LPRNetError
from inference_core.files import write_bytes
from inference_core.frames import open_frames

SIZE = 1280, 720
QUALITY = 90
MOST_PICTURES = 300
WARM_UP_S = 3.0                 # the first search for the face, the skin
CIRCLE = 90                     # pictures
PARTS = ("camera to mesh", "network and smoothing", "pipe and timer", "mesh written in")
# A text, since nothing in benchmarks imports bpy. One line a mesh: index, and by time.monotonic() when its picture had
# arrived, its result was done, and writing it began and ended.
BLENDER = """
import json, os, sys, time
import bpy
from inference_core.live import LiveOptions
from lprnet_blender import live
address, take, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
bpy.ops.wm.read_factory_settings(use_empty=True)
options, limits = LiveOptions(address, take or None, texture_size=512), live.Limits(duration_s=seconds)
session = live.LiveSession(options, "OBJECT", bpy.context.scene, None, limits)
def resident(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))
    except OSError:
        return 0.0
rows, memory, ticks, last, remembered = [], [], [], 0, 0.0
while True:
    begun, busy = time.monotonic(), time.thread_time()
    going = session.tick()
    now = time.monotonic()
    ticks.append((now - begun, time.thread_time() - busy))
    if session.applied > last:
        last, shown = session.applied, session.shown
        rows.append((shown.index, shown.arrived_s, shown.done_s, begun, now))
    if now - remembered > 1 and going:
        remembered = now
        memory.append((resident(os.getpid()), resident(session._process.pid)))
    if not going:
        break
    time.sleep(max(1 / 60 - (time.monotonic() - begun), 0))
print("ROWS " + json.dumps({"rows": rows, "memory": memory, "ticks": ticks, "outcome": session.outcome(),
                            "frames": session.state.frames}))
sys.stdout.flush()
os._exit(0)
"""


@dataclass(frozen=True)
class Spread:
    """Milliseconds."""

    median: float
    p95: float
    p99: float
    worst: float


def spread(seconds: np.ndarray) -> Spread:
    return Spread(*(float(1000 * value) for value in (*np.percentile(seconds, (50, 95, 99)), seconds.max())))


def pictures(clip: Path | None) -> list[bytes]:
    """JPEGs of 1280 x 720."""
    images = _of_clip(clip) if clip else _of_portrait()
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return [cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), quality)[1].tobytes() for image in images]


def _of_portrait():
    from skimage.data import astronaut
    head = astronaut()[:400, 30:430]
    for number in range(CIRCLE):
        angle = 2 * np.pi * number / CIRCLE
        left, top = round(440 + 60 * np.cos(angle)), round(160 + 40 * np.sin(2 * angle))
        image = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        image[top:top + 400, left:left + 400] = head
        yield image


def _of_clip(clip: Path):
    with open_frames(clip) as frames:
        for frame in itertools.islice(frames, MOST_PICTURES):
            height, width = frame.image.shape[:2]
            scale = min(SIZE[0] / width, SIZE[1] / height)
            small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIZE[1], :SIZE[0]]
            image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            image[:small.shape[0], :small.shape[1]] = small
            yield image


def serve(jpegs: list[bytes], fps: float, sent_s: list[float]) -> ThreadingHTTPServer:
    """sent_s: when each picture began to be sent."""
    class Camera(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            start_s = time.monotonic()
            try:
                for number, data in enumerate(itertools.cycle(jpegs)):
                    time.sleep(max(start_s + number / fps - time.monotonic(), 0))
                    sent_s.append(time.monotonic())
                    self.wfile.write(b"--frame\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n")
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def measure(clip: Path | None, fps: float, seconds: float, take: str) -> dict:
    sent_s: list[float] = []
    server = serve(pictures(clip), fps, sent_s)
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        done = subprocess.run([sys.executable, "-c", BLENDER, address, take, str(seconds + WARM_UP_S)], text=True,
                              capture_output=True, timeout=seconds + 120, check=False)
    finally:
        server.shutdown()
        server.server_close()
    line = next((line for line in done.stdout.splitlines() if line.startswith("ROWS ")), None)
    if line is None:
        raise InputError(f"Blender ended without an answer ({(done.stderr.strip().splitlines() or ['?'])[-1]}); run "
                         "pip install bpy")
    told = json.loads(line.removeprefix("ROWS "))
    words, failed = told["outcome"]
    rows = np.array(told["rows"])
    if failed or not len(rows):
        raise InputError(words)
    rows = rows[rows[:, 3] > rows[0, 3] + WARM_UP_S]
    index, arrived, ready, begun, written = rows.T
    sent = np.array(sent_s)[index.astype(int)]
    step = np.diff(written)
    memory = np.array(told["memory"])
    early, late = memory[len(memory) // 4], memory[-1]
    return {"fps sent": fps, "meshes a second": float(len(step) / (written[-1] - written[0])),
            "pictures skipped": float(1 - len(index) / (index[-1] - index[0] + 1)),
            PARTS[0]: asdict(spread(written - sent)), PARTS[1]: asdict(spread(ready - arrived)),
            PARTS[2]: asdict(spread(begun - ready)), PARTS[3]: asdict(spread(written - begun)),
            "between two meshes": asdict(spread(step)), "tick": asdict(spread(np.array(told["ticks"])[:, 0])),
            "tick, processor time": asdict(spread(np.array(told["ticks"])[:, 1])),
            "memory MB": {"Blender": [early[0], late[0]], "capture process": [early[1], late[1]]},
            "outcome": words}


def table(result: dict) -> str:
    lines = [f"{result['fps sent']:g} pictures a second sent, {result['meshes a second']:.1f} meshes a second, "
             f"{100 * result['pictures skipped']:.0f} % of the pictures skipped", "",
             "| ms | median | 95 % | 99 % | worst |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {name} | {row['median']:.1f} | {row['p95']:.1f} | {row['p99']:.1f} | {row['worst']:.1f} |"
              for name, row in result.items() if isinstance(row, dict) and "median" in row]
    lines += ["", *(f"Memory of {name}: {early:.0f} MB after a quarter of the time, {late:.0f} MB at the end"
                    for name, (early, late) in result["memory MB"].items()), result["outcome"]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--clip", type=Path, help="pictures of this video, up to 300 (default: a portrait that moves)")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--record", default="", metavar="TAKE", help="record meanwhile, as an artist may")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        result = measure(options.clip, options.fps, options.seconds, options.record)
        if options.json:
            write_bytes(options.json, json.dumps(result, indent=1).encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
