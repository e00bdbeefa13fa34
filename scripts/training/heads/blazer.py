"""A blazer over a shirt whose collar stands open: panels cut from the surface of a torso. Knows no light.

A panel is a grid on the torso: rows go outward from the neck, columns from a front edge round to the side. Its front
edge is a line in the frontal plane, so that openings and lapels are cut as a tailor draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from scripts.training.heads.appearance import Blazer
from scripts.training.heads.cloth import grid_normals, grid_triangles
from scripts.training.heads.fields import ramp
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wearables import Wearable

# Rings of the torso as jumper.RINGS has them, from the neck's base outward.
TORSO = np.array(
    [
        # at    width  front  back y side  y front y back
        [0.000, 5.75, 4.70, -4.60, 3.20, 1.60, 4.4],
        [0.120, 6.80, 5.10, -5.20, 2.50, -0.60, 4.0],
        [0.300, 9.80, 6.00, -6.60, 1.60, -3.3, 2.9],
        [0.550, 14.6, 7.30, -7.80, 0.00, -7.2, 0.8],
        [0.750, 18.2, 8.20, -8.60, -2.50, -11.0, -4.0],
        [1.000, 20.6, 8.70, -9.00, -10.0, -17.5, -12.0],
    ]
)  # fmt: skip
# The shirt's collar: rows from inside its stand over the fold to the leaf's edge.
COLLAR = np.array(
    [
        # at    width  front  back y side  y front y back
        [0.000, 5.60, 4.40, -4.30, 1.9, -0.6, 2.6],
        [0.300, 5.70, 4.55, -4.40, 3.2, 0.9, 4.4],
        [0.420, 5.95, 4.85, -4.65, 3.5, 1.2, 4.7],
        [0.520, 6.25, 5.20, -4.95, 3.2, 0.9, 4.4],
        [1.000, 7.30, 6.30, -5.80, 1.0, -2.3, 2.0],
    ]
)  # fmt: skip
ROUND = 0.86  # below 1 a ring is fuller than an ellipse
ROWS, COLUMNS = 180, 220
SIDES = {"left": 1.0, "right": -1.0}
SEAM = 0.45  # how much light the stitched edges keep
REACH = 0.66 * np.pi  # how far round to the back a panel goes: what lies beyond is never seen
EDGE = 0.035  # of a panel's width within which its edge is rounded

Line = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # heights → distances from the middle


@dataclass(frozen=True, slots=True)
class _Cut:
    """A panel: rows between two values of at, columns between two lines (None: round to the back), how high it lies
    on the torso, how thick its edges look."""

    rows: tuple[float, float]
    inner: Line
    outer: Line | None
    lift: float
    thick: float


def build_blazer(clothes: Blazer, seed: int) -> dict[str, Wearable]:
    """Shirt, its collar, blazer and lapels at rest, in the head model's space."""
    base = clothes.neckline
    shirt_edge = _line(base, ((3.0, 4.2), (0.0, 3.4), (-2.0, 2.0), (-4.6, 0.25), (-30.0, 0.25)))
    coat_edge = _line(base, ((4.0, 5.7), (1.0, 6.2), (-2.0, 5.6), (-5.0, 4.3), (-10.0, 2.2), (-30.0, 0.5)))
    lapel_edge = _line(base, ((3.0, 7.4), (-2.6, 8.9), (-4.2, 10.2), (-6.0, 9.6), (-12.0, 6.2), (-30.0, 2.0)))
    collar_edge = _line(base, ((4.0, 8.2), (1.5, 8.6), (0.0, 8.7), (-3.6, 8.3), (-30.0, 8.3)))
    cuts = {
        "shirt": (_Cut((0.04, 1.0), shirt_edge, None, 0.0, 0.12), clothes.shirt, "cloth"),
        "coat": (_Cut((0.13, 1.0), coat_edge, None, 0.55, 0.35), clothes.colour, "wool"),
        "lapel": (_Cut((0.30, 1.0), coat_edge, lapel_edge, 1.05, 0.50), clothes.colour, "wool"),
        "coat_collar": (_Cut((0.02, 0.285), coat_edge, collar_edge, 0.95, 0.50), clothes.colour, "wool"),
    }
    wearables = {}
    for name, (cut, colour, material) in cuts.items():
        for where, side in SIDES.items():
            points, raised = _panel(cut, base, seed)
            shade = (SEAM + (1 - SEAM) * raised)[..., None] * np.array(colour)
            wearables[f"{name}_{where}"] = _piece(points * (side, 1.0, 1.0), shade, material, seed)
    for where, side in SIDES.items():
        leaf = np.broadcast_to(clothes.shirt, (ROWS, COLUMNS, 3))
        wearables[f"leaf_{where}"] = _piece(_leaf(base) * (side, 1.0, 1.0), leaf, "cloth", seed)
    return wearables


def _line(base: float, corners: tuple[tuple[float, float], ...]) -> Line:
    """corners: heights above base, falling, and the distance from the middle there."""
    heights, away = np.array(corners)[::-1].T
    curve = PchipInterpolator(heights + base, away)
    return lambda y: np.asarray(curve(np.clip(y, heights[0] + base, heights[-1] + base)))


def _ring(
    table: NDArray[np.float64], at: NDArray[np.float64], angle: NDArray[np.float64], base: float
) -> NDArray[np.float64]:
    """Points (R, C, 3) of the surface; angle 0 is the front."""
    width, front, back, side_y, front_y, back_y = (
        PchipInterpolator(table[:, 0], table[:, column])(at) for column in range(1, 7)
    )
    sine, cosine = np.sin(angle), np.cos(angle)
    x = width * np.sign(sine) * np.abs(sine) ** ROUND
    z = np.where(cosine > 0, front, -back) * np.sign(cosine) * np.abs(cosine) ** ROUND + 0.3
    y = base + side_y * sine**2 + np.where(cosine > 0, front_y, back_y) * cosine**2
    return np.stack([x, y, z], axis=-1)


def _edge_angle(table: NDArray[np.float64], at: NDArray[np.float64], line: Line, base: float) -> NDArray[np.float64]:
    """(R,) the angle at which each ring meets a line of the frontal plane: x depends on the height, and that on it."""
    width = PchipInterpolator(table[:, 0], table[:, 1])(at)
    angle = np.full(len(at), 0.4)
    for _ in range(12):
        height = _ring(table, at, angle, base)[:, 1]
        part = np.clip(line(height) / width, 0, 0.999)
        angle = 0.5 * angle + 0.5 * np.arcsin(part ** (1 / ROUND))
    return angle


def _panel(cut: _Cut, base: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (ROWS, COLUMNS, 3) of the left half, and (ROWS, COLUMNS) in [0, 1]: 0 at its edges."""
    at = np.linspace(*cut.rows, ROWS)
    start = _edge_angle(TORSO, at, cut.inner, base)
    end = np.full(ROWS, REACH) if cut.outer is None else _edge_angle(TORSO, at, cut.outer, base)
    across = np.linspace(0, 1, COLUMNS) ** 1.3
    angle = start[:, None] + np.maximum(end - start, 0.0)[:, None] * across
    points = _ring(TORSO, np.repeat(at[:, None], COLUMNS, axis=1), angle, base)
    folds = 0.16 * smooth_noise(points.reshape(-1, 3) * (0.5, 1.0, 0.5), 2.8, seed + 2).reshape(angle.shape)
    # Edges go down to what lies below.
    down = ramp(across, 0.0, EDGE)
    if cut.outer is not None:
        down = down * ramp(across, 1.0, 1 - EDGE)
    rows = np.linspace(0, 1, ROWS)[:, None]
    down = down[None] * ramp(rows, 0.0, EDGE) * (1.0 if cut.rows[1] == 1.0 else ramp(rows, 1.0, 1 - EDGE))
    lift = cut.lift + folds - cut.thick * (1 - down)
    return points + grid_normals(points) * lift[..., None], down


def _leaf(base: float) -> NDArray[np.float64]:
    """The left half (ROWS, COLUMNS, 3) of the shirt's collar; in front it falls from the fold to a point."""
    at = np.linspace(0, 1, ROWS)[:, None]
    start = np.radians(np.interp(at, [0.0, 0.42, 1.0], [30.0, 34.0, 33.0]))
    angle = start + (REACH - start) * np.linspace(0, 1, COLUMNS) ** 1.2
    points = _ring(COLLAR, np.repeat(at, COLUMNS, axis=1), angle, base)
    # The point of the leaf reaches down in front.
    front = ramp(angle, 1.5, np.radians(33.0))
    points[..., 1] -= 2.2 * front * ramp(at, 0.45, 1.0)
    points[..., 2] += 0.9 * front * ramp(at, 0.45, 1.0)
    return points


def _piece(points: NDArray[np.float64], colour: NDArray[np.float64], material: str, seed: int) -> Wearable:
    flat = points.reshape(-1, 3)
    weave = 0.05 * smooth_noise(flat, 0.10, seed) + 0.05 * smooth_noise(flat, 0.7, seed + 1)
    albedo = colour.reshape(-1, 3) * (1 + weave)[:, None]
    return Wearable(flat, grid_triangles(ROWS, COLUMNS), albedo, material, np.zeros(len(flat)))
