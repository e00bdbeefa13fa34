"""A moved mesh → for each pixel of the output, the source position that it shows. Knows nothing of mouths.

Triangles are painted as their numbers, back to front; every pixel then looks up the affine map of its triangle. The
map is kept as an offset from a common affine one, so that a mesh that has not moved gives that one bit for bit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32

SHIFT = 4  # fractional bits of the corners that are painted: a sixteenth of a pixel
THIN = 0.5  # square pixels; a thinner triangle has no stable slope and shows its mean offset instead


class InverseMap:
    """Tables and buffers for one mesh and one output size. What it returns is overwritten by the next call."""

    __slots__ = ("_column", "_ids", "_offsets", "_planes", "_row", "_scratch", "_triangles")

    def __init__(self, triangles: NDArray[np.int32], height: int, width: int) -> None:
        """triangles: (T, 3), back to front."""
        self._triangles = triangles
        self._ids = np.empty((height, width), np.int32)
        self._planes = np.zeros((3, 2, len(triangles) + 1), np.float32)  # the last one: outside the mesh, no offset
        self._offsets = np.empty((2, height, width), np.float32)
        self._scratch = np.empty((height, width), np.float32)
        self._column, self._row = _axes(height, width)

    def offsets(self, target: F32, source: F32) -> F32:
        """Offset of each source position from the common affine map, (2, height, width): 0 outside a moved mesh.

        target (V, 2): vertices in output pixels; source (V, 2): the same offset of each of them, in source pixels.
        Pixel (i, j) has its centre at (i, j).
        """
        corners = target[self._triangles]  # (T, 3, 2)
        self._paint(corners)
        self._slopes(corners, source[self._triangles])
        for axis in range(2):
            plane, term = self._offsets[axis], self._scratch
            along, down, base = self._planes[:, axis]
            np.take(along, self._ids, out=plane, mode="clip")
            plane *= self._column
            np.take(down, self._ids, out=term, mode="clip")
            term *= self._row
            plane += term
            np.take(base, self._ids, out=term, mode="clip")
            plane += term
        return self._offsets

    def _paint(self, corners: F32) -> None:
        self._ids.fill(len(corners))
        fixed = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        for number, triangle in enumerate(fixed):
            cv2.fillConvexPoly(self._ids, triangle, number, cv2.LINE_8, SHIFT)

    def _slopes(self, corners: F32, offsets: F32) -> None:
        """Solve each triangle's affine offset: slope along x, slope along y, value at the origin.

        corners, offsets: (T, 3, 2).
        """
        x, y = np.ascontiguousarray(corners.transpose(2, 1, 0))  # (3, T) each: numpy is quick along the last axis
        shown = np.ascontiguousarray(offsets.transpose(1, 2, 0))  # (3, 2, T)
        x1, x2, y1, y2 = x[1] - x[0], x[2] - x[0], y[1] - y[0], y[2] - y[0]
        area = x1 * y2 - y1 * x2
        thin = np.abs(area) < THIN
        inverse = np.where(thin, 0, 1 / np.where(thin, 1, area))
        rise, rise2 = shown[1] - shown[0], shown[2] - shown[0]
        along = (rise * y2 - rise2 * y1) * inverse
        down = (rise2 * x1 - rise * x2) * inverse
        base = np.where(thin, shown.mean(axis=0), shown[0])
        base -= along * x[0] + down * y[0]
        for row, found in enumerate((along, down, base)):
            self._planes[row, :, :-1] = found


class Raster:
    """The pixels of one output size. What positions returns is overwritten by the next call."""

    __slots__ = ("_column", "_map", "_row")

    def __init__(self, height: int, width: int) -> None:
        self._map = np.empty((2, height, width), np.float32)
        self._column, self._row = _axes(height, width)

    def positions(self, offsets: F32, common: NDArray[np.float64]) -> F32:
        """Source position of each pixel: the common map's plus its offset, (2, height, width), as cv2.remap takes maps.

        offsets (2, height, width) and common (2, 3): from output pixels, in source pixels.
        """
        for plane, offset, (along, down, base) in zip(self._map, offsets, common, strict=True):
            np.add(offset, np.float32(along) * self._column, out=plane)
            plane += (down * self._row + base).astype(np.float32)
        return self._map


def _axes(height: int, width: int) -> tuple[F32, F32]:
    """(1, width) and (height, 1): the pixels' coordinates."""
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
