"""A hair style: parted, swept over the ears and falling behind the shoulders. Knows nothing of light.

Strands follow the skull, a smooth star-shaped surface, from the root by way of a point above the ear to one behind
it, and hang from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.heads.looks import Hair
from scripts.heads.skin import ramp
from scripts.heads.strands import Strands, join, taper
from scripts.heads.surface import smooth_noise

SKULL_CENTRE = np.array([0.0, 4.0, 0.0])
ALONG_SKULL, HANGING = 12, 10  # control points of the two parts of a strand
DEGREE = 6  # of the polynomial in the direction that gives the skull's radius


@dataclass(frozen=True, slots=True, eq=False)
class Skull:
    """Radius of the smooth skull by direction from SKULL_CENTRE."""

    weights: NDArray[np.float64]

    def surface(self, direction: NDArray[np.float64], lift: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) of the skull in unit directions (N, 3), lifted off it by centimetres (N,)."""
        radius = _monomials(direction) @ self.weights
        return SKULL_CENTRE + direction * (radius + lift)[:, None]


def _monomials(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = direction.T
    # x² + y² + z² is 1, so powers of z above the first add nothing.
    return np.stack(
        [x**i * y**j * z**k for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i) for k in (0, 1) if i + j + k <= DEGREE],
        axis=1,
    )


def fit_skull(points: NDArray[np.float64]) -> Skull:
    """points: (V, 3) vertices of the neutral head; ears, face and neck are left out."""
    ear = (np.abs(points[:, 0]) > 6.4) & (np.abs(points[:, 1] - 1.5) < 4.2) & (np.abs(points[:, 2]) < 3.2)
    chosen = points[~ear & (points[:, 1] > -4.0) & (points[:, 2] < 10.0) & (np.abs(points - (0, 4, 0)).max(axis=1) > 5.0)]
    offset = chosen - SKULL_CENTRE
    radius = np.linalg.norm(offset, axis=1)
    weights, *_ = np.linalg.lstsq(_monomials(offset / radius[:, None]), radius, rcond=None)
    return Skull(weights)


def grow(points: NDArray[np.float64], scalp: NDArray[np.float64], hair: Hair, seed: int) -> Strands:
    """points (V, 3) of the neutral fine head and scalp (V,) in [0, 1] → strands, with a fringe of short ones."""
    rng = np.random.default_rng(seed)
    skull = fit_skull(points)
    inside = np.flatnonzero(scalp > 0.5)
    roots = points[rng.choice(inside, hair.strands)] + rng.normal(0, 0.05, (hair.strands, 3))
    long = _style(skull, roots, hair, rng)
    edge = np.flatnonzero((scalp > 0.06) & (scalp < 0.75) & (points[:, 1] > 2.0) & (points[:, 2] > 0.5))
    return join([long, _baby_hairs(skull, points[rng.choice(edge, 1500)], rng)])


def _style(skull: Skull, roots: NDArray[np.float64], hair: Hair, rng: np.random.Generator) -> Strands:
    count = len(roots)
    guides = roots[rng.choice(count, 700, replace=False)]
    from scipy.spatial import cKDTree

    clump = cKDTree(guides).query(roots)[1]
    guide_layer = rng.uniform(0, 1, len(guides))
    layer = np.clip(0.55 * guide_layer[clump] + 0.45 * rng.uniform(0, 1, count), 0, 1)
    strand = _lay(skull, roots, hair, layer, rng)
    centre = _lay(skull, guides, hair, guide_layer, rng)
    grown = np.linspace(0, 1, strand.shape[1])[None, :, None]
    gather = 0.62 * ramp(grown, 0.1, 0.75)
    strand = strand * (1 - gather) + centre[clump] * gather
    strand = strand + _waves(strand, clump, grown, hair.wave, rng)
    stray = (rng.uniform(size=count) < 0.025)[:, None, None]
    drift = np.cumsum(rng.normal(0, 0.06, strand.shape), axis=1)
    strand = strand + np.where(stray, drift, 0.16 * drift) * grown
    return Strands(strand, taper(count, strand.shape[1], 0.021, 0.012))


def _lay(
    skull: Skull, roots: NDArray[np.float64], hair: Hair, layer: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Control points (N, K, 3) of strands from roots; layer in [0, 1] is how far out a strand lies."""
    count = len(roots)
    start = roots - SKULL_CENTRE
    start = start / np.linalg.norm(start, axis=1, keepdims=True)
    line = hair.parting * ramp(roots[:, 2], -6.0, 7.0)
    side = np.where(roots[:, 0] > line, 1.0, -1.0)
    around = np.degrees(np.arctan2(np.abs(start[:, 0]), start[:, 2]))  # 0 is the forehead, 180 the nape
    high = np.clip((roots[:, 1] - 4.0) / 10.0, 0, 1)

    over = _direction(side, np.clip(82 + 0.14 * around, 0, 150), 0.16 + 0.42 * high + rng.normal(0, 0.02, count))
    behind = _direction(side, 112 + 58 * ramp(around, 70, 180) + rng.normal(0, 4, count), -0.28 + rng.normal(0, 0.05, count))
    forward = ramp(around, 125, 75)[:, None]
    middle = start + behind
    middle = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    way = over * forward + middle * (1 - forward)
    low = ramp(roots[:, 1], 3.5, -1.0)[:, None]  # roots of the nape hang at once
    end = behind * (1 - low) + start * low
    lift_end = 0.3 + 0.9 * layer
    path = []
    for t in np.linspace(0, 1, ALONG_SKULL):
        towards = start * (1 - t) ** 2 + 2 * t * (1 - t) * (1.6 * way - 0.3 * (start + end)) + end * t * t
        towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
        bump = 0.55 * np.sin(np.pi * min(1.0, 1.6 * t)) * (0.35 + 0.65 * layer) * high
        lift = 0.02 + lift_end * ramp(np.array([t]), 0.0, 0.5) + bump
        path.append(skull.surface(towards, lift))
    return np.stack(path + _hang(path[-1], path[-2], side, hair, rng), axis=1)


def _direction(
    side: NDArray[np.float64], around: NDArray[np.float64], height: NDArray[np.float64]
) -> NDArray[np.float64]:
    flat = np.sqrt(np.clip(1 - height**2, 0, 1))
    angle = np.radians(around)
    return np.stack([side * flat * np.sin(angle), height, flat * np.cos(angle)], axis=1)


def _hang(
    start: NDArray[np.float64],
    before: NDArray[np.float64],
    side: NDArray[np.float64],
    hair: Hair,
    rng: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """Points below start: down, a little outward over the neck, ends turned in."""
    tip = hair.length + rng.normal(0, 0.9, len(start))
    wide = side * (5.0 + rng.normal(0, 0.9, len(start))) * ramp(np.abs(start[:, 0]), 0.0, 5.0)
    wide = np.where(np.abs(wide) > np.abs(start[:, 0]) + 0.6, start[:, 0] * 1.1, wide)
    heading = start - before
    points = []
    for t in np.linspace(0, 1, HANGING + 1)[1:]:
        fall = t**1.15
        x = start[:, 0] + (wide * 1.12 - start[:, 0]) * ramp(np.array([t]), 0, 0.7) + side * 0.9 * np.sin(np.pi * t)
        y = start[:, 1] + (tip - start[:, 1]) * fall
        z = start[:, 2] + (-4.6 - start[:, 2]) * ramp(np.array([t]), 0, 0.5)
        points.append(np.stack([x, y, z], axis=1) + heading * np.exp(-6 * t) * 0.5)
    return points


def _waves(
    strand: NDArray[np.float64],
    clump: NDArray[np.int64],
    grown: NDArray[np.float64],
    wave: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Soft waves that a clump shares, growing from root to tip."""
    phase = rng.uniform(0, 2 * np.pi, clump.max() + 1)[clump][:, None]
    tilt = rng.uniform(-1, 1, (clump.max() + 1, 3))[clump][:, None, :]
    length = np.concatenate(
        [np.zeros((len(strand), 1)), np.cumsum(np.linalg.norm(np.diff(strand, axis=1), axis=2), axis=1)], axis=1
    )
    swing = np.sin(2 * np.pi * length / 5.5 + phase)[..., None]
    slow = smooth_noise(strand.reshape(-1, 3), 2.0, 3).reshape(swing.shape)
    return wave * (swing * 0.7 + slow) * ramp(grown, 0.25, 0.8) * (tilt + (0.6, 0.0, 0.3)) * 0.7


def _baby_hairs(skull: Skull, roots: NDArray[np.float64], rng: np.random.Generator) -> Strands:
    """Short fine hairs that soften the hairline, lying back over it."""
    count, points = len(roots), ALONG_SKULL + HANGING
    back = np.stack([0.5 * np.sign(roots[:, 0]), np.full(count, 0.55), np.full(count, -0.55)], axis=1)
    back = back + rng.normal(0, 0.35, (count, 3))
    length = rng.uniform(0.5, 1.9, count)[:, None]
    path = []
    for t in np.linspace(0, 1, points):
        at = roots + back * length * t - SKULL_CENTRE
        at = at / np.linalg.norm(at, axis=1, keepdims=True)
        path.append(skull.surface(at, 0.02 + 0.35 * t * rng.uniform(0.2, 1, 1)))
    laid = np.stack(path, axis=1)
    laid = laid + (roots - laid[:, 0])[:, None] * np.linspace(1, 0.3, points)[None, :, None]
    return Strands(laid, taper(count, points, 0.012, 0.004))
