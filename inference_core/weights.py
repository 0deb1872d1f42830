"""The cards of the shipped networks: weights.json read, bounded and checked; network files verified before use."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from inference_core.errors import WeightsError
from inference_core.files import read_json
from inference_core.paths import weights_dir
from inference_core.topology import TOPOLOGY, Topology, load_topology

FORMAT = 1
MAP_SCALE, MAP_OFFSET = 1.1, (0.05, 0.05, 0.55)
KINDS = ("position_map", "encoder_decoder")
ROLES = ("litert", "keras", "decoder")
MAX_CARD_BYTES, MAX_NETWORKS, MAX_TEXTS, MAX_TEXT = 1 << 20, 32, 64, 2000
MAX_FILE_BYTES = 256 << 20
INPUT_SIZES = range(32, 1025)
FETCH = "fetch the weights folder again, or name another with LPRNET_WEIGHTS"


@dataclass(frozen=True)
class WeightsFile:
    """A network file beside weights.json and what it must be: its length in bytes and SHA-256."""

    path: Path
    sha256: str
    bytes: int

    def read(self) -> bytes:
        """The whole file. Raises WeightsError when it is missing or not the one that the card means."""
        try:
            length = self.path.stat().st_size
            if length != self.bytes:
                raise WeightsError(f"{self.path}: {length} bytes where weights.json says {self.bytes}: cut off or "
                                   f"altered; {FETCH}")
            data = self.path.read_bytes()
        except OSError as error:
            raise WeightsError(f"{self.path}: the network file cannot be read ({error.strerror or error}); "
                               f"{FETCH}") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise WeightsError(f"{self.path}: its SHA-256 is not the one in weights.json: altered or damaged; {FETCH}")
        return data


@dataclass(frozen=True)
class WeightsCard:
    """One network of a weights folder.

    kind: "position_map" (crop -> map) or "encoder_decoder" (crop -> code, pose, presence; its
    `decoder` file, read by `inference_core.decoder`: code -> canonical map);
    input_size: side of the crop in pixels; crop_scale, crop_up: side and place of the crop that it was
    trained on, as in `inference_core.crop`; files {role: WeightsFile}; scores and trained: free-form, as the
    trainer wrote them; map_scale, map_offset: of a position map behind a sigmoid, crop units = output x scale - offset.
    """

    name: str
    kind: str
    input_size: int
    crop_scale: float
    crop_up: float
    files: dict[str, WeightsFile]
    topology_sha256: str
    license: str
    attribution: tuple[str, ...]
    scores: dict
    trained: dict
    map_scale: float = MAP_SCALE
    map_offset: tuple[float, ...] = MAP_OFFSET

    @property
    def topology(self) -> Topology:
        """Of its weights folder, or the shipped one where the folder has none. Raises TopologyError."""
        own = next(iter(self.files.values())).path.parent / TOPOLOGY
        return load_topology(own if own.is_file() else None)

    def file(self, role: str) -> WeightsFile:
        """The file of a role; WeightsError when the card has none."""
        if role not in self.files:
            raise WeightsError(f"the network {self.name!r} has no file for {role!r} in weights.json; choose another "
                               "engine or network")
        return self.files[role]


def load_cards(folder: str | Path | None = None) -> dict[str, WeightsCard]:
    """{name: card} in the order of weights.json, its default first; no network file is opened. Raises WeightsError."""
    path = Path(folder or weights_dir()) / "weights.json"
    data = _read_json(path)
    try:
        if data["format"] != FORMAT:
            raise WeightsError(f"{path}: format {data['format']!r}, and this version reads format {FORMAT}; update one "
                               "of the two")
        networks = _expect(data["networks"], list, "networks", lambda v: 0 < len(v) <= MAX_NETWORKS)
        cards = {card.name: card for card in (_card(path.parent, entry) for entry in networks)}
        default = _text(data["default"], "default")
    except (KeyError, TypeError, ValueError) as error:
        cause = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{path}: not a list of networks as it should be ({cause}); {FETCH}") from error
    if default in cards:
        cards = {default: cards[default], **cards}
    return cards


def detector_file(folder: str | Path | None = None) -> WeightsFile | None:
    """The face detector that a weights folder brings along; None where it has none. Raises WeightsError."""
    return _detector_file(Path(folder or weights_dir()) / "weights.json")


@lru_cache(maxsize=8)
def _detector_file(path: Path) -> WeightsFile | None:
    entry = _read_json(path).get("detector")
    if entry is None:
        return None
    try:
        return _file(path.parent, "detector", entry)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its detector is not described as it should be ({error}); {FETCH}") from error


def named_folder(name: str) -> Path | None:
    """The weights folder that is meant where a network's name is a path."""
    is_path = os.path.basename(name) != name or name in (".", "..")
    return Path(name) if is_path or (Path(name) / "weights.json").is_file() else None


def find_card(name: str = "default", folder: str | Path | None = None) -> WeightsCard:
    """The card of a network, checked against the topology; "default" is the first. The path of
    another weights folder means its default. Raises WeightsError."""
    cards = load_cards(folder)
    if name not in cards and named_folder(name) is not None:
        name, folder = "default", named_folder(name)
        cards = load_cards(folder)
    card = next(iter(cards.values())) if name == "default" else cards.get(name)
    path = Path(folder or weights_dir()) / "weights.json"
    if card is None:
        raise WeightsError(f"{path}: holds no network {name!r}; choose one of {', '.join(cards)}")
    if card.topology_sha256 != card.topology.sha256:
        raise WeightsError(f"{path}: the network {card.name!r} was trained on another topology than topology.npz; "
                           f"{FETCH}")
    return card


def _read_json(path: Path) -> dict:
    data = read_json(path, MAX_CARD_BYTES, FETCH, WeightsError)
    if not isinstance(data, dict):
        raise WeightsError(f"{path}: not a list of networks as it should be (no object); {FETCH}")
    return data


def _card(folder: Path, entry: dict) -> WeightsCard:
    entry = _expect(entry, dict, "networks")
    crop = _expect(entry["crop"], dict, "crop")
    files = _expect(entry["files"], dict, "files", lambda v: set(v) <= set(ROLES) and v)
    attribution = _expect(entry["attribution"], list, "attribution", lambda v: len(v) <= MAX_TEXTS)
    return WeightsCard(
        name=_expect(entry["name"], str, "name", lambda v: re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", v)),
        kind=_expect(entry["kind"], str, "kind", lambda v: v in KINDS),
        input_size=_expect(entry["input_size"], int, "input_size", lambda v: v in INPUT_SIZES),
        crop_scale=_number(crop["scale"], "crop scale", 0.5, 5), crop_up=_number(crop["up"], "crop up", -1, 1),
        files={role: _file(folder, role, value) for role, value in files.items()},
        topology_sha256=_sha256(entry["topology_sha256"], "topology_sha256"),
        license=_text(entry["license"], "license"),
        attribution=tuple(_text(line, "attribution") for line in attribution),
        scores=_expect(entry["scores"], dict, "scores"), trained=_expect(entry["trained"], dict, "trained"),
        **(_map(entry["map"]) if "map" in entry else {}))


def _map(entry: dict) -> dict:
    entry = _expect(entry, dict, "map")
    offset = _expect(entry["offset"], list, "map offset", lambda v: len(v) == 3)
    return dict(map_scale=_number(entry["scale"], "map scale", 0.1, 10),
                map_offset=tuple(_number(value, "map offset", -10, 10) for value in offset))


def _file(folder: Path, role: str, entry: dict) -> WeightsFile:
    entry = _expect(entry, dict, f"files {role}")
    # a plain name: nothing outside the folder can be meant, on any system
    name = _expect(entry["path"], str, f"path of {role}", lambda v: re.fullmatch(r"[\w-][\w.-]{0,100}", v, re.ASCII))
    size = _expect(entry["bytes"], int, f"bytes of {role}", lambda v: 0 < v <= MAX_FILE_BYTES)
    return WeightsFile(folder / name, _sha256(entry["sha256"], f"sha256 of {role}"), size)


def _expect(value, kind: type, what: str, right: Callable = lambda v: True):
    if not isinstance(value, kind) or isinstance(value, bool) or not right(value):
        raise ValueError(f"{what} is {str(value)[:80]!r}")
    return value


def _text(value, what: str) -> str:
    return _expect(value, str, what, lambda v: len(v) <= MAX_TEXT)


def _sha256(value, what: str) -> str:
    return _expect(value, str, what, lambda v: re.fullmatch("[0-9a-f]{64}", v))


def _number(value, what: str, low: float, high: float) -> float:
    return float(_expect(value, (int, float), what, lambda v: math.isfinite(v) and low <= v <= high))
