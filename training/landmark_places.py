"""Where the 68 iBUG landmarks lie on the ICT face: on which vertices, with which weights.

The face model publishes a vertex for each. The others were moved by the rules of the drawn scheme (68 points of
Multi-PIE and 300-W) and by looking at renders and portraits, never by fitting to annotated photos: brows down onto the
brow (between FaceMesh's two rows of brow points) and evenly along it; chin to the lowest point; jaw onto the outline, as
far back as the narrow face reaches, evenly between ear and chin as a camera at 70 cm sees it; lids to the thirds of the
eye; 58, 61 and 67 in one column under the peak of the upper lip, 49 and 59 halfway from it to the corner; 31 and 32
where the wing and the sill of the nostril meet the lip.
The subject's right half is written down; the other is its mirror image.
"""

from __future__ import annotations

import numpy as np

RIGHT_AND_MIDDLE: dict[int, dict[int, float]] = {
    # jaw, from the ear down to the chin
    0: {1278: 0.132, 1793: 0.477, 1794: 0.391},
    1: {1788: 0.31, 1789: 0.247, 1273: 0.443},
    2: {1783: 0.66, 14: 0.297, 13: 0.043},
    3: {375: 0.213, 376: 0.157, 1836: 0.63},
    4: {1455: 0.075, 1901: 0.652, 745: 0.273},
    5: {844: 0.834, 763: 0.11, 228: 0.056},
    6: {1725: 0.267, 1675: 0.104, 1674: 0.629},
    7: {2196: 0.395, 1445: 0.556, 1444: 0.049},
    8: {965: 1},
    # brow, outer end first
    17: {386: 0.283, 992: 0.419, 993: 0.298},
    18: {496: 0.46, 79: 0.392, 349: 0.148},
    19: {1917: 0.742, 123: 0.227, 122: 0.031},
    20: {102: 0.327, 1324: 0.256, 2037: 0.417},
    21: {2002: 0.642, 2003: 0.178, 2028: 0.18},
    # bridge of the nose, then the nostrils' row
    27: {978: 1}, 28: {4527: 1}, 29: {4942: 1}, 30: {4857: 1},
    31: {4562: 0.127, 4559: 0.78, 68: 0.093}, 32: {2088: 0.453, 2075: 0.25, 2076: 0.297}, 33: {1147: 1},
    # eye: outer corner, upper lid, inner corner, lower lid
    36: {1507: 1}, 37: {1540: 0.085, 1541: 0.622, 1576: 0.293}, 38: {1537: 1},
    39: {1528: 1}, 40: {1518: 1}, 41: {1512: 0.981, 1553: 0.019},
    # lips: outer upper, outer lower, inner upper, inner lower
    48: {5708: 1}, 49: {143: 0.067, 5695: 0.578, 5720: 0.355}, 50: {2081: 1}, 51: {0: 1},
    57: {5518: 1}, 58: {5976: 0.374, 6003: 0.003, 6004: 0.623}, 59: {5840: 0.03, 5841: 0.143, 5852: 0.827},
    60: {5702: 1}, 61: {5761: 0.856, 5762: 0.138, 6035: 0.006}, 62: {5533: 1},
    66: {5517: 1}, 67: {5981: 0.28, 5982: 0.604, 5952: 0.116},
}
# landmark of the subject's right half -> its partner on the left
LEFT_OF = {**{i: 16 - i for i in range(8)}, **{i: 43 - i for i in range(17, 22)}, 31: 35, 32: 34,
           36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 48: 54, 49: 53, 50: 52, 58: 56, 59: 55,
           60: 64, 61: 63, 67: 65}


def landmark_places(mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (68, 3) int64 and weights (68, 3) float64, rows summing to 1.

    mirror (6706,): each vertex's partner on the other side.
    """
    vertices, weights = np.zeros((68, 3), np.int64), np.zeros((68, 3))
    for landmark, place in RIGHT_AND_MIDDLE.items():
        vertices[landmark] = list(place)[0]
        vertices[landmark, :len(place)], weights[landmark, :len(place)] = list(place), list(place.values())
        if landmark in LEFT_OF:
            vertices[LEFT_OF[landmark]] = mirror[vertices[landmark]]
            weights[LEFT_OF[landmark]] = weights[landmark]
    return vertices, weights


def landmarks_on_unwrap(mirror: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The unwrap (6706, 2) of the narrow face's vertices -> the 68 points on it (68, 2)."""
    vertices, weights = landmark_places(mirror)
    return (uv[vertices] * weights[..., None]).sum(1)
