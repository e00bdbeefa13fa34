"""A hair style: parted, loose, falling past the cheeks over the shoulders. Knows nothing of light.

Strands follow the skull, a smooth star-shaped surface, from the root to beside the temple (those of the back: to the
nape) and hang from there. The curtain beside the cheeks keeps clear of the mouth's surroundings, which are redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import LongHair
from scripts.training.heads.fields import ramp
from scripts.training.heads.skull import SKULL_CENTRE, Skull, fit_skull, unit
from scripts.training.heads.strands import Strands, join, taper
from scripts.training.heads.surface import smooth_noise
from scripts.training.heads.wearables import Wearable, neck_share

ALONG_SKULL, HANGING = 12, 10  # control points of the two parts of a strand
# How the curtain beside the face hangs: heights, and there the distance from the middle of the innermost and the
# outermost layer, and the depth of the foremost strands.
CURTAIN_HEIGHTS = (4.6, 2.0, -1.5, -5.0, -9.0, -12.5, -15.5, -19.0)
CURTAIN_INNER = (6.8, 6.45, 6.3, 6.5, 6.6, 6.7, 6.8, 6.6)
CURTAIN_OUTER = (8.3, 9.3, 9.6, 9.5, 9.5, 9.7, 9.9, 9.3)
CURTAIN_DEPTH = (4.0, 3.4, 3.0, 2.8, 2.8, 3.2, 4.6, 5.9)


@dataclass(frozen=True, slots=True, eq=False)
class _Roots:
    """Where strands start and where they go. All arrays have a row for each strand."""

    points: NDArray[np.float64]
    layer: NDArray[np.float64]  # 0 lies next to the head, 1 outermost
    side: NDArray[np.float64]  # −1 or 1: which way from the parting
    around: NDArray[np.float64]  # degrees from the forehead (0) to the nape (180)

    @property
    def curtain(self) -> NDArray[np.bool_]:
        """Strands that fall beside the face; the others fall behind the neck."""
        return self.around < 112


def grow_long_hair(points: NDArray[np.float64], scalp: NDArray[np.float64], hair: LongHair, seed: int) -> Strands:
    """points (V, 3) of the neutral fine head and scalp (V,) in [0, 1] → strands, with a fringe of short ones."""
    rng = np.random.default_rng(seed)
    skull = fit_skull(points)
    inside = np.flatnonzero(scalp > 0.45)
    # Most strands where they are seen: by the parting and over the forehead.
    chance = 0.5 + 1.6 * ramp(points[inside, 2], -4.0, 3.0) * ramp(points[inside, 1], 2.0, 8.0)
    roots = points[rng.choice(inside, hair.strands, p=chance / chance.sum())]
    roots = roots + rng.normal(0, 0.08, roots.shape)
    edge = np.flatnonzero((scalp > 0.04) & (scalp < 0.7) & (points[:, 1] > 3.0) & (points[:, 2] > 0.5))
    return join([_style(skull, roots, hair, rng), _baby_hairs(skull, points[rng.choice(edge, 1400)], rng)])


def backing(hair: LongHair) -> Wearable:
    """A dark sheet behind the hair of the nape: through real hair, which is denser, no room would be seen."""
    low = hair.length - 3.0 if hair.tuck == 0 else hair.length + 2.0
    corners = np.array([(-6.6, low, -8.0), (6.6, low, -8.0), (6.6, 1.0, -8.0), (-6.6, 1.0, -8.0)])
    triangles = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    return Wearable(corners, triangles, np.tile(0.3 * np.array(hair.root), (4, 1)), "matt", neck_share(corners))


def _style(skull: Skull, roots: NDArray[np.float64], hair: LongHair, rng: np.random.Generator) -> Strands:
    count = len(roots)
    guides = roots[rng.choice(count, 600, replace=False)]
    clump = cKDTree(guides).query(roots)[1]
    guide_layer = rng.uniform(0, 1, len(guides))
    layer = np.clip(0.6 * guide_layer[clump] + 0.4 * rng.uniform(0, 1, count), 0, 1)
    strand = _lay(skull, _sort(roots, layer, hair, rng), hair, rng)
    centre = _lay(skull, _sort(guides, guide_layer, hair, rng), hair, rng)
    grown = np.linspace(0, 1, strand.shape[1])[None, :, None]
    # A strand near the parting may lie across it from its clump's guide: those go their own way.
    together = np.sign(strand[:, -1, 0]) == np.sign(centre[clump, -1, 0])
    together &= np.linalg.norm(strand[:, -1] - centre[clump, -1], axis=1) < 5.0
    gather = 0.6 * ramp(grown, 0.3, 0.8) * together[:, None, None]
    strand = strand * (1 - gather) + centre[clump] * gather
    strand = strand + _waves(strand, clump, grown, hair.wave, rng)
    stray = (rng.uniform(size=count) < 0.02)[:, None, None]
    drift = np.cumsum(rng.normal(0, 0.06, strand.shape), axis=1)
    strand = strand + np.where(stray, drift, 0.14 * drift) * grown
    # Darkest first: whoever draws them in parts can give each its own colour, and locks keep together.
    shade = rng.uniform(0, 1, len(guides))[clump] + rng.normal(0, 0.25, count)
    strand = strand[np.argsort(shade)]
    return Strands(strand, taper(count, strand.shape[1], 0.024, 0.014))


def _sort(roots: NDArray[np.float64], layer: NDArray[np.float64], hair: LongHair, rng: np.random.Generator) -> _Roots:
    line = hair.parting * ramp(roots[:, 2], -6.0, 7.0) + rng.normal(0, 0.10, len(roots))
    side = np.where(roots[:, 0] > line, 1.0, -1.0)
    start = roots - SKULL_CENTRE
    around = np.degrees(np.arctan2(np.abs(start[:, 0] - line), start[:, 2]))
    return _Roots(roots, layer, side, around)


def _lay(skull: Skull, roots: _Roots, hair: LongHair, rng: np.random.Generator) -> NDArray[np.float64]:
    """Control points (N, K, 3) of strands."""
    count = len(roots.points)
    start = unit(roots.points - SKULL_CENTRE)
    high = np.clip((roots.points[:, 1] - 4.0) / 10.0, 0, 1)
    hung = _curtain(roots, hair, rng)
    behind = _direction(roots.side, 120 + 50 * ramp(roots.around, 100, 180) + rng.normal(0, 5, count), -0.35)
    end = np.where(roots.curtain[:, None], unit(hung[:, 0] - SKULL_CENTRE), behind)
    low = ramp(roots.points[:, 1], 3.5, -1.0)[:, None] * ~roots.curtain[:, None]
    end = unit(end * (1 - low) + start * low)  # roots of the nape hang at once
    arch = unit(start + end + np.stack([0.25 * roots.side, 0.45 * high, -0.25 * high], axis=1))
    reach = np.linalg.norm(hung[:, 0] - SKULL_CENTRE, axis=1) - skull.radius(end)
    lift_end = np.where(roots.curtain, reach, 0.3 + 0.9 * roots.layer)
    # The skull is a little smoother than the scalp: begin on the scalp all the same.
    gap = roots.points - skull.surface(start, np.zeros(count))
    path = []
    for t in np.linspace(0, 1, ALONG_SKULL):
        towards = unit(start * (1 - t) ** 2 + 2 * t * (1 - t) * 1.25 * arch + end * t * t)
        bump = (0.25 + 0.75 * roots.layer) * high * (1.0 * np.sin(np.pi * min(1.0, 0.15 + 1.1 * t)) * ramp(t, 0, 0.22))
        laid = skull.surface(towards, 0.12 * ramp(t, 0, 0.1) + lift_end * ramp(t, 0.0, 0.9) + bump)
        path.append(laid + gap * (1 - ramp(t, 0.0, 0.6)))
    tail = _tail(path[-1], path[-2], roots.side, hair, rng)
    tail = np.where(roots.curtain[:, None, None], hung[:, 1:], tail)
    return np.concatenate([np.stack(path, axis=1), tail], axis=1)


def _direction(side: NDArray[np.float64], around: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    flat = float(np.sqrt(1 - height**2))
    angle = np.radians(around)
    return np.stack([side * flat * np.sin(angle), np.full(len(side), height), flat * np.cos(angle)], axis=1)


def _curtain(roots: _Roots, hair: LongHair, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 1 + HANGING, 3): from beside the temple down over the shoulder, for every strand."""
    count = len(roots.points)
    back = np.clip(roots.around / 112 + rng.normal(0, 0.08, count), 0, 1) ** 1.5  # 0 hangs foremost
    tip = hair.length + rng.normal(0, hair.ragged, count)
    heights = np.array(CURTAIN_HEIGHTS)[::-1]
    inner, outer, depth = (
        PchipInterpolator(heights, np.array(values)[::-1]) for values in (CURTAIN_INNER, CURTAIN_OUTER, CURTAIN_DEPTH)
    )
    points = []
    for t in np.linspace(0, 1, HANGING + 1):
        y = (4.6 + 0.8 * rng.normal(0, 0.3, count)) * (1 - t) + tip * t
        y = np.clip(y, heights[0], heights[-1])
        out = inner(y) + (outer(y) - inner(y)) * roots.layer
        # Strands further back hang behind those in front, and come forward over the shoulder less.
        z = depth(y) - back * (4.2 + 1.2 * t) + 0.6 * roots.layer * t
        out = out - 0.5 * np.sin(np.pi * t) * (1 - back) * (1 - roots.layer) * 0.4
        out = out - hair.tuck * t**3 * (0.6 + 0.4 * roots.layer)
        points.append(np.stack([roots.side * out, y, z], axis=1))
    return np.stack(points, axis=1)


def _tail(
    start: NDArray[np.float64],
    before: NDArray[np.float64],
    side: NDArray[np.float64],
    hair: LongHair,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(N, HANGING, 3) points below start, for strands of the back: down behind neck and shoulders."""
    tip = hair.length + rng.normal(0, 0.9, len(start))
    wide = np.clip(np.abs(start[:, 0]) + rng.normal(0.4, 0.7, len(start)), 0.3, 8.5)
    heading = start - before
    points = []
    for t in np.linspace(0, 1, HANGING + 1)[1:]:
        x = start[:, 0] + (side * wide - start[:, 0]) * ramp(t, 0, 0.7)
        y = start[:, 1] + (tip - start[:, 1]) * t**1.15
        z = start[:, 2] + (-5.2 - start[:, 2]) * ramp(t, 0, 0.5)
        points.append(np.stack([x, y, z], axis=1) + heading * np.exp(-6 * t) * 0.5)
    return np.stack(points, axis=1)


def _waves(
    strand: NDArray[np.float64],
    clump: NDArray[np.int64],
    grown: NDArray[np.float64],
    wave: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Soft waves that neighbouring clumps nearly share, growing from root to tip."""
    phase = rng.normal(0, 0.9, clump.max() + 1)[clump][:, None]
    tilt = rng.normal(0, 0.35, (clump.max() + 1, 3))[clump][:, None, :]
    step = np.linalg.norm(np.diff(strand, axis=1), axis=2)
    length = np.concatenate([np.zeros((len(strand), 1)), np.cumsum(step, axis=1)], axis=1)
    swing = np.sin(2 * np.pi * length / 6.0 + phase)[..., None]
    slow = smooth_noise(strand.reshape(-1, 3), 2.5, 3).reshape(swing.shape)
    out = np.sign(strand[..., :1]) * (0.75, 0.0, 0.0) + (0.0, 0.0, 0.6) + tilt
    return np.asarray(wave * (0.5 + 0.7 * swing + 0.5 * slow) * ramp(grown, 0.35, 0.8) * out)


def _baby_hairs(skull: Skull, roots: NDArray[np.float64], rng: np.random.Generator) -> Strands:
    """Short fine hairs that soften the hairline, lying back over it."""
    count, points = len(roots), ALONG_SKULL + HANGING
    back = np.stack([0.6 * np.sign(roots[:, 0]), np.full(count, 0.45), np.full(count, -0.5)], axis=1)
    back = back + rng.normal(0, 0.3, (count, 3))
    length = rng.uniform(0.4, 1.7, (count, 1))
    height = rng.uniform(0.1, 0.4, count)
    path = []
    for t in np.linspace(0, 1, points):
        at = unit(roots + back * length * t - SKULL_CENTRE)
        path.append(skull.surface(at, 0.02 + height * t))
    laid = np.stack(path, axis=1)
    laid = laid + (roots - laid[:, 0])[:, None] * np.linspace(1, 0.3, points)[None, :, None]
    return Strands(laid, taper(count, points, 0.011, 0.004))
