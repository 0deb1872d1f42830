"""Where the 68 iBUG landmarks lie on the ICT face: on which vertices, with which weights.

The face model publishes a vertex for each. Those of nose, lips and eye corners are kept. The others were
moved by looking at renders and portraits, never by fitting to annotated photos: brows down onto the brow
(between FaceMesh's two rows of brow points), chin to the lowest point, lids to the thirds of the eye, jaw
onto the silhouette as far back as the narrow face reaches.
The subject's right half is written down; the other is its mirror image.
"""

from __future__ import annotations

import numpy as np

RIGHT_AND_MIDDLE: dict[int, dict[int, float]] = {
    # jaw, from the ear down to the chin
    0: {1278: 0.132, 1793: 0.477, 1794: 0.391},
    1: {1788: 0.235, 1789: 0.367, 1274: 0.398},
    2: {1783: 0.128, 1784: 0.453, 1248: 0.419},
    3: {375: 0.022, 376: 0.002, 1837: 0.976},
    4: {1901: 0.296, 1900: 0.239, 1454: 0.465},
    5: {844: 0.881, 228: 0.083, 845: 0.036},
    6: {1724: 0.33, 1675: 0.311, 1674: 0.359},
    7: {2196: 0.466, 1445: 0.361, 1444: 0.173},
    8: {965: 1},
    # brow, outer end first
    17: {386: 0.283, 992: 0.419, 993: 0.298},
    18: {496: 0.276, 1010: 0.299, 1011: 0.425},
    19: {483: 0.244, 484: 0.058, 1033: 0.698},
    20: {1414: 0.186, 2036: 0.58, 1415: 0.234},
    21: {2002: 0.642, 2003: 0.178, 2028: 0.18},
    # bridge of the nose, then the nostrils' row
    27: {978: 1}, 28: {4527: 1}, 29: {4942: 1}, 30: {4857: 1},
    31: {1140: 1}, 32: {2075: 1}, 33: {1147: 1},
    # eye: outer corner, upper lid, inner corner, lower lid
    36: {1507: 1}, 37: {1540: 0.085, 1541: 0.622, 1576: 0.293}, 38: {1537: 1},
    39: {1528: 1}, 40: {1518: 1}, 41: {1512: 0.981, 1553: 0.019},
    # lips: outer upper, outer lower, inner upper, inner lower
    48: {5708: 1}, 49: {5695: 1}, 50: {2081: 1}, 51: {0: 1},
    57: {5518: 1}, 58: {5957: 1}, 59: {5841: 1},
    60: {5702: 1}, 61: {5711: 1}, 62: {5533: 1},
    66: {5517: 1}, 67: {5966: 1},
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
