"""Where the head really ends in the photo. The outline of the mesh lies off it by up to 8 % of the face, and what is
behind the head would be painted onto the skin."""

from __future__ import annotations

import cv2
import numpy as np

from inference_core.smooth_fill import smooth_fill

# Shares of the face's larger side. Deeper than REACH within the mesh's outline the photo surely shows the face, further
# than BEYOND outside it surely does not; pixels at the outline of what was found (EDGE) still hold some of it.
REACH, BEYOND, EDGE, SPECK = 0.09, 0.06, 0.01, 0.006
NEARER = 0.7                    # times the distance to the colours inside: so near to those outside is background
SHADOW = 0.7                    # times as light as the skin inside: the shadow under a chin, not the skin above it
LEAST = 20.0                    # grey levels off the colours inside; less is no other colour
AROUND = REACH + BEYOND         # how much of the photo around the face is looked at


def background_within(photo: np.ndarray, there: np.ndarray, face: np.ndarray, far_outline: np.ndarray,
                      side: float) -> np.ndarray:
    """photo (H, W, 3) uint8; there (H, W) bool: where it has pixels; face (H, W) uint8: 1 within the mesh's outline;
    far_outline (H, W) bool: the part of it beyond which the head turns away; side: larger side of the face in pixels.

    -> (H, W) bool: near the far outline, what continues the colours outside and not those inside, or is the head's own
    shadow.
    """
    nothing = np.zeros(face.shape, bool)
    inner = cv2.erode(face, _disc(REACH * side), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outer = 1 - cv2.dilate(face, _disc(BEYOND * side))
    if not far_outline.any() or not inner.any() or not (outer * there).any():
        return nothing
    soft = cv2.GaussianBlur(photo, (0, 0), 1).astype(np.float32)
    inside, outside = (smooth_fill(soft, np.float32(part * there)) for part in (inner, outer))
    to_inside, to_outside = (np.linalg.norm(soft - colours, axis=2) for colours in (inside, outside))
    shadow = soft.mean(2) < SHADOW * inside.mean(2)
    near = cv2.dilate(far_outline.astype(np.uint8), _disc(REACH * side)) * (1 - inner)
    other = near * ((to_outside < NEARER * to_inside) | shadow) * (to_inside > LEAST)
    other = cv2.morphologyEx(other, cv2.MORPH_OPEN, _disc(SPECK * side))
    # dark brows and nostrils may look like what is outside, but do not reach it
    _, parts = cv2.connectedComponents(np.maximum(other, 1 - cv2.erode(face, _disc(EDGE * side))))
    reaches = np.zeros(parts.max() + 1, bool)
    reaches[parts[face == 0]] = True
    return cv2.dilate(other * reaches[parts], _disc(EDGE * side)) > 0


def _disc(radius: float) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)
