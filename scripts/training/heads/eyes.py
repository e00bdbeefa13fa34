"""Eyeballs: their surface, their colours and how they turn. Knows nothing of lids and nothing of light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scripts.training.heads.appearance import Eyes
from scripts.training.heads.fields import ramp
from scripts.training.heads.model import LEFT_EYE, RIGHT_EYE, HeadModel
from scripts.training.heads.surface import Subdivision, smooth_noise, subdivide

SCLERA_SIZE = 770  # each eye's range begins with the sclera and cornea; the iris shell behind is not drawn
LID_REACH, LID_DEPTH = 2.0, 0.3  # centimetres: how far from the eye's centre, and how far before it, lids are
SIDES = {"Left": LEFT_EYE, "Right": RIGHT_EYE}


@dataclass(frozen=True, slots=True, eq=False)
class Eyeball:
    """surface maps the (770, 3) coarse vertices to fine ones; albedo (V, 3) is that of the fine ones."""

    vertices: slice
    surface: Subdivision
    centre: NDArray[np.float64]
    albedo: NDArray[np.float64]

    def turned(self, head: NDArray[np.float32], right: float, up: float) -> NDArray[np.float64]:
        """Fine vertices of the eyeball of a posed head (26719, 3), looking right and up by degrees."""
        fine = self.surface.matrix @ head[self.vertices].astype(np.float64)
        yaw, pitch = np.radians([right, -up])
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return np.asarray((fine - self.centre) @ turn.T + self.centre)


def outside(
    points: NDArray[np.float64], ball: Eyeball, surface: NDArray[np.float64], margin: float
) -> NDArray[np.float64]:
    """Points (N, 3) with those inside the eyeball, or nearer than margin, pushed out through its front.

    surface: the eyeball's fine vertices. Lids need it: between open and shut the model moves them straight.
    """
    offset = points - ball.centre
    length = np.linalg.norm(offset, axis=1)
    near = np.flatnonzero((length < LID_REACH) & (offset[:, 2] > LID_DEPTH))
    away = surface - ball.centre
    radius = np.linalg.norm(away, axis=1)
    direction = offset[near] / length[near, None]
    distance, index = cKDTree(away / radius[:, None]).query(direction, k=4)
    weight = 1 / (distance + 1e-3)
    least = (radius[index] * weight).sum(axis=1) / weight.sum(axis=1) + margin
    pushed = points.copy()
    pushed[near] = ball.centre + direction * np.maximum(length[near], least)[:, None]
    return pushed


def eyeballs(model: HeadModel, eyes: Eyes, seed: int) -> list[Eyeball]:
    """Left and right eyeball, painted."""
    return [_eyeball(model, side, part, eyes, seed) for side, part in SIDES.items()]


def _eyeball(model: HeadModel, side: str, part: slice, eyes: Eyes, seed: int) -> Eyeball:
    kit = model.kit
    vertices = slice(part.start, part.start + SCLERA_SIZE)
    faces = kit.faces[kit.face_material == kit.materials.index(f"M_Sclera{side}")]
    local = np.where(faces >= 0, faces - vertices.start, -1).astype(np.int32)
    surface = subdivide(local, SCLERA_SIZE, 2)
    fine = surface.matrix @ model.neutral[vertices].astype(np.float64)
    centre = _sphere_centre(fine)
    return Eyeball(vertices, surface, centre, _paint(fine - centre, eyes, seed))


def _sphere_centre(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares centre of the sphere through the points."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)
    return np.asarray(solution[:3])


def _paint(offset: NDArray[np.float64], eyes: Eyes, seed: int) -> NDArray[np.float64]:
    """Albedo by distance from the optical axis (+z): pupil, iris with streaks and a dark rim, sclera."""
    away = np.hypot(offset[:, 0], offset[:, 1])
    away = np.where(offset[:, 2] > 0, away, 9.0)
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    ring = np.stack([np.cos(angle), np.sin(angle), away / eyes.iris_radius * 0.25], axis=1)
    streaks = smooth_noise(ring, 0.16, seed + 20) * 0.6 + smooth_noise(ring, 0.06, seed + 21) * 0.4
    depth = np.clip((away - eyes.pupil_radius) / (eyes.iris_radius - eyes.pupil_radius), 0, 1)

    iris = np.array(eyes.rim) * (1 - depth[:, None]) + np.array(eyes.iris) * depth[:, None]
    iris = iris * (1 + 0.45 * streaks)[:, None]
    # The key light comes from above: the lens of the cornea throws it on the lower half of the iris.
    iris = iris * (1.15 - 0.55 * offset[:, 1:2] / eyes.iris_radius)
    iris = iris * (1 - 0.75 * ramp(depth, 0.72, 1.0))[:, None]
    iris = iris * ramp(away, eyes.pupil_radius - 0.02, eyes.pupil_radius + 0.03)[:, None] + 0.003

    vein = ramp(smooth_noise(offset * (0.6, 1.6, 1.0), 0.10, seed + 22), 0.45, 0.8)
    corner = ramp(np.abs(offset[:, 0]), 0.7, 1.45)
    white = np.array([0.66, 0.62, 0.585]) * (1 - 0.30 * corner[:, None] * np.array([0.6, 1.0, 1.0]))
    white = white * (1 - 0.22 * (vein * (0.3 + corner))[:, None] * np.array([0.2, 1.0, 1.0]))
    outside = ramp(away, eyes.iris_radius - 0.04, eyes.iris_radius + 0.07)[:, None]
    return np.asarray(np.clip(iris * (1 - outside) + white * outside, 0.002, 0.9))
