"""An open cardigan over a blouse with a small round neck. Knows no light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from scripts.training.heads.appearance import Cardigan
from scripts.training.heads.cloth import grid_normals, grid_triangles
from scripts.training.heads.fields import ramp
from scripts.training.heads.jumper import (
    ALONG,
    AROUND,
    COLLAR_END,
    FULL,
    RINGS,
    TURN,
    body,
    soft_folds,
    stitches,
    woollen,
)
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wearables import Wearable

# Where the front edge lies: along the surface (as jumper.RINGS has it), and there its distance from the middle.
EDGE_AT = (0.0, 0.10, 0.30, 0.55, 0.75, 1.0)
EDGE = (5.9, 6.3, 5.4, 3.9, 2.6, 1.2)
BAND = 1.5  # centimetres of the ribbed band along it
OVER_BLOUSE = 0.40  # centimetres
COLUMNS = 420  # of each half


def build_cardigan(clothes: Cardigan, seed: int) -> dict[str, Wearable]:
    """Blouse and both halves of the cardigan at rest, in the head model's space."""
    halves = {f"cardigan_{name}": _half(side, clothes, seed) for name, side in (("left", 1.0), ("right", -1.0))}
    return {"blouse": _blouse(clothes, seed), **halves}


def _blouse(clothes: Cardigan, seed: int) -> Wearable:
    at, angle = np.meshgrid(np.linspace(0, 1, ALONG) ** 1.15, TURN * np.linspace(-np.pi, np.pi, AROUND), indexing="ij")
    points = body(at, angle, clothes.neckline)
    edge = 0.06 * ramp(at, COLLAR_END + 0.01, COLLAR_END - 0.01)
    fall = 0.10 * smooth_noise((points * (1.0, 0.22, 1.0)).reshape(-1, 3), 0.9, seed + 7).reshape(at.shape)
    height = edge + (fall + soft_folds(points, seed + 2)) * ramp(at, COLLAR_END, 0.35)
    points = points + grid_normals(points) * height[..., None]
    flat = points.reshape(-1, 3)
    albedo = np.array(clothes.blouse) * (1 + 0.03 * smooth_noise(flat, 0.6, seed + 1))[:, None]
    return Wearable(flat, grid_triangles(*at.shape), albedo, "cloth", np.zeros(len(flat)))


def _half(side: float, clothes: Cardigan, seed: int) -> Wearable:
    rows = np.linspace(0.05, 1, ALONG) ** 1.15
    away = PchipInterpolator(EDGE_AT, EDGE)(rows)
    width = PchipInterpolator(RINGS[:, 0], RINGS[:, 1])(rows)
    start = np.arcsin(np.clip(away / width, 0, 0.99) ** (1 / FULL))
    across = np.linspace(0, 1, COLUMNS) ** 1.25
    angle = start[:, None] + (TURN * np.pi - start[:, None]) * across
    at = np.repeat(rows[:, None], COLUMNS, axis=1)
    points = body(at, angle, clothes.neckline)
    step = np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=2)
    inward = np.cumsum(step, axis=1)  # centimetres from the front edge
    height = OVER_BLOUSE + _relief(points, inward, at, seed)
    points = points + grid_normals(points) * height[..., None]
    return woollen(points * (side, 1.0, 1.0), np.array(clothes.colour), seed)


def _relief(
    points: NDArray[np.float64], inward: NDArray[np.float64], at: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """A ribbed band along the edge, knitting beyond it; at the edge the wool is rolled down to the blouse."""
    ribs = 0.05 * np.abs(np.sin(inward * np.pi / 0.30)) ** 0.7
    band = ramp(inward, BAND + 0.08, BAND - 0.08)
    seam = 0.10 * np.exp(-(((inward - BAND) / 0.09) ** 2))
    knitted = stitches(points) + soft_folds(points, seed + 3) * ramp(at, COLLAR_END, 0.4)
    rolled = (OVER_BLOUSE + 0.08) * (ramp(inward, 0.22, 0.0) + ramp(at, 0.095, 0.06))
    return np.asarray(band * (0.10 + ribs) + (1 - band) * knitted - seam - rolled)
