"""Surfaces that are grids of points, as garments are: their normals and triangles. Knows no garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.surface import triangulate


def grid_normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals (R, C, 3) of a grid of points (R, C, 3)."""
    along = np.gradient(points, axis=0)
    around = np.gradient(points, axis=1)
    normal = np.cross(along, around)
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9))


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles (T, 3) of a grid of points, flattened row by row."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    here, right = row * columns + column, row * columns + column + 1
    quads = np.stack([here, here + columns, right + columns, right], axis=2).reshape(-1, 4)
    return triangulate(quads.astype(np.int32))
