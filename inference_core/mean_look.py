"""A face looked at several times: turned a little to either side, and in the mirror, where left is right.

What a network errs by changes with how the face lies in its crop, so the mean of the answers is truer than any of them:
landmarks of held-out faces by 6 to 8 % (python -m benchmarks.careful). Six looks cost six times as much, which a photo
has time for.
"""

from __future__ import annotations

import numpy as np

from inference_core.crop import Crop, crop_around, restore
from inference_core.engine import Network, Prediction
from inference_core.pose import HeadPose, compose, pose_in_image
from inference_core.topology import Topology

ROLLS_DEG = (0.0, -8.0, 8.0)    # the first one's presence counts


def mean_look(image: np.ndarray, seen: Crop, network: Network) -> Prediction:
    """image (H, W, 3) uint8 RGB -> as `network.predict` of what it sees, in units of the crop `seen`, but the mean."""
    looks = []
    for roll in ROLLS_DEG:
        turned = crop_around((0.5, 0.5), 1.0, np.deg2rad(roll))         # of the unit square of `seen`
        picture = Crop(turned.matrix @ seen.matrix).cut(image, network.input_size)
        looks.append(_turned_back(network.predict(picture), turned))
        if network.topology.symmetric:
            answer = network.predict(np.ascontiguousarray(picture[:, ::-1]))
            looks.append(_turned_back(mirrored(answer, network.topology), turned))
    return mean_of(looks)


def mirrored(answer: Prediction, topology: Topology) -> Prediction:
    """The answer about a crop's mirror image -> about the crop."""
    def swapped(position_map: np.ndarray, flip) -> np.ndarray:
        out = position_map.copy()           # cells outside the mesh keep their values without meaning
        out[topology.cells[:, 0], topology.cells[:, 1]] = flip(topology.vertices(position_map)[topology.mirror])
        return out

    position_map = swapped(answer.position_map_crop,
                           lambda points: points * np.float32([-1, 1, 1]) + np.float32([1, 0, 0]))
    if answer.pose is None or answer.canonical_map is None:
        return Prediction(position_map, answer.presence)
    flip, pose = np.array([-1.0, 1.0, 1.0]), answer.pose
    turned = HeadPose(flip[:, None] * pose.rotation * flip, pose.scale, np.array([1 - pose.shift[0], pose.shift[1]]),
                      pose.inverse_distance)
    return Prediction(position_map, answer.presence,
                      swapped(answer.canonical_map, lambda points: points * np.float32(flip)), turned)


def mean_of(answers: list[Prediction]) -> Prediction:
    """Shapes and poses apart, so that the mean shape does not shrink; presence of the first."""
    first = answers[0]
    if first.pose is None or first.canonical_map is None:
        return Prediction(np.mean([answer.position_map_crop for answer in answers], 0), first.presence)
    canonical = np.mean([answer.canonical_map for answer in answers], 0)
    pose = mean_pose([answer.pose for answer in answers])
    return Prediction(compose(canonical, pose).astype(np.float32), first.presence, canonical, pose)


def mean_pose(poses: list[HeadPose]) -> HeadPose:
    """The rotation nearest to the mean of their matrices (Moakher, "Means and averaging in the group of rotations",
    SIAM J. Matrix Anal. 2002); the geometric mean of the scales."""
    u, _, v = np.linalg.svd(np.mean([pose.rotation for pose in poses], 0))
    return HeadPose(u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v,
                    float(np.exp(np.mean([np.log(pose.scale) for pose in poses]))),
                    np.mean([pose.shift for pose in poses], 0),
                    float(np.mean([pose.inverse_distance for pose in poses])))


def _turned_back(answer: Prediction, turned: Crop) -> Prediction:
    if answer.pose is None:
        return Prediction(restore(answer.position_map_crop, turned), answer.presence)
    # its map is left as it is: mean_of makes one of the mean shape and pose
    return Prediction(answer.position_map_crop, answer.presence, answer.canonical_map,
                      pose_in_image(answer.pose, turned))
