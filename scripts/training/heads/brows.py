"""Eyebrows and lashes: short strands bound to the face, so that they move with it. Knows nothing of light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import Skin
from scripts.training.heads.model import LASHES, HeadModel
from scripts.training.heads.strands import Strands, taper

POINTS = 6  # control points of a hair
STRIP_SIZE = 114  # vertices of a strip of lashes: 38 along the lid by 3 outward
UPPER_STRIPS = (0, 1, 2, 6, 7, 8)  # of the twelve; the others are the lower lids'


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """Strands that follow vertices: each control point keeps its offset from its anchor vertex."""

    strands: Strands
    anchors: NDArray[np.int64]  # (N, K) indices of vertices
    rest: NDArray[np.float64]  # (V, 3) where those vertices were

    def moved(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """Control points (N, K, 3) for moved vertices (V, 3)."""
        return self.strands.points + (vertices[self.anchors] - self.rest[self.anchors])


def brows(model: HeadModel, points: NDArray[np.float64], normal: NDArray[np.float64], skin: Skin, seed: int) -> Bound:
    """points, normal: (V, 3) of the neutral fine surface, the anchors."""
    rng = np.random.default_rng(seed)
    marks = model.neutral[model.landmarks68].astype(np.float64)
    front = np.flatnonzero((points[:, 2] > 5.5) & (points[:, 1] > 3.5) & (points[:, 1] < 9.5))
    tree = cKDTree(points[front, :2])
    laid, anchors = [], []
    for side, line in ((-1.0, marks[21:16:-1]), (1.0, marks[22:27])):
        curve = brow_line(line, skin.brow_arch)
        plane = _brow_hairs(curve, side, skin.brow_width, rng)
        near = front[tree.query(plane.reshape(-1, 2))[1]].reshape(plane.shape[:2])
        slope = normal[near]
        gap = plane - points[near, :2]
        depth = points[near, 2] - (gap * slope[..., :2]).sum(axis=2) / np.maximum(slope[..., 2], 0.3)
        lift = 0.015 + 0.07 * np.sin(np.linspace(0, np.pi * 0.8, POINTS)) * rng.uniform(0.4, 1.2, (len(near), 1))
        laid.append(np.concatenate([plane, depth[..., None]], axis=2) + slope * lift[..., None])
        anchors.append(near)
    all_points = np.concatenate(laid)
    radius = taper(len(all_points), POINTS, 0.0095, 0.003) * rng.uniform(0.7, 1.1, (len(all_points), 1))
    return Bound(Strands(all_points, radius), np.concatenate(anchors), points)


def brow_line(marks: NDArray[np.float64], arch: float) -> CubicSpline:
    """The line in the frontal plane of a brow's (5, 3) landmarks, by the part of the way from the nose to the temple;
    arch: how much of its bow above the straight line between its ends it keeps."""
    straight = np.linspace(0, 1, 5)[:, None] * (marks[-1, :2] - marks[0, :2]) + marks[0, :2]
    return CubicSpline(np.linspace(0, 1, 5), straight + arch * (marks[:, :2] - straight))


def _brow_hairs(curve: CubicSpline, side: float, width: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, POINTS, 2) hairs in the frontal plane along one brow, which runs from the nose (0) to the temple (1)."""
    count = round(680 * width)
    along = rng.beta(1.3, 1.3, count) * 1.02 - 0.02
    thick = width * np.interp(along, [-0.02, 0.12, 0.6, 1.0], [0.24, 0.34, 0.25, 0.06])
    root = curve(np.clip(along, 0, 1)) + np.stack([np.zeros(count), np.full(count, -0.12)], axis=1)
    across = np.clip(rng.normal(0, 0.48, count), -1.5, 1.5)  # thins out at both edges
    root[:, 1] += across * thick
    # Hairs stand up near the nose and lie along the brow further out; those of the upper edge point down.
    angle = (
        np.interp(along, [0, 0.2, 0.5, 1.0], [74, 42, 18, -24]) - 16 * np.clip(across, 0, 1) + rng.normal(0, 9, count)
    )
    length = np.interp(along, [0, 0.3, 1.0], [0.55, 0.75, 0.45]) * rng.uniform(0.7, 1.15, count)
    bend = np.radians(np.interp(along, [0, 0.4, 1], [-30, -18, -14]))
    t = np.linspace(0, 1, POINTS)[None]
    heading = np.radians(angle)[:, None] + bend[:, None] * t
    step = length[:, None] / (POINTS - 1)
    x = np.cumsum(np.cos(heading) * step, axis=1) * side
    y = np.cumsum(np.sin(heading) * step, axis=1)
    return np.asarray(root[:, None] + np.stack([x, y], axis=2))


def lashes(model: HeadModel, seed: int) -> Bound:
    """Anchored to the model's own strips of lashes, which follow the lids."""
    rng = np.random.default_rng(seed)
    rest = model.neutral.astype(np.float64)
    grid = _lash_grid(model)
    laid, anchors = [], []
    for strip, rows in enumerate(grid):
        upper = strip in UPPER_STRIPS
        count = 34 if upper else 12
        at = np.sort(rng.uniform(1.0, 36.0, count))
        column, part = at.astype(int), (at % 1)[:, None, None]
        three = rest[rows[:, column]] * (1 - part.transpose(1, 0, 2)) + rest[rows[:, column + 1]] * part.transpose(
            1, 0, 2
        )
        root, middle, tip = three
        reach = (0.8 if upper else 0.42) * rng.uniform(0.7, 1.1, (count, 1))
        lean = rng.normal(0, 0.05, (count, 3))
        t = np.linspace(0, 1, POINTS)[None, :, None]
        bow = (1 - t) ** 2 * root[:, None] + 2 * t * (1 - t) * middle[:, None] + t * t * tip[:, None]
        laid.append(root[:, None] + (bow - root[:, None]) * reach[:, None] + lean[:, None] * t)
        # The root row is what the lid carries; near the tip the strip's own tip row is followed.
        row = np.where(np.arange(POINTS) < 2, 0, np.where(np.arange(POINTS) < 4, 1, 2))
        anchors.append(rows[row][:, column].T)
    points = np.concatenate(laid)
    return Bound(Strands(points, taper(len(points), POINTS, 0.017, 0.004)), np.concatenate(anchors), rest)


def _lash_grid(model: HeadModel) -> NDArray[np.int64]:
    """(12, 3, 38) vertex indices of the strips: row 0 at the lid, columns along it."""
    kit = model.kit
    chosen = kit.face_material == kit.materials.index("M_EyeLashes")
    place = np.zeros((len(kit.vertices), 2))
    corners = kit.faces[chosen] >= 0
    place[kit.faces[chosen][corners]] = kit.uv[kit.face_uv[chosen][corners]]
    strips = []
    for first in range(LASHES.start, LASHES.stop, STRIP_SIZE):
        index = np.arange(first, first + STRIP_SIZE)
        order = index[np.lexsort((place[index, 0].round(4), place[index, 1].round(3)))].reshape(3, 38)
        centre = np.array([np.sign(kit.vertices[index, 0].mean()) * 3.1, 3.6, 8.0])
        far = np.linalg.norm(kit.vertices[order] - centre, axis=2).mean(axis=1)
        strips.append(order if far[0] < far[2] else order[::-1])
    return np.stack(strips)
