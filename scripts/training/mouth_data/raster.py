"""A z-buffer: which triangle every pixel shows, and values interpolated over it. Knows no heads and no light."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FARTHEST = np.float32(-1e9)


@dataclass(frozen=True, slots=True, eq=False)
class ZBuffer:
    """triangle (H, W) int32, −1 where nothing is seen; weights (H, W, 3) float32 of its corners; depth (H, W)
    float32, greater is nearer."""

    triangle: NDArray[np.int32]
    weights: Floats
    depth: Floats


def rasterise(points: NDArray[np.floating], triangles: NDArray[np.int32], height: int, width: int) -> ZBuffer:
    """points (V, 3): x right and y down in pixels, whose centres lie at ½, and nearness. Triangles that turn their back
    are not seen."""
    ids = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), FARTHEST, np.float32)
    _rasterise(np.ascontiguousarray(points, np.float32), triangles, ids, weights, depth)
    return ZBuffer(ids, weights, depth)


def interpolate(seen: ZBuffer, triangles: NDArray[np.int32], values: Floats) -> Floats:
    """(V, C) float32 at the vertices → (H, W, C), 0 where nothing is seen."""
    picture = np.zeros((*seen.triangle.shape, values.shape[1]), np.float32)
    _interpolate(seen.triangle, seen.weights, triangles, np.ascontiguousarray(values, np.float32), picture)
    return picture


def normals(vertices: Floats, triangles: NDArray[np.int32]) -> Floats:
    """Unit vertex normals, weighted by area: (V, 3)."""
    summed = np.zeros(vertices.shape, np.float32)
    _add_normals(np.ascontiguousarray(vertices, np.float32), triangles, summed)
    summed /= np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9)
    return summed


@numba.njit(cache=True, nogil=True)
def _rasterise(
    points: Floats, triangles: NDArray[np.int32], ids: NDArray[np.int32], weights: Floats, depth: Floats
) -> None:
    height, width = ids.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        xa, ya, za = points[a, 0], points[a, 1], points[a, 2]
        xb, yb, zb = points[b, 0], points[b, 1], points[b, 2]
        xc, yc, zc = points[c, 0], points[c, 1], points[c, 2]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area > -1e-6:
            continue
        left = max(0, int(np.floor(min(xa, xb, xc) - 0.5)))
        right = min(width - 1, int(np.ceil(max(xa, xb, xc) - 0.5)))
        top = max(0, int(np.floor(min(ya, yb, yc) - 0.5)))
        bottom = min(height - 1, int(np.ceil(max(ya, yb, yc) - 0.5)))
        for row in range(top, bottom + 1):
            dy = row + 0.5 - ya
            for column in range(left, right + 1):
                dx = column + 0.5 - xa
                wb = (dx * (yc - ya) - (xc - xa) * dy) / area
                wc = ((xb - xa) * dy - dx * (yb - ya)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = wa * za + wb * zb + wc * zc
                if z > depth[row, column]:
                    depth[row, column] = z
                    ids[row, column] = t
                    weights[row, column, 0] = wa
                    weights[row, column, 1] = wb
                    weights[row, column, 2] = wc


@numba.njit(cache=True, nogil=True)
def _interpolate(
    ids: NDArray[np.int32], weights: Floats, triangles: NDArray[np.int32], values: Floats, picture: Floats
) -> None:
    height, width = ids.shape
    for row in range(height):
        for column in range(width):
            t = ids[row, column]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wa, wb, wc = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            for channel in range(values.shape[1]):
                picture[row, column, channel] = (
                    wa * values[a, channel] + wb * values[b, channel] + wc * values[c, channel]
                )


@numba.njit(cache=True, nogil=True)
def _add_normals(vertices: Floats, triangles: NDArray[np.int32], summed: Floats) -> None:
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            summed[k, 0] += nx
            summed[k, 1] += ny
            summed[k, 2] += nz
