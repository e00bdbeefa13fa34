"""The thin-plate spline: the smoothest map of the plane that carries given points to given points. Knows no faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAR = 1e-6  # of the points' extent: nearer points are one, or the system has no solution


class SplineWarp:
    """Exact at its control points; far from them an affine map."""

    __slots__ = ("_affine", "_controls", "_extent", "_middle", "_weights")

    def __init__(self, controls: Floats, targets: Floats) -> None:
        """controls (n, 2) go to targets (n, 2); doubled controls count once."""
        self._middle = controls.mean(axis=0)
        self._extent = float(np.abs(controls - self._middle).max())
        points = (controls - self._middle) / self._extent
        _, first = np.unique(np.round(points / NEAR), axis=0, return_index=True)
        self._controls = points[first]
        count = len(first)
        plane = np.column_stack([np.ones(count), self._controls])
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(self._controls, self._controls)
        system[:count, count:], system[count:, :count] = plane, plane.T
        solution = np.linalg.solve(system, np.concatenate([targets[first], np.zeros((3, 2))]))
        self._weights, self._affine = solution[:count], solution[count:]

    def __call__(self, points: Floats) -> Floats:
        """(n, 2) → (n, 2)."""
        at = (points - self._middle) / self._extent
        bent = _kernel(at, self._controls) @ self._weights
        return np.asarray(bent + self._affine[0] + at @ self._affine[1:])


def _kernel(points: Floats, controls: Floats) -> Floats:
    square = ((points[:, None] - controls[None]) ** 2).sum(axis=2)
    return np.asarray(square * np.log(np.maximum(square, 1e-30)) / 2)
