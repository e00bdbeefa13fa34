"""The smooth skull below a hair style or a headscarf: its radius by direction. Knows no style."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKULL_CENTRE = np.array([0.0, 4.0, 0.0])
DEGREE = 6  # of the polynomial in the direction that gives the skull's radius


@dataclass(frozen=True, slots=True, eq=False)
class Skull:
    """Radius of the smooth skull by direction from SKULL_CENTRE."""

    weights: NDArray[np.float64]

    def radius(self, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(_monomials(direction) @ self.weights)

    def surface(self, direction: NDArray[np.float64], lift: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) of the skull in unit directions (N, 3), lifted off it by centimetres (N,)."""
        return SKULL_CENTRE + direction * (self.radius(direction) + lift)[:, None]


def _monomials(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = direction.T
    # x² + y² + z² is 1, so powers of z above the first add nothing.
    return np.stack(
        [
            x**i * y**j * z**k
            for i in range(DEGREE + 1)
            for j in range(DEGREE + 1 - i)
            for k in (0, 1)
            if i + j + k <= DEGREE
        ],
        axis=1,
    )


def fit_skull(points: NDArray[np.float64]) -> Skull:
    """points: (V, 3) vertices of the neutral head; ears, face and neck are left out."""
    ear = (np.abs(points[:, 0]) > 6.4) & (np.abs(points[:, 1] - 1.5) < 4.2) & (np.abs(points[:, 2]) < 3.2)
    chosen = points[
        ~ear & (points[:, 1] > -4.0) & (points[:, 2] < 10.0) & (np.abs(points - (0, 4, 0)).max(axis=1) > 5.0)
    ]
    offset = chosen - SKULL_CENTRE
    radius = np.linalg.norm(offset, axis=1)
    weights, *_ = np.linalg.lstsq(_monomials(offset / radius[:, None]), radius, rcond=None)
    return Skull(weights)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
