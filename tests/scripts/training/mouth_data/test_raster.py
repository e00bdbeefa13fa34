"""The z-buffer, on triangles whose picture is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba draws the mouths: install the train extra")

from scripts.training.mouth_data.raster import interpolate, normals, rasterise

# Two squares of two triangles, the second smaller and nearer; front faces are clockwise on y down.
POINTS = np.array([[0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0], [2, 2, 1], [6, 2, 1], [6, 6, 1], [2, 6, 1]], np.float32)
TRIANGLES = np.array([[0, 2, 1], [0, 3, 2], [4, 6, 5], [4, 7, 6]], np.int32)


def test_the_nearer_triangle_hides_the_farther_one_in_any_order() -> None:
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        seen = rasterise(POINTS, TRIANGLES[order], 8, 8)
        assert (seen.depth[2:6, 2:6] == 1).all()
        assert (seen.depth[[0, 7]] == 0).all()
        assert (seen.triangle >= 0).all()


def test_a_triangle_that_turns_its_back_is_not_seen() -> None:
    assert (rasterise(POINTS, TRIANGLES[:, ::-1].copy(), 8, 8).triangle == -1).all()


def test_values_are_interpolated_at_the_pixels_centres() -> None:
    seen = rasterise(POINTS, TRIANGLES[:2], 8, 8)
    picture = interpolate(seen, TRIANGLES[:2], POINTS)
    row, column = np.mgrid[0:8, 0:8]
    np.testing.assert_allclose(picture[..., 0], column + 0.5, atol=1e-5)
    np.testing.assert_allclose(picture[..., 1], row + 0.5, atol=1e-5)


def test_what_nothing_covers_stays_empty() -> None:
    seen = rasterise(POINTS, TRIANGLES[2:], 8, 8)
    assert seen.triangle[0, 0] == -1
    assert not interpolate(seen, TRIANGLES[2:], np.ones((8, 1), np.float32))[0, 0].any()


def test_a_flat_surface_has_one_normal() -> None:
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    np.testing.assert_allclose(normals(flat, np.array([[0, 1, 2], [0, 2, 3]], np.int32)), [[0, 0, 1]] * 4)
