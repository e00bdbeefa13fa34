"""Where the Structurist takes the lips' landmarks: points at rest, carried by the mesh. Knows no pictures.

Outer points lie in a triangle of the resting mesh and move with it. Inner points lie on the line where the lips meet,
which becomes the two contours of the opening.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import MouthGeometry
from engines.face.tensors import FaceTensors

OUTER = slice(0, 12)  # of the twenty points, 48 to 59 of the 68
INNER_UPPER, INNER_LOWER = (12, 13, 14, 15, 16), (12, 19, 18, 17, 16)  # left to right, corners shared

Floats = NDArray[np.float64]


class WarpedLandmarks:
    """Built once for an avatar."""

    __slots__ = ("_contours", "_corners", "_geometry", "_offsets", "_weights")

    def __init__(self, face: FaceTensors, rest: Floats) -> None:
        """rest: (20, 2) landmarks of the lips in the resting picture, crop coordinates."""
        self._geometry = MouthGeometry(face)
        self._corners, self._weights = _in_triangles(face, rest[OUTER])
        self._contours = []
        for contour, places in ((face.inner_upper, INNER_UPPER), (face.inner_lower, INNER_LOWER)):
            along = np.interp(rest[list(places), 0], face.mesh[contour, 0], np.arange(len(contour)))
            self._contours.append((contour, along, list(places)))
        self._offsets = np.zeros_like(rest)
        self._offsets = rest - self(np.zeros(len(face.basis), np.float32))

    def __call__(self, coefficients: NDArray[np.float32]) -> Floats:
        """(20, 2): the landmarks of the mouth so moved, crop coordinates. At rest they are those that were given."""
        vertices = self._geometry.pose(coefficients).vertices.astype(np.float64)
        moved = np.empty((20, 2))
        moved[OUTER] = np.einsum("vk,vkc->vc", self._weights, vertices[self._corners])
        for contour, along, places in self._contours:
            line = vertices[contour]
            moved[places] = np.stack([np.interp(along, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], axis=1)
        return moved + self._offsets

    def opening(self, coefficients: NDArray[np.float32], x: float) -> float:
        """Height of the opening that is drawn at x, crop units."""
        shape = self._geometry.pose(coefficients)
        return float(np.interp(x, *shape.lower.T) - np.interp(x, *shape.upper.T))


def _in_triangles(face: FaceTensors, points: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Corners (n, 3) and barycentric weights (n, 3) of the topmost triangle at each point, or the nearest to it."""
    triangles = face.triangles.astype(np.int64)
    a, b, c = (face.mesh[triangles[:, k]].astype(np.float64) for k in range(3))
    matrix = np.stack([b - a, c - a], axis=2)
    flat = np.abs(np.linalg.det(matrix)) < 1e-9
    matrix[flat] = np.eye(2)
    shares = np.linalg.solve(matrix[None], (points[:, None] - a[None])[..., None])[..., 0]
    weights = np.concatenate([1 - shares.sum(axis=2, keepdims=True), shares], axis=2)
    inside = np.where(flat[None], -np.inf, weights.min(axis=2))
    # Later triangles lie on top; a point outside all of them belongs to the one that it leaves least.
    on_top = inside.shape[1] - 1 - np.argmax(np.minimum(inside, 0)[:, ::-1], axis=1)
    return triangles[on_top], weights[np.arange(len(points)), on_top]
