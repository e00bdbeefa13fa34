"""How a mouth's mesh moves with lip motion, in crop coordinates; and from crop coordinates to pixels.

Lips never pass through each other: where the coefficients would push the lower lip above the upper one, both meet
half-way, so that "closed" is exactly closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64
from engines.face.tensors import FaceTensors

# At rest the picture shows a dark line where the lips meet. Opened lips must not wear it as a rim, so they take
# their texture from a little further on: CREASE at most, once the gap is CREASE_GAP (inter-ocular distances).
CREASE = 0.012
CREASE_GAP = 0.05

CONTOUR_STEPS = 4  # points of the smooth inner contour per interval of the mesh

# Frame and crop coordinates put the centre of a pixel at ½; cv2 puts it at 0.
HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5]])


@dataclass(frozen=True, slots=True, eq=False)
class MouthShape:
    """A mouth in one pose, crop coordinates.

    vertices (V, 2): where each vertex is; texture (V, 2): the position at rest that it takes its texture from;
    upper and lower (k, 2): smooth inner contours, left to right; gaps (m,): opening at each vertex of them, ≥ 0.
    """

    vertices: F32
    texture: F32
    upper: F32
    lower: F32
    gaps: F32


class MouthGeometry:
    """Coefficients → MouthShape, for one presenter. Stateless between calls."""

    __slots__ = ("_basis", "_crease", "_crease_gap", "_lower", "_rest", "_smooth", "_upper")

    def __init__(self, face: FaceTensors) -> None:
        self._rest = face.mesh
        self._basis = face.basis.reshape(len(face.basis), -1)
        self._upper, self._lower = face.inner_upper, face.inner_lower
        self._crease = CREASE * float(face.interocular)
        self._crease_gap = CREASE_GAP * float(face.interocular)
        self._smooth = _catmull_rom(len(face.inner_upper), CONTOUR_STEPS)

    def pose(self, coefficients: F32) -> MouthShape:
        """coefficients: (14,) float32 in [0, 1], in the order of COEFFICIENTS."""
        vertices = self._rest + (coefficients @ self._basis).reshape(self._rest.shape)
        upper, lower = vertices[self._upper], vertices[self._lower]
        gaps = lower[:, 1] - upper[:, 1]
        crossed = gaps < 0
        upper[crossed] = lower[crossed] = (upper[crossed] + lower[crossed]) / 2
        np.maximum(gaps, 0, out=gaps)
        vertices[self._upper], vertices[self._lower] = upper, lower
        smooth_upper, smooth_lower = self._smooth @ upper, self._smooth @ lower
        np.maximum(smooth_upper[:, 1], smooth_lower[:, 1], out=smooth_lower[:, 1])
        return MouthShape(vertices, self._texture(gaps), smooth_upper, smooth_lower, gaps)

    def _texture(self, gaps: F32) -> F32:
        texture = self._rest.copy()
        pull = self._crease * np.minimum(gaps / self._crease_gap, 1)
        texture[self._upper, 1] -= pull
        texture[self._lower, 1] += pull
        return texture


def _catmull_rom(points: int, steps: int) -> F32:
    """The matrix ((points − 1)·steps + 1, points) that draws a Catmull-Rom spline through points."""
    matrix = np.zeros(((points - 1) * steps + 1, points), np.float32)
    for row in range(len(matrix)):
        start = min(row // steps, points - 2)
        t = row / steps - start
        weights = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (t**3 - t**2) / 2,
        )
        for point, weight in zip(range(start - 1, start + 3), weights, strict=True):
            matrix[row, min(max(point, 0), points - 1)] += weight
    return matrix


def to_pixels(affine: F64, size: int) -> F64:
    """(2, 3): from pixels of a size × size picture of the crop to where `affine` (2, 3) puts crop coordinates.

    Pixels of the picture have their centres at whole numbers, as cv2 takes them; those of the output have them where
    affine does: subtract HALF_PIXEL from it, or from the result, if that is at ½.
    """
    pixels: F64 = affine @ np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size], [0, 0, 1]])
    return pixels
