"""Skin, lips and scalp as values at every vertex of the fine head surface. Knows nothing of light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import Appearance, Hairline, Skin
from scripts.training.heads.beard import beard_mask
from scripts.training.heads.brows import brow_line
from scripts.training.heads.fields import blob, lip_distance, ramp
from scripts.training.heads.model import LASHES, OUTER_LIP, HeadModel
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wrinkles import wrinkles

LASH_STRIP = 114  # vertices of a strip of lashes


@dataclass(frozen=True, slots=True, eq=False)
class SkinMaps:
    """albedo (V, 3), roughness (V,), relief (V,): height along the normal in centimetres; scalp and beard (V,) in
    [0, 1]."""

    albedo: NDArray[np.float64]
    roughness: NDArray[np.float64]
    relief: NDArray[np.float64]
    scalp: NDArray[np.float64]
    beard: NDArray[np.float64]


def scalp_mask(points: NDArray[np.floating], hairline: Hairline, seed: int) -> NDArray[np.float64]:
    """Where hair grows: 1 on the scalp, 0 on the face, soft at the hairline. points: (V, 3) neutral."""
    x, y, z = points.T
    ragged = 0.25 * smooth_noise(points, 0.5, seed)
    side = np.abs(x)
    line = np.interp(z, *np.array(hairline).T)
    line = line - 0.25 * ramp(side, 2.5, 0)  # a slight peak in the middle
    return ramp(y + ragged - line, -0.35, 0.35)


def paint(model: HeadModel, points: NDArray[np.floating], appearance: Appearance) -> SkinMaps:
    """points: (V, 3) vertices of the neutral fine surface."""
    skin, seed = appearance.skin, appearance.seed
    marks = model.neutral[model.landmarks68].astype(np.float64)
    pores = smooth_noise(points, 0.11, seed)
    mottle = smooth_noise(points, 0.9, seed + 1) * 0.6 + smooth_noise(points, 0.35, seed + 2) * 0.4
    albedo = np.array(skin.base) * (1 + 0.07 * mottle + 0.045 * pores)[:, None]

    albedo = _tint(albedo, 0.75 * _blush(points, marks, mottle), skin.blush)
    albedo = _tint(albedo, _round_eyes(points, marks), skin.shade)
    albedo = _tint(albedo, skin.freckles * _freckles(points, marks, seed), (0.66, 0.56, 0.50))

    wobble = 0.03 * smooth_noise(points, 0.25, seed + 3)
    front = points[:, 2] > 7.0
    distance = np.where(front, lip_distance(points, marks[OUTER_LIP]) + wobble, 9.0)
    lip = ramp(distance, 0.07, -0.13)
    streaks = smooth_noise(points * (3.0, 0.5, 0.5), 0.22, seed + 4)
    lip_colour = np.array(skin.lips) * (1 + 0.10 * streaks)[:, None]
    albedo = albedo * (1 - lip[:, None]) + lip_colour * lip[:, None]

    albedo = _tint(albedo, 0.8 * _lid_line(points, model), (0.16, 0.11, 0.10))
    aged = wrinkles(points, marks, skin.age, seed + 10)
    albedo = _tint(albedo, aged.shade * (1 - lip), (0.76, 0.60, 0.58))
    albedo = _tint(albedo, 0.45 * aged.spots * (1 - lip), (0.80, 0.66, 0.54))
    albedo = _tint(albedo, 0.55 * _under_brows(points, marks, skin), (0.52, 0.46, 0.44))
    scalp = scalp_mask(points, appearance.hair.hairline, seed + 5)
    albedo = albedo * (1 - scalp[:, None]) + np.array(appearance.hair.root) * scalp[:, None]

    grows = np.zeros(len(points))
    if skin.beard:
        grows = beard_mask(points, marks, seed + 7)
        albedo = _tint(albedo, grows, skin.beard.shade)

    oily = blob(points, marks[30], 1.0) + 0.7 * blob(points, marks[27] + (0, 4.0, 0), 2.2)
    roughness = 0.50 - 0.07 * np.clip(oily, 0, 1) + 0.04 * mottle
    roughness = roughness * (1 - lip) + 0.34 * lip
    hairy = np.maximum(scalp, grows)
    roughness = roughness * (1 - hairy) + 0.8 * hairy
    relief = aged.relief * (1 - lip) + 0.006 * pores * (1 - lip) + 0.010 * streaks * lip * ramp(distance, -0.02, -0.3)
    return SkinMaps(np.clip(albedo, 0.004, 0.95), roughness, relief * (1 - scalp), scalp, grows)


def _tint(albedo: NDArray[np.float64], amount: NDArray[np.float64], tint: tuple[float, ...]) -> NDArray[np.float64]:
    return np.asarray(albedo * (1 + amount[:, None] * (np.array(tint) - 1)))


def _blush(
    points: NDArray[np.floating], marks: NDArray[np.float64], mottle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much blood shows: cheeks, tip of the nose, ears, chin."""
    total = 0.8 * blob(points, marks[30] - (0, 0.1, 0.3), 0.9) + 0.35 * blob(points, marks[8] + (0, 0.9, 0), 1.0)
    for side in (-1, 1):
        cheek = np.array([side * 4.4, marks[30, 1] + 0.6, 8.0])
        total += blob(points, cheek, 1.6) + 0.3 * blob(points, np.array([side * 8.2, 1.5, 0.0]), 1.7)
    return np.clip(total * (1 + 0.25 * mottle), 0, 1)


def _round_eyes(points: NDArray[np.floating], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(len(points))
    for corners in (slice(36, 42), slice(42, 48)):
        centre = marks[corners].mean(axis=0)
        gap = (points - centre) / (1.9, 1.15, 2.0)
        total += np.exp(-(gap**2).sum(axis=1) * 1.1)
    return np.clip(total, 0, 1)


def _under_brows(points: NDArray[np.floating], marks: NDArray[np.float64], skin: Skin) -> NDArray[np.float64]:
    """The shade of fine hairs and of roots below the brows, which makes strands a brow."""
    total = np.zeros(len(points))
    front = np.flatnonzero((points[:, 2] > 5.5) & (points[:, 1] > 3.5) & (points[:, 1] < 9.5))
    for line in (marks[21:16:-1], marks[22:27]):
        at = np.linspace(0, 1, 60)
        curve = brow_line(line, skin.brow_arch)(at) - (0, 0.05)
        distance, nearest = cKDTree(curve).query(points[front, :2])
        half = skin.brow_width * np.interp(at[nearest], [0, 0.12, 0.6, 1.0], [0.24, 0.32, 0.26, 0.08])
        ends = ramp(at[nearest], 0.0, 0.15) * ramp(at[nearest], 1.0, 0.8)
        total[front] += ends * ramp(distance / half, 1.5, 0.5)
    return total


def _freckles(points: NDArray[np.floating], marks: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Small soft spots over nose and cheeks, and a few elsewhere."""
    spots = ramp(smooth_noise(points, 0.16, seed + 6), 0.48, 0.75)
    place = 0.15 + np.exp(-(((points[:, 1] - marks[29, 1]) / 1.6) ** 2)) * ramp(points[:, 2], 4, 8)
    return np.asarray(spots * np.clip(place, 0, 1))


def _lid_line(points: NDArray[np.floating], model: HeadModel) -> NDArray[np.float64]:
    """The shade of the lashes' roots on the rims of the lids."""
    strips = model.neutral[LASHES].astype(np.float64)
    distance = cKDTree(_lash_roots(strips)).query(points, distance_upper_bound=0.5)[0]
    return ramp(np.minimum(distance, 0.5), 0.16, 0.02)


def _lash_roots(strips: NDArray[np.float64]) -> NDArray[np.float64]:
    """The third of the lashes' vertices (of one strip after the other) nearest to the eyeball."""
    rows = strips.reshape(-1, LASH_STRIP, 3)
    centre = np.stack([np.array([np.sign(row[:, 0].mean()) * 2.95, 3.65, 8.1]) for row in rows])
    far = np.linalg.norm(rows - centre[:, None], axis=2)
    nearest = np.argsort(far, axis=1)[:, : LASH_STRIP // 3]
    return np.take_along_axis(rows, nearest[..., None], axis=1).reshape(-1, 3)
