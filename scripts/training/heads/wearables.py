"""A thing that is worn, as a surface: garment, headscarf, glasses. Knows nothing of light and of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.fields import ramp


@dataclass(frozen=True, slots=True, eq=False)
class Wearable:
    """vertices (V, 3) at rest, in the head model's space; triangles (T, 3); albedo (V, 3); material: one of
    materials.MATERIALS; share (V,): 1 where the head carries it, 0 where the chest does."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    albedo: NDArray[np.float64]
    material: str
    share: NDArray[np.float64]


def neck_share(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much the head carries points (…, 3) of skin and hair: all above the chin, nothing below the neck."""
    # Chin and nape carry the same weight: the line between neck and head slopes down to the back.
    return ramp(points[..., 1] + 0.35 * (points[..., 2] - 2.0), -13.5, -5.8)
