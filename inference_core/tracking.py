"""Faces from frame to frame: the network looks where each face was last, the detector only where nothing is known.

A face is kept while the network is sure that it sees one; else the frame is honestly lost, never guessed. All that is
remembered is a `TrackState`, given with every result: tracking can go on from any frame as if it had never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network, load_network
from inference_core.errors import InputError
from inference_core.look_plan import Stages, after_looking, stages_of
from inference_core.network_search import all_stages, certainty
from inference_core.regression import MAX_PASSES, Face, believed, capture_crop, looked_at_carefully
from inference_core.track_state import MAX_PLACES, Place, TrackState, followed, place_of, resized

if TYPE_CHECKING:
    from inference_core.frames import Frame

# Of held-out faces, damaged as in training, nearly all reach 0.995, and none of the crops without a whole face:
# python -m benchmarks.presence
KEEP_PRESENCE = 0.5             # below, a face that was there in the last frame is lost
AGAIN_PRESENCE = 0.95           # below, a face that was there is in doubt; nothing below is found anew
DOUBT_CERTAINTY = 16.0          # of a face in doubt, or found: all right answers reach it, and one wrong one in eight
CROP_SLACK, STRONGEST_CROP = 0.02, 4.0      # at strength 1, what share of its side a crop may be off before it moves
RETRY_S = 3.0                   # so long the network alone looks for a lost face where it was, in every frame
REACH, REACH_PER_S = 0.7, 3.0   # how far a face may be from where it was seen, in sides of its crop
SAME_FACE = 0.3                 # of the smaller crop's side; nearer ones are one face


@dataclass(frozen=True)
class TrackOptions:
    """engine, weights, threads as in CaptureOptions; passes of the network at the start and after a loss; all_faces:
    every face of the frames; face: which of several is followed, 1 = the largest at first sight; detect_every_s: how
    often the detector looks for further faces, where they are wanted; crop: strength of what keeps the crop still, 0 =
    off; careful: what is seen is the mean of six looks (`mean_look`), truer, and a third as many frames a second."""

    engine: str = "litert"
    weights: str = "default"
    threads: int = 1
    passes: int = 3
    all_faces: bool = False
    face: int = 1
    detect_every_s: float = 2.0
    crop: float = 1.0
    careful: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.passes <= MAX_PASSES:
            raise InputError(f"{self.passes} passes cannot be made; give 1 to {MAX_PASSES}")
        if not 1 <= self.face <= MAX_PLACES:
            raise InputError(f"there is no face {self.face}; give 1 (the largest) to {MAX_PLACES}")
        if not 0 < self.detect_every_s < math.inf:
            raise InputError(f"the detector cannot look for faces every {self.detect_every_s:g} seconds; give more "
                             "than 0")
        if not 0 <= self.crop <= STRONGEST_CROP:
            raise InputError(f"the crop cannot be kept still by {self.crop:g}; give 0 (off) to {STRONGEST_CROP:g}")

    @property
    def alone(self) -> bool:
        """Whether one face is followed, whichever it is."""
        return self.face == 1 and not self.all_faces


@dataclass(frozen=True, eq=False)
class FrameResult:
    """One frame: index and time_s from its source, size (width, height); faces {name from 1: face seen in this frame};
    detected: whether the detector ran; followed: the name that `face` means; state: what tracking knows after it."""

    index: int
    time_s: float
    size: tuple[int, int]
    faces: dict[int, Face]
    detected: bool
    followed: int
    state: TrackState

    @property
    def face(self) -> Face | None:
        """The face that is followed; None = lost in this frame, or not seen yet."""
        return self.faces.get(self.followed)


def capture(frames: Iterable[Frame], options: TrackOptions = TrackOptions(),
            state: TrackState = TrackState()) -> Iterator[FrameResult]:
    """One result for every frame, in constant memory. state: of the last result, to go on after it.

    Raises EngineError, WeightsError, and what the frames raise.
    """
    network = load_network(options.weights, options.engine, options.threads)
    for frame in frames:
        faces, detected, state = track(frame.image, frame.time_s, state, network, options)
        yield FrameResult(frame.index, frame.time_s, (frame.image.shape[1], frame.image.shape[0]), faces, detected,
                          options.face, state)


def track(image: np.ndarray, time_s: float, state: TrackState, network: Network,
          options: TrackOptions) -> tuple[dict[int, Face], bool, TrackState]:
    """One frame (H, W, 3) uint8 RGB: its faces, whether the detector ran, and the state after it."""
    state = resized(state, (image.shape[1], image.shape[0]))
    faces = _look_at_places(image, time_s, state, network, options)
    names, missed = state.names, _missed(faces, state, options)
    more = options.all_faces or options.face > names
    stages = stages_of(state, time_s, missed=missed, others=bool(faces), more=more)
    for face in _detect(image, stages, list(faces.values()), network, options.passes):
        lost = [place for place in state.places if place.name not in faces]
        name = _name(face, lost, time_s)
        if name is None:
            if names >= (1 if options.alone else MAX_PLACES):
                continue                # somebody else, or more faces than can be kept apart
            names += 1
            name = names
        faces[name] = face
    if options.alone:
        faces = {name: face for name, face in faces.items() if name == 1}
    if options.careful:
        faces = {name: looked_at_carefully(image, face, network) for name, face in faces.items()}
    return faces, bool(stages), _after(state, faces, names, stages, time_s, options)


def _look_at_places(image, time_s, state: TrackState, network, options) -> dict[int, Face]:
    """The faces that are still where they were, by name."""
    faces: dict[int, Face] = {}
    for place in state.places:
        face = capture_crop(image, place.crop, network, 1, KEEP_PRESENCE) if state.tracked(place) else None
        if face is not None and face.confidence < AGAIN_PRESENCE and not _certain(image, face, network):
            face = None
        if face is None and time_s - place.seen_s <= RETRY_S:       # it moved far: a second pass finds back to it
            face = capture_crop(image, place.crop, network, max(options.passes, 2), AGAIN_PRESENCE)
            face = face if face is not None and _certain(image, face, network) else None
        if face is None or not _within_reach(face, place, time_s):
            continue
        rival = next((name for name, other in faces.items() if same_face(face, other)), None)
        if rival is None:
            faces[place.name] = face
        elif face.confidence > faces[rival].confidence:             # two names on one face: the surer one keeps it
            del faces[rival]
            faces[place.name] = face
    return faces


def _missed(faces: dict[int, Face], state: TrackState, options: TrackOptions) -> bool:
    """Whether a face that is wanted and known, or any face at all, is not seen."""
    wanted = [place.name for place in state.places if options.all_faces or place.name == options.face]
    return not state.names or any(name not in faces for name in wanted)


def _detect(image, stages: Stages, faces: list[Face], network, passes: int) -> list[Face]:
    """Further faces, largest first; a stage that finds some is the last one."""
    found: list[Face] = []
    for stage in all_stages(image, network, stages) if stages else ():
        for one in stage:
            face = capture_crop(image, one.crop, network, passes, AGAIN_PRESENCE)
            if face is None or any(same_face(face, other) for other in faces + found):
                continue
            if believed(image, one, face, network) and _certain(image, face, network):
                found.append(face)
        if found:
            break
    return sorted(found, key=lambda face: face.crop.scale)


def _certain(image, face: Face, network: Network) -> bool:
    """Whether a face holds still where it is seen a little differently."""
    crop = crop_from_landmarks(face.landmarks_image, upright=True)
    return certainty(image, crop, network) >= DOUBT_CERTAINTY


def _name(face: Face, lost: list[Place], time_s: float) -> int | None:
    """Of the lost faces within reach the nearest."""
    near = [(_distance(face, place), place.name) for place in lost if _within_reach(face, place, time_s)]
    return min(near)[1] if near else None


def _after(state: TrackState, faces, names: int, stages: Stages, time_s: float, options: TrackOptions) -> TrackState:
    last = {place.name: place for place in state.places}
    places = dict(last)
    for name, face in faces.items():
        wanted = place_of(name, crop_from_landmarks(face.landmarks_image, upright=True), time_s)
        still = name in last and state.tracked(last[name])
        places[name] = followed(last[name], wanted, CROP_SLACK * options.crop) if still else wanted
    state = replace(state, places=tuple(places[name] for name in sorted(places)), names=names)
    state = after_looking(state, stages, time_s, missed=_missed(faces, state, options), others=bool(faces),
                          detect_every_s=options.detect_every_s)
    return replace(state, time_s=time_s)


def _within_reach(face: Face, place: Place, time_s: float) -> bool:
    """Whether it can be the face that was lost there: the longer ago, the farther it may have come."""
    reach = REACH + REACH_PER_S * max(time_s - place.seen_s, 0.0)
    growth = abs(math.log(face.crop.scale * place.side))
    return _distance(face, place) <= reach and growth <= reach


def _distance(face: Face, place: Place) -> float:
    """In sides of the larger crop."""
    x, y = _middle(face)
    return math.hypot(x - place.x, y - place.y) / max(place.side, 1 / face.crop.scale)


def same_face(a: Face, b: Face) -> bool:
    """Whether two answers are one face."""
    return math.dist(_middle(a), _middle(b)) < SAME_FACE * min(1 / a.crop.scale, 1 / b.crop.scale)


def _middle(face: Face) -> tuple[float, float]:
    return (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2

