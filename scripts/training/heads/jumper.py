"""A knitted jumper with a ribbed round collar: a surface of rings from the neck to the arms. Knows no light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from scripts.training.heads.appearance import Jumper
from scripts.training.heads.cloth import grid_normals, grid_triangles
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wearables import Wearable

AROUND, ALONG = 900, 200  # vertices of the grid: about a millimetre apart
TURN = 0.62  # part of the full turn that is made: the back is never seen
RIBS = 96  # of the collar

# Rings from the inside of the collar outward: where along the surface (0 to 1), half the width, depth before and
# behind the neck's axis, and the height at side, front and back below the collar's front, in centimetres.
RINGS = np.array(
    [
        # at    width  front  back  y side  y front  y back
        [0.000, 5.05, 3.55, -3.75, 0.6, -0.75, 1.9],
        [0.030, 5.10, 3.75, -3.80, 1.4, -0.10, 2.6],
        [0.050, 5.40, 4.15, -4.05, 1.6, 0.10, 2.8],
        [0.075, 5.75, 4.50, -4.35, 1.4, -0.10, 2.6],
        [0.120, 6.30, 4.90, -4.70, 0.8, -0.90, 2.0],
        [0.130, 6.40, 4.85, -4.80, 0.70, -1.05, 1.9],
        [0.300, 9.60, 5.80, -6.20, -0.45, -3.4, 0.2],
        [0.550, 14.2, 7.20, -7.60, -2.30, -7.5, -3.0],
        [0.750, 17.6, 8.20, -8.50, -4.90, -11.5, -7.0],
        [1.000, 19.0, 8.60, -8.80, -12.0, -18.0, -14.0],
    ]
)  # fmt: skip
COLLAR_END = 0.125
FULL = 0.86  # below 1 a ring is fuller than an ellipse


def build_jumper(clothes: Jumper, seed: int) -> Wearable:
    """The jumper at rest, in the head model's space."""
    at, angle = np.meshgrid(np.linspace(0, 1, ALONG) ** 1.15, TURN * np.linspace(-np.pi, np.pi, AROUND), indexing="ij")
    points = body(at, angle, clothes.neckline)
    points = points + grid_normals(points) * _relief(points, at, angle, seed)[..., None]
    return woollen(points, np.array(clothes.colour), seed)


def body(at: NDArray[np.float64], angle: NDArray[np.float64], neckline: float) -> NDArray[np.float64]:
    """Points (R, C, 3) of the smooth surface: at goes outward from the neck, angle (0 in front) round it."""
    width, front, back, side_y, front_y, back_y = (
        PchipInterpolator(RINGS[:, 0], RINGS[:, column])(at) for column in range(1, 7)
    )
    sine, cosine = np.sin(angle), np.cos(angle)
    depth = np.where(cosine > 0, front, -back)
    x = width * np.sign(sine) * np.abs(sine) ** FULL
    z = depth * np.sign(cosine) * np.abs(cosine) ** FULL + 0.3
    ends = np.where(cosine > 0, front_y, back_y)
    y = neckline + side_y * sine**2 + ends * cosine**2
    return np.stack([x, y, z], axis=2)


def woollen(points: NDArray[np.float64], colour: NDArray[np.float64], seed: int) -> Wearable:
    """Points (R, C, 3) as a piece of fleecy yarn, which the chest carries. colour: (3,) or one for each point."""
    flat = points.reshape(-1, 3)
    fleck = smooth_noise(flat, 0.12, seed) * 0.10 + smooth_noise(flat, 0.5, seed + 1) * 0.06
    albedo = np.broadcast_to(colour, points.shape).reshape(-1, 3) * (1 + fleck)[:, None]
    return Wearable(flat, grid_triangles(*points.shape[:2]), albedo, "wool", np.zeros(len(flat)))


def stitches(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height (R, C) in centimetres of plain knitting."""
    columns = np.abs(np.sin(points[..., 0] * np.pi / 0.42))
    rows = np.sin(points[..., 1] * 2 * np.pi / 0.34 + 2.5 * np.cos(points[..., 0] * 2 * np.pi / 0.42))
    return np.asarray(0.030 * columns**0.6 + 0.014 * rows)


def soft_folds(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Height (R, C) in centimetres of the folds of a loose garment."""
    flat = points.reshape(-1, 3) * (0.5, 1.0, 0.5)
    return 0.22 * smooth_noise(flat, 2.6, seed).reshape(points.shape[:2])


def _relief(
    points: NDArray[np.float64], at: NDArray[np.float64], angle: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Ribs on the collar, rows of stitches and soft folds on the body: height in centimetres."""
    ribs = 0.055 * np.abs(np.sin(angle * RIBS / 2)) ** 0.7
    folds = soft_folds(points, seed + 2) * np.clip((at - COLLAR_END) / 0.15, 0, 1)
    return np.where(at < COLLAR_END, ribs, stitches(points) + folds)
