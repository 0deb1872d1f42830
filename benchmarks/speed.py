"""How long the shipped networks take beside MediaPipe FaceMesh's landmark network, on LiteRT with one thread.

    python -m benchmarks.speed --json out/speed.json

Everything runs in turn, one call each, many rounds: whatever else the machine does, it does to all of them, and each
finds the caches as another left them, as in real use. Of each network two rows: its file alone, as FaceMesh's is run,
and `Network.predict`, which also turns the crop into numbers and the network's numbers into a position map. FaceMesh's
file is read from the mediapipe wheel (make training-environment) and only run.

Then, each in new processes: importing, and from there to the first face of a photo (import, reading, loading, detector,
two passes; the portrait that scikit-image ships). Starting Python itself is not counted.
"""

from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"          # NumPy's share of the work, too, on one thread; read when NumPy is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse                         # noqa: E402
import json                             # noqa: E402
import subprocess                       # noqa: E402
import sys                              # noqa: E402
import tempfile                         # noqa: E402
import time                             # noqa: E402
from collections.abc import Callable    # noqa: E402
from pathlib import Path                # noqa: E402

import numpy as np                      # noqa: E402

from benchmarks.facemesh import facemesh_file                       # noqa: E402
from inference_core.engine import load_network                      # noqa: E402
from inference_core.errors import EngineError, LPRNetError, OutputError    # noqa: E402
from inference_core.files import write_bytes                        # noqa: E402
from inference_core.quiet import quiet                              # noqa: E402
from inference_core.weights import load_cards                       # noqa: E402

LIMITS = {"file alone": 1.0, "predict": 1.5}         # times FaceMesh, for the default network
WARM_UP = 20
ROUNDS = (20, 100_000)
STARTS = 5                              # new processes of each kind
START_TIMEOUT_S = 120
FACEMESH, FIRST_FACE = "FaceMesh, file alone", "import to first face of a photo"
CLOCK = "import sys, time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
IMPORT = CLOCK.format("import inference_core")
IMPORT_ALL = CLOCK.format("from inference_core import capture_faces, read_image")
FIRST = CLOCK.format("from inference_core import capture_faces, read_image; capture_faces(read_image(sys.argv[1]))")


def bare(data: bytes) -> Callable[[], object]:
    """One call of a LiteRT file: picture in, invoke, all outputs read."""
    from ai_edge_litert.interpreter import Interpreter
    with quiet():
        interpreter = Interpreter(model_content=data, num_threads=1)
        interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    x = np.random.default_rng(0).random(tuple(entry["shape"]), dtype=np.float32)
    outputs = [details["index"] for details in interpreter.get_output_details()]

    def call() -> list[np.ndarray]:
        interpreter.set_tensor(entry["index"], x)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]
    return call


def calls(facemesh: Path) -> dict[str, Callable[[], object]]:
    """{row: what is timed}: FaceMesh, then each network of the weights folder, its default first."""
    rows = {FACEMESH: bare(facemesh.read_bytes())}
    for name, card in load_cards().items():
        network = load_network(name)
        size = card.input_size
        crop = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        rows[f"{name} {size} px, file alone"] = bare(card.file("litert").read())
        rows[f"{name} {size} px, predict"] = lambda network=network, crop=crop: network.predict(crop)
    return rows


def time_calls(rows: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """{row: (rounds,) milliseconds}, one call of each row in turn."""
    times = np.empty((rounds, len(rows)))
    for number in range(-WARM_UP, rounds):
        for place, call in enumerate(rows.values()):
            start = time.perf_counter()
            call()
            times[max(number, 0), place] = 1000 * (time.perf_counter() - start)
    return dict(zip(rows, times.T))


def report_of(times: dict[str, np.ndarray]) -> dict:
    """{row: median, 10 and 90 % in ms, and times FaceMesh}; within_limit: the default network's rows."""
    base = float(np.median(times[FACEMESH]))
    rows = {}
    for name, values in times.items():
        low, middle, high = (float(v) for v in np.quantile(values, (0.1, 0.5, 0.9)))
        rows[name] = {"ms": middle, "ms_10": low, "ms_90": high, "times_facemesh": middle / base}
    default = list(rows.items())[1:3]
    kept = [row["times_facemesh"] <= limit for name, row in default for way, limit in LIMITS.items() if name.endswith(way)]
    return {"rounds": len(times[FACEMESH]), "rows": rows, "limits": LIMITS, "within_limit": len(kept) == len(LIMITS) and all(kept)}


def time_start(code: str, *arguments: str) -> float:
    """Median seconds that a piece of code reports of itself in new processes."""
    seconds = []
    for _ in range(STARTS):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True,
                              timeout=START_TIMEOUT_S, check=False)
        if done.returncode:
            raise EngineError(f"a new Python process failed ({(done.stderr.strip().splitlines() or ['no reason'])[-1]}); "
                              "run `lprnet info` to see what is missing")
        seconds.append(float(done.stdout))
    return float(np.median(seconds))


def time_starts() -> dict[str, float | None]:
    """{what: seconds}; None for the first face where scikit-image, which brings the photo, is not installed."""
    seconds: dict[str, float | None] = {"import inference_core": time_start(IMPORT),
                                        "import all of the capture": time_start(IMPORT_ALL), FIRST_FACE: None}
    try:
        from skimage import data
    except ModuleNotFoundError:
        return seconds
    from inference_core.images import write_image
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "portrait.png"
        write_image(photo, data.astronaut())
        seconds[FIRST_FACE] = time_start(FIRST, str(photo))
    return seconds


def table(report: dict) -> str:
    lines = [f"LiteRT, one thread, median of {report['rounds']} calls in turn (10 to 90 %)"]
    for name, row in report["rows"].items():
        lines.append(f"  {name:<34}{row['ms']:8.3f} ms   ({row['ms_10']:.3f} to {row['ms_90']:.3f})"
                     f"{row['times_facemesh']:8.2f} x FaceMesh")
    kept = "keeps" if report["within_limit"] else "EXCEEDS"
    limits = ", ".join(f"{limit:g} x ({way})" for way, limit in LIMITS.items())
    lines.append(f"  the default network {kept} its limits beside FaceMesh: {limits}")
    lines.append(f"median of {STARTS} new processes, Python itself not counted")
    for name, seconds in report["seconds"].items():
        lines.append(f"  {name:<34}" + ("not measured: scikit-image is not installed" if seconds is None
                                        else f"{seconds:8.3f} s"))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not ROUNDS[0] <= options.rounds <= ROUNDS[1]:
        parser.error(f"--rounds must be {ROUNDS[0]} to {ROUNDS[1]}")
    try:
        if options.json and not options.json.resolve().parent.is_dir():
            raise OutputError(f"{options.json}: its folder does not exist; make it or give another file")
        report = report_of(time_calls(calls(facemesh_file()), options.rounds))
        report["seconds"] = time_starts()
        if options.json:
            write_bytes(options.json, (json.dumps(report, indent=1) + "\n").encode())
    except LPRNetError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
