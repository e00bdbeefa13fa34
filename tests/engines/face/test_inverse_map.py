"""Each pixel looks where its triangle sends it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.inverse_map import InverseMap, Raster

Floats = NDArray[np.float32]
SQUARE = np.array([[2, 2], [17, 2], [17, 17], [2, 17]], np.float32)
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])
STILL = np.zeros((4, 2), np.float32)
ROWS, COLUMNS = np.mgrid[0:20, 0:20].astype(np.float32)


def fill(inverse_map: InverseMap, target: Floats, source: Floats, common: NDArray[np.float64]) -> Floats:
    """Where each pixel looks."""
    return Raster(20, 20).positions(inverse_map.offsets(target, source), common)


@pytest.fixture
def inverse_map() -> InverseMap:
    return InverseMap(HALVES, 20, 20)


def test_a_still_mesh_gives_the_common_map_bit_for_bit(inverse_map: InverseMap) -> None:
    map_x, map_y = fill(inverse_map, SQUARE, STILL, np.array([[1.0, 0, 31], [0, 1, 7]]))
    np.testing.assert_array_equal(map_x, COLUMNS + 31)
    np.testing.assert_array_equal(map_y, ROWS + 7)


def test_the_common_map_may_turn_and_scale(inverse_map: InverseMap) -> None:
    map_x, map_y = fill(inverse_map, SQUARE, STILL, np.array([[0.5, -0.25, 3], [0.25, 0.5, 4]]))
    np.testing.assert_allclose(map_x, 0.5 * COLUMNS - 0.25 * ROWS + 3, atol=1e-5)
    np.testing.assert_allclose(map_y, 0.25 * COLUMNS + 0.5 * ROWS + 4, atol=1e-5)


def test_outside_the_mesh_nothing_moves(inverse_map: InverseMap) -> None:
    map_x, map_y = fill(inverse_map, SQUARE, np.full((4, 2), 5, np.float32), IDENTITY)
    np.testing.assert_array_equal(map_x[0], COLUMNS[0])
    np.testing.assert_array_equal(map_y[:, 0], ROWS[:, 0])
    assert (map_x[10, 10], map_y[10, 10]) == (15, 15)


def test_offsets_vary_linearly_inside_a_triangle(inverse_map: InverseMap) -> None:
    offsets = np.stack([0.1 * SQUARE[:, 0] + 0.2 * SQUARE[:, 1], -0.3 * SQUARE[:, 0]], axis=1)
    map_x, map_y = fill(inverse_map, SQUARE, offsets.astype(np.float32), IDENTITY)
    inside = (slice(3, 17), slice(3, 17))
    np.testing.assert_allclose((map_x - COLUMNS)[inside], (0.1 * COLUMNS + 0.2 * ROWS)[inside], atol=1e-4)
    np.testing.assert_allclose((map_y - ROWS)[inside], (-0.3 * COLUMNS)[inside], atol=1e-4)


def test_the_later_triangle_is_in_front() -> None:
    both = InverseMap(np.array([[0, 1, 2], [3, 4, 5]], np.int32), 20, 20)
    corners = np.concatenate([SQUARE[:3], SQUARE[:3]])
    offsets = np.repeat(np.array([[1, 0], [2, 0]], np.float32), 3, axis=0)
    map_x, _ = fill(both, corners, offsets, IDENTITY)
    assert map_x[5, 12] == 14


def test_a_triangle_without_area_breaks_nothing(inverse_map: InverseMap) -> None:
    flat = np.array([[2, 2], [17, 2], [17, 2], [2, 2]], np.float32)
    map_x, map_y = fill(inverse_map, flat, np.full((4, 2), 3, np.float32), IDENTITY)
    assert np.isfinite(map_x).all()
    assert np.isfinite(map_y).all()
    assert map_x.max() <= 22


def test_triangles_may_leave_the_picture(inverse_map: InverseMap) -> None:
    map_x, _ = fill(inverse_map, SQUARE * 100 - 900, np.ones((4, 2), np.float32), IDENTITY)
    np.testing.assert_allclose(map_x, COLUMNS + 1, atol=1e-3)
