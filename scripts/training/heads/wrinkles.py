"""What years do to skin: lines, folds and spots, as values at every vertex. Knows nothing of light.

A line is a soft groove along a curve in the frontal plane, placed by landmarks. Real lines are shallow and their walls
are round: sharp or dark ones look like cracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from scripts.training.heads.fields import blob, ramp
from scripts.training.heads.surface import smooth_noise

MOUTH_CORNERS = (48, 54)
NOSE_WINGS = (31, 35)
OUTER_CORNERS = (36, 45)
LOWER_LIDS = ((40, 41), (46, 47))
SIDES = (-1.0, 1.0)
DARKEST = 0.07  # centimetres of depth from which a groove is as dark as can be


@dataclass(frozen=True, slots=True, eq=False)
class Wrinkles:
    """relief (V,) in centimetres along the normal; shade (V,) in [0, 1], where grooves hold less light and more blood;
    spots (V,) in [0, 1]."""

    relief: NDArray[np.float64]
    shade: NDArray[np.float64]
    spots: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Line:
    knots: tuple[tuple[float, float], ...]  # x and y
    width: float  # centimetres
    depth: float


def wrinkles(points: NDArray[np.floating], marks: NDArray[np.float64], age: float, seed: int) -> Wrinkles:
    """points: (V, 3) of the neutral fine skin; marks: (68, 3); age: 0 is none of it, 1 about seventy years."""
    front = np.flatnonzero((points[:, 2] > 2.5) & (points[:, 1] > -13.5))
    relief, shade = np.zeros(len(points)), np.zeros(len(points))
    wobble = np.stack([smooth_noise(points[front], 0.8, seed + k) for k in (1, 2)], axis=1) * 0.06
    for line in _lines(marks, np.random.default_rng(seed)):
        groove = _groove(points[front, :2] + wobble, line)
        relief[front] -= line.depth * groove
        shade[front] += groove * line.depth / DARKEST
    relief += _sag(points, marks)
    # Skin that has lost its tension is crossed by fine lines, up and down on the cheeks.
    cheek = sum(blob(points, np.array([side * 4.6, marks[30, 1] - 0.8, 7.5]), 2.2) for side in SIDES)
    fine = smooth_noise(points * (1.0, 0.35, 0.6), 0.13, seed + 3) + smooth_noise(points, 0.10, seed + 4)
    relief += 0.011 * fine * (0.35 + 0.65 * cheek) * ramp(points[:, 2], 1.0, 4.0)
    few = ramp(smooth_noise(points, 2.6, seed + 7), 0.0, 0.5)
    spots = few * ramp(smooth_noise(points, 0.42, seed + 5) + 0.3 * smooth_noise(points, 0.15, seed + 6), 0.58, 0.85)
    return Wrinkles(age * relief, np.clip(age * shade, 0, 1), age * spots)


def _lines(marks: NDArray[np.float64], rng: np.random.Generator) -> list[_Line]:
    lines = []
    brow = float(marks[[19, 24], 1].mean())
    for up, reach, width, depth in ((1.25, 3.4, 0.12, 0.016), (2.1, 4.0, 0.14, 0.024), (3.0, 3.1, 0.13, 0.016)):
        y = brow + up
        knots = ((-reach, y - 0.15), (-reach / 3, y), (reach / 4, y - 0.05), (reach, y))
        lines.append(_Line(knots, width, depth))
    for index, side in enumerate(SIDES):
        frown = ((side * 0.5, brow - 1.0), (side * 0.62, brow - 0.5), (side * 0.55, brow + 0.1))
        lines.append(_Line(frown, 0.10, 0.028))
        lines += _beside_eye(marks, index, side, rng)
        lines += _below_eye(marks, index, side)
        lines += _round_mouth(marks, index, side)
    for down, depth in ((2.7, 0.016), (4.4, 0.014)):
        y = float(marks[8, 1]) - down
        lines.append(_Line(((-4.0, y + 0.9), (-1.5, y + 0.1), (1.4, y), (4.0, y + 0.8)), 0.24, depth))
    return lines


def _beside_eye(marks: NDArray[np.float64], index: int, side: float, rng: np.random.Generator) -> list[_Line]:
    """Crow's feet."""
    x, y = (float(value) for value in marks[OUTER_CORNERS[index], :2])
    lines = []
    for tilt in (0.62, 0.16, -0.30, -0.72):
        reach = rng.uniform(1.1, 1.7)
        start = (x + side * 0.45, y + 0.35 * tilt)
        bend = (start[0] + side * 0.5 * reach, start[1] + 0.5 * reach * tilt - 0.03)
        end = (start[0] + side * reach, start[1] + reach * tilt - 0.12)
        lines.append(_Line((start, bend, end), 0.065, 0.030))
    return lines


def _below_eye(marks: NDArray[np.float64], index: int, side: float) -> list[_Line]:
    x, y = (float(value) for value in marks[list(LOWER_LIDS[index]), :2].mean(axis=0))
    return [
        _Line(((x - side * 1.2, y - down * 0.75), (x, y - down), (x + side * 1.25, y - down * 0.55)), width, depth)
        for down, width, depth in ((0.42, 0.065, 0.018), (0.95, 0.15, 0.045))
    ]


def _round_mouth(marks: NDArray[np.float64], index: int, side: float) -> list[_Line]:
    """The fold from the nose past the corner of the mouth, the line down from that, and fine ones over the lip."""
    wing, corner = marks[NOSE_WINGS[index], :2], marks[MOUTH_CORNERS[index], :2]
    x, y = float(corner[0]), float(corner[1])
    start = (float(wing[0]) + side * 0.40, float(wing[1]) + 1.0)
    middle = (x + side * 0.16, (start[1] + y) / 2 + 0.1)
    fold = (start, middle, (x + side * 0.68, y + 0.15), (x + side * 0.75, y - 0.7))
    down = ((x + side * 0.05, y - 0.05), (x + side * 0.34, y - 1.0), (x + side * 0.40, y - 2.2))
    lip = [
        _Line(((side * at, y + 1.05), (side * at * 1.05, y + 1.45), (side * at * 1.1, y + 1.8)), 0.06, 0.012)
        for at in (0.55, 0.95, 1.35)
    ]
    return [_Line(fold, 0.20, 0.14), _Line(down, 0.24, 0.026), *lip]


def _groove(plane: NDArray[np.float64], line: _Line) -> NDArray[np.float64]:
    """1 in the line, 0 away from it and beyond its ends. plane: (N, 2)."""
    t = np.linspace(0, 1, len(line.knots))
    at = np.linspace(0, 1, 120)
    distance, nearest = cKDTree(CubicSpline(t, line.knots)(at)).query(plane, distance_upper_bound=5 * line.width)
    along = at[np.minimum(nearest, len(at) - 1)]
    ends = ramp(along, 0.0, 0.3) * ramp(along, 1.0, 0.65)
    return np.where(np.isfinite(distance), np.exp(-((distance / line.width) ** 2)) * ends, 0.0)


def _sag(points: NDArray[np.floating], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bags below the eyes, cheeks that hang over the folds beside the mouth, jowls: centimetres."""
    total = np.zeros(len(points))
    for index, side in enumerate(SIDES):
        # x is counted outward from the middle of the lid, and from the corner of the mouth.
        lid = (points - marks[list(LOWER_LIDS[index])].mean(axis=0)) * (side, 1, 1)
        total += 0.07 * np.exp(-(((lid - (0.1, -0.66, -0.1)) / (1.0, 0.30, 1.0)) ** 2).sum(axis=1))
        corner = (points - marks[MOUTH_CORNERS[index]]) * (side, 1, 1)
        total += 0.17 * blob(corner, np.array([1.30, 1.2, -0.9]), 0.72)
        total += 0.26 * blob(corner, np.array([1.80, -2.3, -2.2]), 0.9)
        total -= 0.09 * blob(corner, np.array([0.75, -2.6, -1.0]), 0.5)
    return total
