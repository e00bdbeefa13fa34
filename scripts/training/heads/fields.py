"""Values by place: ramps, bumps, the distance to the lips. Knows nothing of colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline


def ramp(values: NDArray[np.floating] | float, low: float, high: float) -> NDArray[np.float64]:
    """Smoothstep from 0 at low to 1 at high; low may be the greater."""
    part = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def blob(points: NDArray[np.floating], centre: NDArray[np.floating], size: float) -> NDArray[np.float64]:
    """A Gaussian bump of the given radius."""
    return np.asarray(np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * size * size)))


def lip_distance(points: NDArray[np.floating], contour: NDArray[np.floating]) -> NDArray[np.float64]:
    """Signed distance in the frontal plane to the outer lip contour (12, 3), negative within."""
    closed = np.concatenate([contour, contour[:1]])[:, :2]
    # Corners of the mouth are sharp, so the upper and the lower lip are two curves that meet there.
    upper = CubicSpline(np.arange(7), closed[:7])(np.linspace(0, 6, 90))
    lower = CubicSpline(np.arange(7), closed[6:13])(np.linspace(0, 6, 90))
    outline = np.concatenate([upper[:-1], lower[:-1]])
    near = np.flatnonzero((np.abs(points[:, :2] - outline.mean(axis=0)) < (4.0, 3.0)).all(axis=1))
    distance = np.full(len(points), 9.0)
    gap = points[near, None, :2] - outline[None]
    distance[near] = np.sqrt((gap**2).sum(axis=2)).min(axis=1)
    row = points[near, 1]
    top = np.interp(points[near, 0], upper[:, 0], upper[:, 1])
    bottom = np.interp(points[near, 0], lower[::-1, 0], lower[::-1, 1])
    across = (points[near, 0] > upper[0, 0]) & (points[near, 0] < upper[-1, 0])
    inside = across & (row < top) & (row > bottom)
    distance[near] = np.where(inside, -distance[near], distance[near])
    return distance
