"""header.json of a take: where it comes from and how to read it. Plain JSON, bounded and checked on reading."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

from inference_core.errors import TakeError, TopologyError
from inference_core.files import write_bytes
from inference_core.topology import TOPOLOGY, Topology, load_topology

FORMAT = 1
HEADER, FRAMES = "header.json", "frames.bin"
# of a live take, whose pictures are gone: its texture, and white where that was seen; not every take has them
SKIN, SKIN_SEEN = "skin.png", "skin_seen.png"
PARTS = (HEADER, FRAMES, TOPOLOGY, SKIN, SKIN_SEEN)
MAX_BYTES, MAX_SIDE, MAX_FPS = 1 << 20, 1 << 20, 1e5
PRECISIONS = ("half", "single")
GIVE = "give a folder NAME.lprtake that a capture has written"
AGAIN = "copy it again, or capture it again with lprnet video"


@dataclass(frozen=True)
class TakeHeader:
    """source: the fields of SourceInfo and FrameOptions; topology and weights: {"name", "sha256"}; track: the fields
    of TrackOptions; fps of the frames as they come (0 = unknown); size (width, height) of the pictures in pixels;
    precision "half": positions in 16 bits wherever that is exact to 0.05 mm, "single": always in 32; created: ISO
    date."""

    source: dict
    topology: dict
    weights: dict
    track: dict
    fps: float = 0.0
    size: tuple[int, int] = (0, 0)
    precision: str = "half"
    created: str = ""
    format: int = FORMAT


def write_header(folder: Path, header: TakeHeader) -> None:
    """Raises OutputError naming the file and the cause."""
    text = json.dumps(dataclasses.asdict(header), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    # the one thing that UTF-8 has no bytes for is a name's raw byte, and \udcXX is JSON's own way to write that
    write_bytes(folder / HEADER, text.encode(errors="backslashreplace"))


def own_topology(folder: Path) -> Topology:
    """The topology that lies in a take, where it is not the shipped one; else the shipped one. Raises TakeError,
    TopologyError."""
    own = folder / TOPOLOGY
    try:
        return load_topology(own if own.is_file() else None)
    except TopologyError as error:
        if own.is_file():
            raise TakeError(f"{own}: damaged or altered; {AGAIN}") from error
        raise


def write_topology(folder: Path, topology: Topology) -> None:
    """Into a take whose vertices are not those of the shipped topology, so that it can be read anywhere."""
    if topology.sha256 != load_topology().sha256:
        write_bytes(folder / TOPOLOGY, topology.path.read_bytes())


def read_header(folder: Path, topology: Topology) -> TakeHeader:
    """The header of a take that this program can read, with vertices of this topology. Raises TakeError."""
    values = _read(folder)
    version = values.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise TakeError(f"{folder}: not a take ({HEADER} names no format); {GIVE}")
    if version > FORMAT:
        raise TakeError(f"{folder}: a take of format {version}, newer than the {FORMAT} that this version reads; "
                        "update L-PRNet for Blender")
    problem = _problem(values)
    if problem:
        raise TakeError(f"{folder / HEADER}: damaged or altered ({problem}); {AGAIN}")
    known = {field.name: values[field.name] for field in dataclasses.fields(TakeHeader)}
    header = TakeHeader(**known | {"size": tuple(values["size"]), "fps": float(values["fps"])})
    if header.topology["sha256"] != topology.sha256:
        raise TakeError(f"{folder}: its vertices are those of the topology {_name(header.topology)}, not of "
                        f"{_name({'name': topology.name, 'sha256': topology.sha256})}; read it with the weights folder "
                        "that it was made with (LPRNET_WEIGHTS)")
    return header


def _read(folder: Path) -> dict:
    path = folder / HEADER
    try:
        if not folder.is_dir():
            what = "a file, not a take" if folder.exists() else "there is no such take"
            raise TakeError(f"{folder}: {what}; {GIVE}")
        if not path.exists():
            raise TakeError(f"{folder}: not a take (no {HEADER} in it); {GIVE}")
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise TakeError(f"{path}: not the header of a take; {AGAIN}")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except (OSError, ValueError) as error:      # ValueError: a name that no file can have
        cause = getattr(error, "strerror", None) or error
        raise TakeError(f"{folder}: the take cannot be read ({cause}); check the name and the folder") from error
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TakeError(f"{path}: damaged, no JSON; {AGAIN}") from error
    if not isinstance(values, dict):
        raise TakeError(f"{path}: not the header of a take; {AGAIN}")
    return values


def _problem(values: dict) -> str | None:
    for key in ("source", "topology", "weights", "track"):
        if not isinstance(values.get(key), dict):
            return f"no {key}"
    for key in ("topology", "weights"):
        if not all(isinstance(values[key].get(part), str) for part in ("name", "sha256")):
            return f"{key} without name and sha256"
    size, fps = values.get("size"), values.get("fps")
    if not isinstance(size, list) or len(size) != 2 or any(type(n) is not int or not 0 <= n <= MAX_SIDE for n in size):
        return "no size"
    if type(fps) not in (int, float) or not math.isfinite(fps) or not 0 <= fps <= MAX_FPS:
        return "no fps"
    if values.get("precision") not in PRECISIONS:
        return "an unknown precision"
    return None if isinstance(values.get("created"), str) else "no date"


def _name(topology: dict) -> str:
    return f"{topology['name'][:60]!r} ({topology['sha256'][:8]})"
