"""A moved mesh → for each pixel of the output, the pixel of the source it shows. Knows nothing of mouths.

Triangles are painted as their numbers, back to front; every pixel then looks up the affine map of its triangle. The
map is kept as an offset from a common affine one, so that a mesh that has not moved gives that one bit for bit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SHIFT = 4  # fractional bits of the corners that are painted: a sixteenth of a pixel
THIN = 0.5  # square pixels; a thinner triangle has no stable slope and shows its mean offset instead

Floats = NDArray[np.float32]


class InverseMap:
    """Tables and buffers for one mesh and one output size. What fill returns is overwritten by the next call."""

    __slots__ = ("_column", "_ids", "_map", "_planes", "_row", "_scratch", "_triangles")

    def __init__(self, triangles: NDArray[np.int32], height: int, width: int) -> None:
        """triangles: (T, 3), back to front."""
        self._triangles = triangles
        self._ids = np.empty((height, width), np.int32)
        self._planes = np.zeros((6, len(triangles) + 1), np.float32)  # the last one: outside the mesh, no offset
        self._map = np.empty((2, height, width), np.float32)
        self._scratch = np.empty((height, width), np.float32)
        self._column = np.arange(width, dtype=np.float32)[None, :]
        self._row = np.arange(height, dtype=np.float32)[:, None]

    def fill(self, target: Floats, source: Floats, common: NDArray[np.float64]) -> tuple[Floats, Floats]:
        """The maps (x, y), each (height, width) float32, as cv2.remap takes them.

        target (V, 2): vertices in output pixels; source (V, 2): offset of what each shows from where common puts it,
        in source pixels; common (2, 3): output pixels to source pixels. Pixel (i, j) has its centre at (i, j).
        """
        corners = target[self._triangles]  # (T, 3, 2)
        self._paint(corners)
        self._slopes(corners, source[self._triangles])
        for axis in range(2):
            plane, term = self._map[axis], self._scratch
            along, down, base = self._planes[3 * axis : 3 * axis + 3]
            np.take(along, self._ids, out=plane, mode="clip")
            plane *= self._column
            np.take(down, self._ids, out=term, mode="clip")
            term *= self._row
            plane += term
            np.take(base, self._ids, out=term, mode="clip")
            plane += term
            plane += np.float32(common[axis, 0]) * self._column
            plane += (common[axis, 1] * self._row + common[axis, 2]).astype(np.float32)
        return self._map[0], self._map[1]

    def _paint(self, corners: Floats) -> None:
        self._ids.fill(len(corners))
        fixed = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        for number, triangle in enumerate(fixed):
            cv2.fillConvexPoly(self._ids, triangle, number, cv2.LINE_8, SHIFT)

    def _slopes(self, corners: Floats, offsets: Floats) -> None:
        """Solve each triangle's affine offset: slope along x, slope along y, value at the origin, for either axis."""
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        thin = np.abs(area) < THIN
        inverse = np.where(thin, 0, 1 / np.where(thin, 1, area))
        rise, rise2 = offsets[:, 1] - offsets[:, 0], offsets[:, 2] - offsets[:, 0]
        for axis in range(2):
            along = (rise[:, axis] * second[:, 1] - rise2[:, axis] * first[:, 1]) * inverse
            down = (rise2[:, axis] * first[:, 0] - rise[:, axis] * second[:, 0]) * inverse
            base = np.where(thin, offsets[:, :, axis].mean(axis=1), offsets[:, 0, axis])
            base -= along * corners[:, 0, 0] + down * corners[:, 0, 1]
            for place, plane in enumerate((along, down, base)):
                self._planes[3 * axis + place, :-1] = plane
