"""The pinhole camera of the portraits, and the head's rigid pose. Knows nothing of what is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, degrees

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks along −z from (x, y, z); pixels count right and down from the upper left corner of the picture.

    focal is in pixels: a thing of size s at distance d shows focal·s/d pixels large.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 120.0
    focal: float = 1500.0
    width: int = 512
    height: int = 512

    @property
    def field_of_view(self) -> float:
        """Horizontal angle of view in degrees, as renderers want it."""
        return degrees(2 * atan(self.width / (2 * self.focal)))

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(…, 3) points of the scene → (…, 2) pixels; pixel (i, j) has its centre at (i + ½, j + ½)."""
        offset = np.asarray(points, np.float64) - (self.x, self.y, self.z)
        scale = self.focal / -offset[..., 2]
        return np.stack([self.width / 2 + scale * offset[..., 0], self.height / 2 - scale * offset[..., 1]], axis=-1)


def frame_face(outer_eye_corners: NDArray[np.floating], distance: float, eye_span: float, eye_row: float) -> Camera:
    """The camera that shows the outer eye corners (2, 3) eye_span pixels apart, centred, on row eye_row."""
    centre = np.asarray(outer_eye_corners, np.float64).mean(axis=0)
    span = float(np.linalg.norm(np.subtract(*outer_eye_corners[:, :2])))
    focal = eye_span * distance / span
    camera = Camera(x=float(centre[0]), z=float(centre[2]) + distance, focal=focal)
    rise = (eye_row - camera.height / 2) * distance / focal
    return Camera(x=camera.x, y=float(centre[1]) + rise, z=camera.z, focal=focal)


def rigid_pose(
    yaw: float, pitch: float, roll: float, pivot: NDArray[np.floating], shift: NDArray[np.floating]
) -> NDArray[np.float64]:
    """4×4 rotation about pivot, then shift.

    Angles in degrees: yaw turns the head to its left, pitch down, roll leans it to its left.
    """
    ay, ap, ar = np.radians([yaw, pitch, roll])
    cy, sy, cp, sp, cr, sr = np.cos(ay), np.sin(ay), np.cos(ap), np.sin(ap), np.cos(ar), np.sin(ar)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    lean = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    rotation = turn @ nod @ lean
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = pivot - rotation @ pivot + shift
    return pose


def transform(pose: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Apply a 4×4 rigid pose to (…, 3) points."""
    return np.asarray(np.asarray(points, np.float64) @ pose[:3, :3].T + pose[:3, 3])
