"""How a head is turned: the canonical face fitted to landmarks by weak perspective. Knows nothing of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F64
from engines.face.enrolment.landmarks import FaceLandmarks, place

# What heads have in common, in inter-ocular distances, and how far they are turned before a camera, in radians: the
# weights of the fit. Faces differ in length, which looks like a nod; so nods are believed less than turns.
LANDMARK_SPREAD = 0.04
YAW_SPREAD = 0.5
PITCH_SPREAD = 0.15
STEPS = 12  # Gauss-Newton from a frontal view has settled long before

# The points that lie on bone or hardly move with expression.
_RIGID = np.r_[
    place("left_eye_upper").start, place("left_eye_upper").stop - 1,
    place("right_eye_upper").start, place("right_eye_upper").stop - 1,
    np.arange(place("nose_ridge").start, place("nose_ridge").stop),
    np.arange(place("nose_base").start, place("nose_base").stop),
    place("lip_outer_upper").start, place("lip_outer_upper").stop - 1,
    (place("jaw").start + place("jaw").stop - 1) // 2,
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Weak perspective: pixels = scale · rotation · point + shift.

    rotation (2, 3), the first two rows of a rotation; scale: pixels per inter-ocular distance; shift (2,) pixels;
    yaw, pitch, roll: degrees; yaw > 0 when the face looks to the right of the picture.
    """

    rotation: F64
    scale: float
    shift: F64
    yaw: float
    pitch: float
    roll: float

    def project(self, points: F64) -> F64:
        """(…, 3) canonical points → (…, 2) pixels."""
        return self.turn(points) + self.shift

    def turn(self, displacements: F64) -> F64:
        """(…, 3) canonical displacements → (…, 2) pixels."""
        return np.asarray(self.scale * displacements @ self.rotation.T)


def fit_pose(canonical: F64, face: FaceLandmarks) -> HeadPose:
    """canonical: (TOTAL, 3), see CanonicalMouth.landmarks."""
    points, seen = canonical[_RIGID], face.points[_RIGID]
    unit = face.interocular
    middle = seen.mean(axis=0)
    seen = (seen - middle) / unit
    state = np.array([0.0, 0.0, 0.0, 0.0, *(-points[:, :2].mean(axis=0))])  # yaw, pitch, roll, log scale, shift

    def residual(state: F64) -> F64:
        error = (np.exp(state[3]) * points @ _rotation(*state[:3]).T + state[4:] - seen) / LANDMARK_SPREAD
        return np.concatenate([error.ravel(), [state[0] / YAW_SPREAD, state[1] / PITCH_SPREAD]])

    for _ in range(STEPS):
        here = residual(state)
        slope = np.stack([(residual(state + step) - here) / 1e-5 for step in 1e-5 * np.eye(6)], axis=1)
        state = state - np.linalg.lstsq(slope, here, rcond=None)[0]
    yaw, pitch, roll = np.degrees(state[:3])
    scale = float(np.exp(state[3])) * unit
    return HeadPose(_rotation(*state[:3]), scale, state[4:] * unit + middle, float(yaw), float(pitch), float(roll))


def _rotation(yaw: float, pitch: float, roll: float) -> F64:
    """First two rows of roll · pitch · yaw, in x right, y down, z towards the viewer."""
    sin, cos = np.sin([yaw, pitch, roll]), np.cos([yaw, pitch, roll])
    turn = np.array([[cos[0], 0, sin[0]], [0, 1, 0], [-sin[0], 0, cos[0]]])
    nod = np.array([[1, 0, 0], [0, cos[1], sin[1]], [0, -sin[1], cos[1]]])
    lean = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0]])
    return np.asarray(lean @ nod @ turn)
