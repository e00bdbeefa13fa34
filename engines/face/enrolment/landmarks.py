"""The points of a face that enrolment works with: named curves, each from left to right in the picture.

And maps between such points. Knows nothing of how they are found. Coordinates are pixels, pixel (i, j) covering
i..i+1 × j..j+1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from engines.arrays import F64

# Points of each curve; "left" is the left of the picture.
CURVES: dict[str, int] = {
    "lip_outer_upper": 11,
    "lip_outer_lower": 11,
    "lip_inner_upper": 11,
    "lip_inner_lower": 11,
    "left_eye_upper": 9,
    "left_eye_lower": 9,
    "right_eye_upper": 9,
    "right_eye_lower": 9,
    "left_brow": 5,
    "right_brow": 5,
    "nose_ridge": 4,  # downwards, from between the eyes to the tip
    "nose_base": 3,
    "jaw": 17,
}
TOTAL = sum(CURVES.values())
_ENDS = dict(zip(CURVES, accumulate(CURVES.values()), strict=True))


def place(name: str) -> slice:
    """Where a curve lies among the points of a face."""
    return slice(_ENDS[name] - CURVES[name], _ENDS[name])


@dataclass(frozen=True, slots=True, eq=False)
class FaceLandmarks:
    """points: (TOTAL, 2) float64 in pixels, curve after curve in the order of CURVES."""

    points: F64

    def curve(self, name: str) -> F64:
        return self.points[place(name)]

    @property
    def eye_corners(self) -> F64:
        """(4, 2): outer and inner corner of the left eye, inner and outer corner of the right one."""
        return np.stack([*self.curve("left_eye_upper")[[0, -1]], *self.curve("right_eye_upper")[[0, -1]]])

    @property
    def interocular(self) -> float:
        """Pixels between the outer corners of the eyes."""
        corners = self.eye_corners
        return float(np.linalg.norm(corners[3] - corners[0]))

    @property
    def mouth_gap(self) -> float:
        """Pixels between the lips, at the widest place."""
        gaps = np.linalg.norm(self.curve("lip_inner_lower") - self.curve("lip_inner_upper"), axis=1)
        return float(gaps.max())

    def moved(self, affine: F64) -> FaceLandmarks:
        """The points in another picture: affine (2, 3), from these pixels to those."""
        return FaceLandmarks(self.points @ affine[:, :2].T + affine[:, 2])


def from_curves(curves: Mapping[str, F64]) -> F64:
    """Curves of any numbers of points (n, d) → (TOTAL, d) points, spread along each as it is spread."""
    return np.concatenate([resampled(curves[name], count) for name, count in CURVES.items()])


def resampled(curve: F64, count: int) -> F64:
    """Count points of the line through curve (n, d), at even steps of its points' numbers."""
    if len(curve) == count:
        return np.asarray(curve, np.float64)
    steps = np.linspace(0, len(curve) - 1, count)
    return np.stack([np.interp(steps, range(len(curve)), axis) for axis in np.asarray(curve, np.float64).T], axis=1)


def along(curve: F64, parts: F64) -> F64:
    """Points of the smooth line through curve (n, d), at parts (m,) in [0, 1] of its length."""
    fine = _spline(np.asarray(curve, np.float64))
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    return np.stack([np.interp(parts * way[-1], way, axis) for axis in fine.T], axis=1)


def parts_of(curve: F64) -> F64:
    """How far along its own length each point of curve (n, d) lies, in [0, 1]."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    return np.asarray(way / way[-1])


def _spline(points: F64, steps: int = 8) -> F64:
    """A Catmull-Rom spline through points (n, d), (n − 1) · steps + 1 of its points."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = (np.arange(steps) / steps)[:, None, None]
    p0, p1, p2, p3 = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    inner = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.concatenate([inner.transpose(1, 0, 2).reshape(-1, points.shape[1]), points[-1:]])


NEAR = 1e-6  # of the points' extent: nearer points are one, or the system has no solution


class SplineWarp:
    """Exact at its control points; far from them an affine map."""

    __slots__ = ("_affine", "_controls", "_extent", "_middle", "_weights")

    def __init__(self, controls: F64, targets: F64) -> None:
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

    def __call__(self, points: F64) -> F64:
        """(n, 2) → (n, 2)."""
        at = (points - self._middle) / self._extent
        bent = _kernel(at, self._controls) @ self._weights
        return np.asarray(bent + self._affine[0] + at @ self._affine[1:])


def _kernel(points: F64, controls: F64) -> F64:
    square = ((points[:, None] - controls[None]) ** 2).sum(axis=2)
    return np.asarray(square * np.log(np.maximum(square, 1e-30)) / 2)
