"""Subdivision, normals and noise."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="subdivision needs scipy: pip install -e .[render]")

from scripts.training.heads.surface import normals, smooth_noise, subdivide, triangulate

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
CUBE_FACES = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32
)  # fmt: skip


def test_a_cube_becomes_round() -> None:
    fine = subdivide(CUBE_FACES, len(CUBE), 3)
    radius = np.linalg.norm(fine.matrix @ CUBE, axis=1)
    assert radius.max() / radius.min() < 1.2


def test_every_new_vertex_is_an_average() -> None:
    fine = subdivide(CUBE_FACES, len(CUBE), 2)
    np.testing.assert_allclose(np.asarray(fine.matrix.sum(axis=1)).ravel(), 1.0, atol=1e-6)
    assert len(fine.quads) == 16 * len(CUBE_FACES)


def test_a_flat_sheet_stays_flat_and_keeps_its_corners_near() -> None:
    sheet = np.array([[x, y, 0.0] for y in range(3) for x in range(3)])
    faces = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]], np.int32)
    fine = subdivide(faces, len(sheet), 2).matrix @ sheet
    assert np.abs(fine[:, 2]).max() == 0.0
    assert fine.min() >= 0.0
    assert fine.max() <= 2.0


def test_a_triangle_gives_three_quads() -> None:
    faces = np.array([[0, 1, 2, -1]], np.int32)
    assert len(subdivide(faces, 3, 1).quads) == 3


def test_normals_of_a_cube_point_outward() -> None:
    assert ((normals(CUBE, triangulate(CUBE_FACES)) * CUBE).sum(axis=1) > 0.9).all()


def test_noise_is_smooth_bounded_and_repeatable() -> None:
    line = np.linspace(0, 10, 2000)[:, None] * np.array([1.0, 0.3, 0.2])
    noise = smooth_noise(line, 0.5, 4)
    assert np.abs(noise).max() <= 1.0
    assert np.abs(np.diff(noise)).max() < 0.1
    np.testing.assert_array_equal(noise, smooth_noise(line, 0.5, 4))
