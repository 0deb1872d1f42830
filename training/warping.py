"""Compiled inner loops that draw a textured mesh: vertex normals, z-buffer, shading from a photo.

Screen points are (n, 3) float32: x right, y down in pixels, z larger = nearer.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAR = np.float32(-1e9)


@njit(fastmath=True, cache=True)
def vertex_normals(points, triangles):
    """(V, 3) unit normals, area-weighted over the triangles around each vertex."""
    out = np.zeros_like(points)
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(len(out)):
        s = 1 / (np.sqrt(out[i, 0]**2 + out[i, 1]**2 + out[i, 2]**2) + 1e-9)
        out[i] *= s
    return out


@njit(fastmath=True, cache=True)
def rasterise(screen, triangles, skip, first, depth, ids, weights):
    """Draw front faces (counter-clockwise from outside) into depth (h, w), ids (h, w) and weights (h, w, 2).

    Triangle ids start at `first`; triangles with skip set are left out; `depth` starts at FAR, `ids` at -1.
    """
    height, width = depth.shape
    for t in range(len(triangles)):
        if skip[t]:
            continue
        a, b, c = triangles[t]
        x0, y0, x1, y1 = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        x2, y2 = screen[c, 0], screen[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area >= -1e-9:
            continue
        left, right = max(int(np.ceil(min(x0, x1, x2))), 0), min(int(np.floor(max(x0, x1, x2))), width - 1)
        top, bottom = max(int(np.ceil(min(y0, y1, y2))), 0), min(int(np.floor(max(y0, y1, y2))), height - 1)
        inverse = 1.0 / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                w1 = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) * inverse
                w2 = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) * inverse
                w0 = 1 - w1 - w2
                if w0 < -1e-6 or w1 < -1e-6 or w2 < -1e-6:
                    continue
                z = w0 * screen[a, 2] + w1 * screen[b, 2] + w2 * screen[c, 2]
                if z > depth[y, x]:
                    depth[y, x] = z
                    ids[y, x] = first + t
                    weights[y, x, 0] = w1
                    weights[y, x, 1] = w2


@njit(fastmath=True, cache=True)
def _read(photo, u, v, channel):
    height, width = photo.shape[:2]
    u = min(max(u, 0.0), width - 1.001)
    v = min(max(v, 0.0), height - 1.001)
    i, j = int(v), int(u)
    p, q = v - i, u - j
    upper = photo[i, j, channel] * (1 - q) + photo[i, j + 1, channel] * q
    lower = photo[i + 1, j, channel] * (1 - q) + photo[i + 1, j + 1, channel] * q
    return upper * (1 - p) + lower * p


@njit(fastmath=True, cache=True)
def shade(image, photo, ids, weights, triangles, texture, partner_texture, gain, partner, light, paint,
          painted):
    """Colour the pixels that a triangle won; others keep what `image` (h, w, 3) float32 holds.

    texture, partner_texture (V, 2): photo pixels of each vertex and of its mirror partner; partner (V,) 0..1:
    how much of the partner's skin to take, times gain (3,); light (V,): factor; paint (V, 3): colour used
    instead where painted (T,) is set.
    """
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t]
            w1, w2 = weights[y, x, 0], weights[y, x, 1]
            w0 = 1 - w1 - w2
            factor = w0 * light[a] + w1 * light[b] + w2 * light[c]
            if painted[t]:
                for k in range(3):
                    value = w0 * paint[a, k] + w1 * paint[b, k] + w2 * paint[c, k]
                    image[y, x, k] = min(255.0, value * factor)
                continue
            share = w0 * partner[a] + w1 * partner[b] + w2 * partner[c]
            u = w0 * texture[a, 0] + w1 * texture[b, 0] + w2 * texture[c, 0]
            v = w0 * texture[a, 1] + w1 * texture[b, 1] + w2 * texture[c, 1]
            mu, mv = u, v
            if share > 0.01:
                mu = w0 * partner_texture[a, 0] + w1 * partner_texture[b, 0] + w2 * partner_texture[c, 0]
                mv = w0 * partner_texture[a, 1] + w1 * partner_texture[b, 1] + w2 * partner_texture[c, 1]
            for k in range(3):
                value = _read(photo, u, v, k)
                if share > 0.01:
                    value = value * (1 - share) + share * gain[k] * _read(photo, mu, mv, k)
                image[y, x, k] = min(255.0, value * factor)
