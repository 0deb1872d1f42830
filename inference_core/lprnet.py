"""L-PRNet with the calls of the original: code written for it goes on working.

    from inference_core.lprnet import LPRNet
    model = LPRNet()
    cropped_face = model.detect_face(image)
    uv_map = model.predict_uv(cropped_face)
    frame_contain_pcl, pcl = model.visualize_pcl(uv_map)
"""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.crop import Crop, crop_from_landmarks, restore
from inference_core.detection import detect_faces
from inference_core.engine import load_network
from inference_core.errors import InputError

FRAME = 512                     # pixels a side of the picture that `visualize_pcl` draws
NEAR, FAR = np.array([255, 214, 170]), np.array([38, 70, 140])      # colours of the points by depth


class LPRNet:
    """The largest face of a picture as a position map.

    weights: "lprnet", the original's architecture, or any other network that is installed; engine: "litert" or
    "tensorflow". After `detect_face`, `crop` is where in the picture the face was cut out, so that
    `to_image(uv_map)` gives pixels.
    """

    def __init__(self, weights: str = "lprnet", engine: str = "litert", threads: int = 1) -> None:
        self.network = load_network(weights, engine, threads)
        self.crop: Crop | None = None

    def detect_face(self, image: np.ndarray) -> np.ndarray:
        """(H, W), (H, W, 3) or (H, W, 4) uint8, grey, RGB or RGBA -> the largest face, (S, S, 3) float32 RGB in [0, 1];
        S is 128 for "lprnet". A square, never stretched. Raises InputError when there is no face."""
        image = _rgb(image)
        found = detect_faces(image)
        if not found:
            raise InputError("no face was found in the picture; give one that shows a face larger, or more from the "
                             "front")
        size = self.network.input_size
        # a first look sets the square right, so that it does not depend on the detector's steps
        topology, first = self.network.topology, self.network.view(found[0].crop)
        answer = restore(self.network.predict(first.cut(image, size)).position_map_crop, first)
        crop = crop_from_landmarks(topology.landmarks(topology.vertices(answer)), upright=False)
        self.crop = self.network.view(crop)
        return self.crop.cut(image, size).astype(np.float32) / 255

    def predict_uv(self, cropped_face: np.ndarray) -> np.ndarray:
        """(S, S, 3) float in [0, 1] or uint8 -> position map (128, 128, 3) float32: x and y in widths of the crop from
        its top-left corner, y down; z on the same scale, towards the camera, 0.5 at the middle of the head. Values lie
        between 0 and 1 but for what reaches out of the crop; a square of another size is scaled."""
        face = np.asarray(cropped_face)
        if face.ndim != 3 or face.shape[2] != 3 or face.shape[0] != face.shape[1] or not face.size:
            raise InputError(f"the cropped face must be a square (S, S, 3), not {face.shape}; use what detect_face "
                             "returns")
        if face.dtype != np.uint8:
            if not np.isfinite(face).all() or face.min() < 0 or face.max() > 1:
                raise InputError("the cropped face must hold numbers from 0 to 1, or bytes; use what detect_face "
                                 "returns")
            face = np.round(face * 255).astype(np.uint8)
        size = self.network.input_size
        if len(face) != size:
            way = cv2.INTER_AREA if len(face) > size else cv2.INTER_LINEAR
            face = cv2.resize(face, (size, size), interpolation=way)
        return self.network.predict(face).position_map_crop + np.float32([0, 0, 0.5])

    def to_image(self, uv_map: np.ndarray) -> np.ndarray:
        """The position map in pixels of the picture last given to `detect_face`; z zero at the middle of the head."""
        if self.crop is None:
            raise InputError("no face has been detected yet; call detect_face first")
        return restore(uv_map - np.float32([0, 0, 0.5]), self.crop)

    def visualize_pcl(self, uv_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(128, 128, 3) -> the picture of the points (512, 512, 3) uint8 RGB, nearer ones lighter, and the points
        (128 * 128, 3) float32, as the map holds them."""
        points = np.asarray(uv_map, np.float32).reshape(-1, 3)
        topology = self.network.topology
        shown = topology.vertices(uv_map) if np.shape(uv_map) == (topology.size, topology.size, 3) else points
        depth = shown[:, 2]
        share = ((depth - depth.min()) / max(float(np.ptp(depth)), 1e-9))[:, None]
        colours = (share * NEAR + (1 - share) * FAR).round().astype(int)
        frame = np.full((FRAME, FRAME, 3), 24, np.uint8)
        for index in np.argsort(depth):             # far ones first
            centre = np.round(np.clip(shown[index, :2], -1, 2) * FRAME - 0.5).astype(int)
            cv2.circle(frame, tuple(map(int, centre)), 1, tuple(map(int, colours[index])), -1, cv2.LINE_AA)
        return frame, points


def _rgb(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
        raise InputError("the picture must be an array of uint8, grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4)")
    if image.ndim == 2:
        return np.stack([image] * 3, 2)
    return np.ascontiguousarray(image[..., :3])
