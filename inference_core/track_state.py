"""What tracking remembers from one frame to the next: small, plain numbers, so that it can be kept with every frame of
a take and an interrupted run goes on exactly as it would have."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from inference_core.crop import Crop, crop_around

FORMAT = 1
MAX_BYTES, MAX_PLACES = 1 << 16, 64
FARTHEST_PX, SMALLEST_PX = 1e7, 1e-6            # of crops and frames


@dataclass(frozen=True)
class Place:
    """Where the face `name` was last: middle and side of its crop in image pixels, the crop's turn, and when it was
    seen."""

    name: int
    x: float
    y: float
    side: float
    angle_rad: float
    seen_s: float

    @property
    def crop(self) -> Crop:
        return crop_around((self.x, self.y), self.side, self.angle_rad)


@dataclass(frozen=True)
class TrackState:
    """places: of all faces known, seen or lost; names: how many were given; time_s of the last frame; look_s, search_s:
    from when the detector may take a light and a thorough look for a missed face, wait_s: how long it rests between
    thorough ones, more_s: when it may look for further faces; looks, searches: how many of each there were since the
    face is missed, all_s: when all stages looked; size (width, height) of the frames."""

    places: tuple[Place, ...] = ()
    names: int = 0
    time_s: float = 0.0
    look_s: float = -math.inf
    search_s: float = -math.inf
    wait_s: float = 0.0
    more_s: float = -math.inf
    looks: int = 0
    searches: int = 0
    all_s: float = -math.inf
    size: tuple[int, int] = (0, 0)

    def tracked(self, place: Place) -> bool:
        """Whether the face was seen in the last frame."""
        return place.seen_s == self.time_s

    def to_bytes(self) -> bytes:
        """Exact: what is read back goes on bit for bit the same."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":")).encode()


def read_state(data: bytes) -> TrackState:
    """Raises ValueError where the bytes are not a state."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are more than a state of tracking takes")
    try:
        values = json.loads(data)
        if values.pop("format") != FORMAT or len(values["places"]) > MAX_PLACES:
            raise ValueError("a state of tracking of another format")
        places = tuple(Place(int(p.pop("name")), **{key: float(value) for key, value in p.items()})
                       for p in values.pop("places"))
        size = tuple(int(side) for side in values.pop("size"))
        counts = {key: int(values.pop(key)) for key in ("names", "looks", "searches") if key in values}
        state = TrackState(places, size=size, **counts, **{key: float(value) for key, value in values.items()})
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a state of tracking ({error})") from error
    known = len(state.size) == 2 and all(1 <= side <= FARTHEST_PX for side in state.size)
    if not (known or state.size == TrackState.size) or not all(map(_possible, state.places)):
        raise ValueError("a state of tracking with impossible numbers")
    return state


def _possible(place: Place) -> bool:
    near = max(abs(place.x), abs(place.y), place.side) <= FARTHEST_PX and place.side >= SMALLEST_PX
    return near and math.isfinite(place.x + place.y + place.angle_rad + place.seen_s)


def place_of(name: int, crop: Crop, time_s: float) -> Place:
    """A crop as its four numbers."""
    x, y = crop.to_image(np.array([0.5, 0.5]))
    return Place(name, float(x), float(y), 1 / crop.scale, crop.angle_rad, time_s)


def followed(last: Place, wanted: Place, slack: float) -> Place:
    """The place of the next crop: the last one, dragged so far that the wanted one differs by no more than `slack`: of
    the side in place, of itself in size, in radians in turn. What trembles less than that does not move the crop, and a
    face that moves is followed without lag. slack 0: the wanted one."""
    if slack <= 0:
        return wanted
    dx, dy = wanted.x - last.x, wanted.y - last.y
    drag = _drag(math.hypot(dx, dy), slack * wanted.side)
    grow = math.log(wanted.side / last.side)
    turn = math.remainder(wanted.angle_rad - last.angle_rad, 2 * math.pi)
    return replace(wanted, x=last.x + drag * dx, y=last.y + drag * dy,
                   side=last.side * math.exp(_drag(abs(grow), slack) * grow),
                   angle_rad=last.angle_rad + _drag(abs(turn), slack) * turn)


def _drag(distance: float, slack: float) -> float:
    return max(1 - slack / distance, 0.0) if distance > 0 else 0.0


def resized(state: TrackState, size: tuple[int, int]) -> TrackState:
    """The same places in frames of another size."""
    if state.size in ((0, 0), size):
        return replace(state, size=size)
    across, down = size[0] / state.size[0], size[1] / state.size[1]
    grow = math.sqrt(across * down)
    places = tuple(replace(p, x=p.x * across, y=p.y * down, side=p.side * grow) for p in state.places)
    return replace(state, places=places, size=size)
