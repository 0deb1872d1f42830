"""Compiled inner loops of the renderer: what each pixel is made of, and the light on it.

Buffers are (h, w, k) float32 over the picture; colours are linear. Ids and weights come from `warping.rasterise`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.render_mesh import EYE, GUMS, HAIR, HEAD, SKIN, SOCKET, TEETH

IRIS_RAD, IRIS_RIM_RAD = 0.43, 0.38
LID_SHADE_CM = 0.4                  # the upper lid's shadow on the eyeball
LASH_FIRST_ROW, LASH_ROWS, LASH_LENGTH = 0.014, 0.1668, 0.14      # v of the lash tile: six rows, roots at their top


@njit(fastmath=True, cache=True)
def interpolate(ids, weights, triangles, points, normals, corner_uv, place, normal, uv):
    """Canonical place (h, w, 3), unit normal (h, w, 3) and texture place (h, w, 2) of every drawn pixel."""
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t]
            w1, w2 = weights[y, x, 0], weights[y, x, 1]
            w0 = 1 - w1 - w2
            length = np.float32(1e-9)
            for k in range(3):
                place[y, x, k] = w0 * points[a, k] + w1 * points[b, k] + w2 * points[c, k]
                n = w0 * normals[a, k] + w1 * normals[b, k] + w2 * normals[c, k]
                normal[y, x, k] = n
                length += n * n
            length = np.sqrt(length)
            for k in range(3):
                normal[y, x, k] /= length
            for k in range(2):
                uv[y, x, k] = w0 * corner_uv[t, 0, k] + w1 * corner_uv[t, 1, k] + w2 * corner_uv[t, 2, k]


@njit(fastmath=True, cache=True)
def _texel(size, uv):
    """Row and column of u, v (up) in a square texture."""
    return (min(max(int((1 - uv[1]) * size), 0), size - 1), min(max(int(uv[0] * size), 0), size - 1))


@njit(fastmath=True, cache=True)
def _skin_colour(texel, tone, out):
    grey = 0.3 * texel[0] + 0.6 * texel[1] + 0.1 * texel[2]
    for k in range(3):
        out[k] = (grey + (texel[k] - grey) * tone[3]) * tone[k]


@njit(fastmath=True, cache=True)
def _strand(p, size):
    """Row and column in the streaks' texture: strands run from the crown down."""
    around = np.arctan2(p[0], -p[2] - 8.0) * 0.159155 + 0.5
    down = (12.0 - p[1]) * 0.025
    return int(abs(down) * size) % size, int(around * size * 2) % size


@njit(fastmath=True, cache=True)
def comb(ids, weights, depth, hair_ids, hair_weights, hair_depth, triangles, points, inside, first, streaks, fray):
    """Give to the picture the pixels that hair wins, its edge frayed into strands.

    inside (H,): cm from the hair's edge, of vertices from `first` on; fray: length of the edge's strands in cm.
    """
    size = streaks.shape[0]
    p = np.empty(3, np.float32)
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            t = hair_ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t]
            w1, w2 = hair_weights[y, x, 0], hair_weights[y, x, 1]
            w0 = 1 - w1 - w2
            within = w0 * inside[a - first] + w1 * inside[b - first] + w2 * inside[c - first]
            if within < fray:
                for k in range(3):
                    p[k] = w0 * points[a, k] + w1 * points[b, k] + w2 * points[c, k]
                i, j = _strand(p, size)
                if within < fray * (1.2 * streaks[i, (j * 3) % size] - 0.7):
                    continue
            ids[y, x] = t
            weights[y, x, 0], weights[y, x, 1] = w1, w2
            depth[y, x] = hair_depth[y, x]


@njit(fastmath=True, cache=True)
def colour(ids, kinds, place, uv, face, head, masks, cover, tone, flat, streaks, eyes, gaze, lids, iris, pupil, mouth,
           collar, albedo, gloss):
    """Fill albedo (h, w, 3) and gloss (h, w).

    face, head: skin textures; masks (m, m, 4) with cover (4, 4): colour and strength of brows, beard, goatee, lips;
    tone (4,): factor on the skin, and on its saturation; flat (9, 4): colour and gloss of each kind; streaks (s, s): factor on hair;
    eyes (2, 3) centres; gaze (2, 3) unit vectors;
    lids (2, 2): height of each upper lid, and how much light comes between the lids; iris (3,); pupil: radians; mouth: depth of the lips' inner edge,
    over how many cm behind it the light falls to 1/e, and how much comes between the lips; collar (5,): height below which
    there is cloth, by how much it sinks towards the front, colour.
    """
    skin_size, head_size, mask_size, streak_size = face.shape[0], head.shape[0], masks.shape[0], streaks.shape[0]
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            if ids[y, x] < 0:
                continue
            kind = kinds[ids[y, x]]
            p = place[y, x]
            out = albedo[y, x]
            gloss[y, x] = flat[kind, 3]
            for k in range(3):
                out[k] = flat[kind, k]
            if kind == SKIN or kind == HEAD:
                if p[1] < collar[0] - collar[1] * p[2]:
                    for k in range(3):
                        out[k] = collar[2 + k]
                    gloss[y, x] = 0
                    continue
                if kind == HEAD:
                    i, j = _texel(head_size, uv[y, x])
                    _skin_colour(head[i, j], tone, out)
                    continue
                i, j = _texel(skin_size, uv[y, x])
                _skin_colour(face[i, j], tone, out)
                i, j = _texel(mask_size, uv[y, x])
                for m in range(4):
                    share = masks[i, j, m] * cover[m, 3]
                    if share > 0:
                        for k in range(3):
                            out[k] += (cover[m, k] - out[k]) * share
                        if m < 3:
                            gloss[y, x] *= 1 - 0.8 * share
            elif kind == SOCKET or kind == GUMS or kind == TEETH:
                light = min(np.exp((p[2] - mouth[0]) / mouth[1]), 1.0) * mouth[2]
                for k in range(3):
                    out[k] *= max(light, 0.04)
                gloss[y, x] *= light
            elif kind == HAIR:
                i, j = _strand(p, streak_size)
                for k in range(3):
                    out[k] *= streaks[i, j]
            elif kind == EYE:
                e = 0 if p[0] > 0 else 1
                d0, d1, d2 = p[0] - eyes[e, 0], p[1] - eyes[e, 1], p[2] - eyes[e, 2]
                r = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
                angle = np.arccos(min(1.0, (d0 * gaze[e, 0] + d1 * gaze[e, 1] + d2 * gaze[e, 2]) / r))
                if angle < pupil:
                    out[:] = 0.01
                elif angle < IRIS_RAD:
                    rim = 1.0 - 0.55 * max(0.0, (angle - IRIS_RIM_RAD) / (IRIS_RAD - IRIS_RIM_RAD))
                    inner = 1.25 - 0.4 * (angle - pupil) / (IRIS_RAD - pupil)
                    for k in range(3):
                        out[k] = iris[k] * rim * inner
                else:
                    red = min(1.0, max(0.0, (angle - 0.6) / 0.7))
                    out[1] *= 1 - 0.25 * red
                    out[2] *= 1 - 0.25 * red
                under = min(np.float32(1), max(np.float32(0), (lids[e, 0] - p[1]) / LID_SHADE_CM))
                light = lids[e, 1] * (0.45 + 0.55 * under)
                for k in range(3):
                    out[k] *= light
                gloss[y, x] *= light


@njit(fastmath=True, cache=True)
def _lit(shadow, matrix, p, blur):
    """0..1: share of the key light that reaches p."""
    size = shadow.shape[0]
    sx = matrix[0, 0] * p[0] + matrix[0, 1] * p[1] + matrix[0, 2] * p[2] + matrix[0, 3]
    sy = matrix[1, 0] * p[0] + matrix[1, 1] * p[1] + matrix[1, 2] * p[2] + matrix[1, 3]
    sz = matrix[2, 0] * p[0] + matrix[2, 1] * p[1] + matrix[2, 2] * p[2] + matrix[2, 3]
    covered = 0.0
    for oy in range(-1, 2):
        for ox in range(-1, 2):
            fy, fx = sy + oy * blur, sx + ox * blur
            i, j = int(fy), int(fx)
            if 0 <= i < size - 1 and 0 <= j < size - 1:
                v, u = fy - i, fx - j
                limit = sz + 0.35
                c00 = 1.0 if shadow[i, j] > limit else 0.0
                c01 = 1.0 if shadow[i, j + 1] > limit else 0.0
                c10 = 1.0 if shadow[i + 1, j] > limit else 0.0
                c11 = 1.0 if shadow[i + 1, j + 1] > limit else 0.0
                covered += (c00 * (1 - u) + c01 * u) * (1 - v) + (c10 * (1 - u) + c11 * u) * v
    return 1 - covered / 9


@njit(fastmath=True, cache=True)
def illuminate(ids, kinds, place, normal, albedo, gloss, lights, shine, shadow, matrix, shadow_look, image):
    """Image (h, w, 3) float32, linear, from colours and light.

    lights (8, 3): ambient, sky and ground colour, sky's axis, key colour and direction, rim colour and direction;
    shine: exponent, then the direction to the camera; shadow_look: strength (0 = none), blur in cells of the map.
    All directions are canonical unit vectors.
    """
    half = np.empty(3, np.float32)
    total = np.float32(1e-9)
    for k in range(3):
        half[k] = lights[5, k] + shine[1 + k]
        total += half[k]**2
    half /= np.sqrt(total)
    # red light goes a little round the skin's edges
    wrap = np.array([0.25, 0.12, 0.1], np.float32)
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            if ids[y, x] < 0:
                continue
            n = normal[y, x]
            sky = 0.5 + 0.5 * (n[0] * lights[3, 0] + n[1] * lights[3, 1] + n[2] * lights[3, 2])
            key = n[0] * lights[5, 0] + n[1] * lights[5, 1] + n[2] * lights[5, 2]
            rim = max(np.float32(0), n[0] * lights[7, 0] + n[1] * lights[7, 1] + n[2] * lights[7, 2])
            lit = np.float32(1)
            if shadow_look[0] > 0 and key > -0.3:
                lit = 1 - shadow_look[0] * (1 - _lit(shadow, matrix, place[y, x], shadow_look[1]))
            bright = max(np.float32(0), n[0] * half[0] + n[1] * half[1] + n[2] * half[2])
            bright = gloss[y, x] * bright**shine[0] * lit
            skin = kinds[ids[y, x]] <= HEAD
            for k in range(3):
                w = wrap[k] if skin else np.float32(0.05)
                direct = max(np.float32(0), (key + w) / (1 + w)) * lit
                light = lights[0, k] + lights[1, k] * sky + lights[2, k] * (1 - sky) \
                    + lights[4, k] * direct + lights[6, k] * rim
                image[y, x, k] = albedo[y, x, k] * light + bright * lights[4, k] * 0.5


@njit(fastmath=True, cache=True)
def darken(image, ids, weights, triangles, corner_uv, share, colour):
    """Lay lashes over the picture: a veil of `colour` (3,), full at their roots (v high), none at their tips."""
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            t = ids[y, x]
            if t < 0:
                continue
            w1, w2 = weights[y, x, 0], weights[y, x, 1]
            w0 = 1 - w1 - w2
            u = w0 * corner_uv[t, 0, 0] + w1 * corner_uv[t, 1, 0] + w2 * corner_uv[t, 2, 0]
            v = w0 * corner_uv[t, 0, 1] + w1 * corner_uv[t, 1, 1] + w2 * corner_uv[t, 2, 1]
            root = ((v - LASH_FIRST_ROW) % LASH_ROWS) / LASH_LENGTH
            alpha = share * (0.6 + 0.4 * np.sin(u * 220.0)) * min(np.float32(1), max(np.float32(0), root))
            for k in range(3):
                image[y, x, k] += (colour[k] - image[y, x, k]) * alpha
