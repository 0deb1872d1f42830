"""From a picture to faces: detector, crop, network, restoration, and a second pass on the crop of the first answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference_core.crop import Crop, crop_from_landmarks, restore
from inference_core.detection import USUAL_STAGES, Detection, overlapping
from inference_core.engine import Network, Prediction, load_network
from inference_core.errors import InputError
from inference_core.network_search import all_stages, certain_enough, certainty
from inference_core.mean_look import mean_look
from inference_core.pose import HeadPose, decompose, fit_pose, pose_in_image
from inference_core.topology import Topology

# Below: no face. Of held-out faces, damaged as in training, 99 % reach 0.994; of crops without a whole face 5 % reach
# 0.1, but badges, cats and dogs go higher.
MIN_PRESENCE = 0.5
MAX_PASSES = 5
SMALLEST_BOX = 8.0              # pixels a side; a smaller box shows nothing
SMALLEST_FACE = 2.0             # pixels a side of the landmarks' box; less is no answer
SAME_FACE = 0.5                 # two answers nearer than this share of the smaller face are one face

Box = tuple[float, float, float, float]
OnStep = Callable[[str, float], None]


@dataclass(frozen=True)
class CaptureOptions:
    """all_faces: every face of the picture, not the largest alone; box (left, top, right, bottom) in image pixels:
    where the face is, no detector then; engine "litert" or "tensorflow"; weights: a network's name or "default";
    passes: how often the network looks, each time at the crop of its last answer; careful: each face that
    is there is looked at six times more, a little differently, which is truer (`mean_look`); threads of the engine."""

    all_faces: bool = False
    box: Box | None = None
    engine: str = "litert"
    weights: str = "default"
    passes: int = 2
    threads: int = 1
    careful: bool = True


@dataclass(frozen=True, eq=False)
class Face:
    """One captured face. N mesh vertices; frames as in docs/architecture.md.

    position_map_image (128, 128, 3) float32 pixels; cells outside the mesh hold values without meaning;
    vertices_image (N, 3) float32 pixels, x right, y down, z towards the camera; landmarks_image (68, 3) float32 pixels;
    vertices_canonical (N, 3) float32 cm: the same vertices without the pose (`pose.compose` puts them back);
    pose: HeadPose in image pixels; confidence in [0, 1]; box of the landmarks (left, top, right, bottom) in pixels;
    crop: the square about the face that it was found in; the network saw its own part of it (`Network.view`).
    """

    position_map_image: np.ndarray
    vertices_image: np.ndarray
    landmarks_image: np.ndarray
    vertices_canonical: np.ndarray
    pose: HeadPose
    confidence: float
    box: Box
    crop: Crop
    topology: Topology


def capture_faces(image: np.ndarray, options: CaptureOptions = CaptureOptions(),
                  on_step: OnStep | None = None) -> list[Face]:
    """image (H, W, 3) uint8 RGB -> its faces, largest first; [] where there is none.

    on_step(name, milliseconds) is called after each step: load, detect (once for each stage of the detector), network
    (once for each pass of each face), looks (of each that is there, where careful).
    Raises InputError for a picture, box or option that cannot be used, EngineError, WeightsError.
    """
    step = _Clock(on_step or (lambda name, milliseconds: None))
    _check(image, options)
    network = load_network(options.weights, options.engine, options.threads)
    step("load")
    if options.box is not None:
        face = capture_crop(image, Detection(options.box, 0.0).crop, network, options.passes, on_step=step)
        return [] if face is None else [_final(image, face, network, options, step)]
    faces: list[Face] = []
    tried: list[Detection] = []
    for number, stage in enumerate(all_stages(image, network), 1):
        step("detect")
        for found in stage:
            # what the network itself found has passed a test of its own, also where a detector's guess had failed
            if found.view != "network" and any(overlapping(found, other) and found.sure <= other.sure
                                               for other in tried):
                continue
            tried.append(found)
            face = capture_crop(image, found.crop, network, options.passes, on_step=step)
            if face is None or any(_same(face, other) for other in faces):
                continue
            if believed(image, found, face, network):
                faces.append(_final(image, face, network, options, step))
                if not options.all_faces:
                    return faces
        if faces and number >= USUAL_STAGES:
            break
    return sorted(faces, key=lambda face: -_size(face.box))


def _final(image: np.ndarray, face: Face, network: Network, options: CaptureOptions,
           step: Callable[[str], None]) -> Face:
    """A face that is there, looked at carefully where that is wanted: guesses that are none are not worth it."""
    if not options.careful:
        return face
    careful = looked_at_carefully(image, face, network)
    step("looks")
    return careful


def looked_at_carefully(image: np.ndarray, face: Face, network: Network) -> Face:
    """The same face, of several looks at its crop."""
    return capture_crop(image, face.crop, network, 1, -1.0, careful=True) or face


def believed(image: np.ndarray, found: Detection, face: Face, network: Network) -> bool:
    """Whether what a detector found, and a network made a face of, is one: the detector is sure, or the network
    certain."""
    if found.sure:
        return True
    yaw = face.pose.yaw_pitch_roll_deg[0]
    return network.tells_presence and certain_enough(certainty(image, face.crop, network), yaw)


def capture_crop(image: np.ndarray, crop: Crop, network: Network, passes: int = 2,
                 least_presence: float = MIN_PRESENCE,
                 on_step: Callable[[str], None] = lambda name: None, *, careful: bool = False) -> Face | None:
    """The face in a crop, None where the network is less sure than least_presence. Every further pass sees the crop of
    the last answer, turned so that the eyes are level: what the network was trained on most. careful: the last pass is
    the mean of several looks."""
    topology = network.topology
    for number in range(passes):
        seen = network.view(crop)
        prediction = (mean_look(image, seen, network) if careful and number + 1 == passes
                      else network.predict(seen.cut(image, network.input_size)))
        position_map = restore(prediction.position_map_crop, seen)
        landmarks = topology.landmarks(topology.vertices(position_map))
        on_step("network")
        if not np.ptp(landmarks[:, :2], axis=0).min() > SMALLEST_FACE:      # also where the answer is not a number
            return None
        if number + 1 < passes:
            crop = crop_from_landmarks(landmarks, upright=True)
    if prediction.presence < least_presence:
        return None
    return _face(prediction, position_map, seen, crop, topology)


def _face(prediction: Prediction, position_map: np.ndarray, seen: Crop, crop: Crop, topology: Topology) -> Face:
    vertices = topology.vertices(position_map)
    if prediction.pose is None or prediction.canonical_map is None:
        # this network's depth has no zero of its own
        middle = vertices[topology.regions["rigid"], 2].mean()
        position_map, vertices = position_map - [0, 0, middle], vertices - [0, 0, middle]
        pose = fit_pose(vertices, topology)
        canonical = decompose(vertices, pose)
    else:
        pose = pose_in_image(prediction.pose, seen)
        canonical = topology.vertices(prediction.canonical_map)
    landmarks = topology.landmarks(vertices)
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    return Face(position_map.astype(np.float32), vertices.astype(np.float32), landmarks.astype(np.float32),
                canonical.astype(np.float32), pose, float(prediction.presence),
                (float(low[0]), float(low[1]), float(high[0]), float(high[1])), crop, topology)


def _check(image: np.ndarray, options: CaptureOptions) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError("the picture must be an array (H, W, 3) of uint8, RGB; read files with "
                         "inference_core.read_image")
    if not 1 <= options.passes <= MAX_PASSES:
        raise InputError(f"{options.passes} passes cannot be made; give 1 to {MAX_PASSES}")
    if options.box is None:
        return
    height, width = image.shape[:2]
    box = ",".join(f"{value:g}" for value in options.box)
    if len(options.box) != 4 or not np.isfinite(options.box).all():
        raise InputError(f"the box {box} is not four numbers; give left,top,right,bottom in pixels")
    left, top, right, bottom = options.box
    if right - left < SMALLEST_BOX or bottom - top < SMALLEST_BOX:
        raise InputError(f"the box {box} is empty or smaller than {SMALLEST_BOX:g} pixels; give left,top,right,bottom "
                         "with left < right and top < bottom")
    middle = (left + right) / 2, (top + bottom) / 2
    if (not (0 <= middle[0] < width and 0 <= middle[1] < height)
            or right - left > 4 * width or bottom - top > 4 * height):
        raise InputError(f"the box {box} does not lie in the picture of {width} x {height} pixels; give "
                         "left,top,right,bottom in its pixels")


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _same(a: Face, b: Face) -> bool:
    """Two boxes of the detector can lead to one face."""
    apart = np.hypot(*(np.array(a.box[:2]) + a.box[2:] - b.box[:2] - b.box[2:]) / 2)
    return bool(apart < SAME_FACE * min(_size(a.box), _size(b.box)))


class _Clock:
    """Reports how long it is since the last step."""

    def __init__(self, report: OnStep) -> None:
        self._report, self._last = report, time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self._report(name, 1000 * (now - self._last))
        self._last = now
