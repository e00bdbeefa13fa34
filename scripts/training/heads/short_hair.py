"""A hair style: cropped, coily, shortest round the ears. Knows nothing of light.

Each strand stands on the skull and winds like a loose spring; strands of a tuft wind together, which gives the grain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import ShortHair
from scripts.training.heads.fields import ramp
from scripts.training.heads.skull import SKULL_CENTRE, fit_skull, unit
from scripts.training.heads.strands import Strands, taper
from scripts.training.heads.surface import smooth_noise, space

POINTS = 9  # control points of a strand
EAR = 0.35  # centimetres off the smooth skull: what stands off farther is an ear
BACK = -6.0  # z behind which no strand is seen
TUFTS = 0.045  # of the strands lead a tuft
SPRING = 0.10  # centimetres, the radius of a coil
TURNS = (1.2, 2.4)  # of a strand of full length
FADE = (2.5, 9.5)  # heights between which the sides' length becomes the top's


def grow_short_hair(points: NDArray[np.float64], scalp: NDArray[np.float64], hair: ShortHair, seed: int) -> Strands:
    """points (V, 3) of the neutral fine head and scalp (V,) in [0, 1] → strands."""
    rng = np.random.default_rng(seed)
    skull = fit_skull(points)
    away = points - SKULL_CENTRE
    ear = np.linalg.norm(away, axis=1) - skull.radius(unit(away)) > EAR
    inside = np.flatnonzero((scalp > 0.12) & (points[:, 2] > BACK) & ~(ear & (points[:, 1] < 6.0)))
    # The vertices lie closer together in some places: each counts for the space round it.
    chance = space(points[inside]) * ramp(scalp[inside], 0.05, 0.8)
    chosen = rng.choice(inside, hair.strands, p=chance / chance.sum())
    roots = points[chosen] + rng.normal(0, 0.07, (hair.strands, 3))
    up = unit(roots - SKULL_CENTRE + (0.0, 0.6, 0.0))
    part = ramp(roots[:, 1] + 0.25 * roots[:, 2], *FADE)
    length = (hair.sides + (hair.top - hair.sides) * part) * (0.45 + 0.55 * ramp(scalp[chosen], 0.1, 0.9))
    length = length * (1 + 0.16 * smooth_noise(roots, 0.8, seed + 1)) * rng.uniform(0.75, 1.1, len(roots))
    leaders = rng.choice(hair.strands, max(1, int(TUFTS * hair.strands)), replace=False)
    tuft = cKDTree(roots[leaders]).query(roots)[1]
    strand = _springs(roots, leaders, tuft, (up, length, part), rng)
    # Darkest first: whoever draws them in parts can give each its own colour, and tufts keep together.
    shade = rng.uniform(0, 1, len(leaders))[tuft]
    return Strands(strand[np.argsort(shade, kind="stable")], taper(len(roots), POINTS, 0.0125, 0.007))


def _springs(
    roots: NDArray[np.float64],
    leaders: NDArray[np.int64],
    tuft: NDArray[np.int64],
    shape: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(N, POINTS, 3) control points: up the axis of the tuft, round it in coils. tuft (N,) indexes leaders, the strands
    that lead; shape: directions (N, 3), lengths (N,), and how freely (N,) the strands coil."""
    up, length, part = shape
    count = len(roots)
    lean = rng.normal(0, 0.45, (len(leaders), 3))[tuft] + rng.normal(0, 0.22, (count, 3))
    axis = unit(up + lean)
    across = unit(np.cross(axis, (0.3, 0.1, 1.0)))
    other = np.cross(axis, across)
    phase = rng.uniform(0, 2 * np.pi, len(leaders))[tuft] + rng.normal(0, 0.5, count)
    turns = rng.uniform(*TURNS, len(leaders))[tuft] * (0.35 + 0.65 * part)
    gather = roots[leaders][tuft] - roots
    path = []
    for t in np.linspace(0, 1, POINTS):
        angle = phase + 2 * np.pi * turns * t
        coil = across * np.cos(angle)[:, None] + other * np.sin(angle)[:, None]
        wide = SPRING * ramp(t, 0.0, 0.35) * (0.4 + 0.6 * part)
        path.append(roots + axis * (length * t)[:, None] + coil * wide[:, None] + gather * (0.6 * t) * part[:, None])
    return np.stack(path, axis=1)
