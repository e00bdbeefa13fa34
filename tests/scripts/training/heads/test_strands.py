"""Bundles of strands: what the renderer's splines and files need of them."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.heads.strands import Strands, join, taper


def bundle(count: int, points: int = 4, seed: int = 0) -> Strands:
    return Strands(np.random.default_rng(seed).normal(size=(count, points, 3)), taper(count, points, 0.02, 0.01))


def test_radii_shrink_evenly_from_root_to_tip() -> None:
    radii = taper(3, 5, 0.02, 0.01)
    assert radii.shape == (3, 5)
    np.testing.assert_allclose(radii[1], [0.02, 0.0175, 0.015, 0.0125, 0.01])


def test_ends_are_tripled_so_that_a_cubic_spline_reaches_them() -> None:
    strands = bundle(2)
    padded = strands.padded(strands.points)
    assert padded.shape == (2, 8, 4)
    # A uniform cubic B-spline begins at (p0 + 4 p1 + p2)/6.
    begin = (padded[:, 0] + 4 * padded[:, 1] + padded[:, 2]) / 6
    end = (padded[:, -1] + 4 * padded[:, -2] + padded[:, -3]) / 6
    np.testing.assert_allclose(begin[:, :3], strands.points[:, 0])
    np.testing.assert_allclose(end[:, :3], strands.points[:, -1])
    np.testing.assert_allclose(begin[:, 3], 0.02)


def test_moved_points_keep_their_radii() -> None:
    strands = bundle(2)
    padded = strands.padded(strands.points + 5)
    np.testing.assert_allclose(padded[:, 2:-2, :3], strands.points + 5)
    np.testing.assert_array_equal(padded[:, 2:-2, 3], strands.radius)


@pytest.mark.parametrize(("count", "parts"), [(10, 3), (4, 4), (7, 1)])
def test_a_split_bundle_joins_again(count: int, parts: int) -> None:
    strands = bundle(count)
    split = strands.split(parts)
    sizes = [len(part.points) for part in split]
    assert max(sizes) - min(sizes) <= 1
    whole = join(split)
    np.testing.assert_array_equal(whole.points, strands.points)
    np.testing.assert_array_equal(whole.radius, strands.radius)


def test_the_renderer_s_file_has_a_line_a_point_and_a_blank_line_a_strand() -> None:
    strands = bundle(3)
    blocks = strands.text().strip("\n").split("\n\n")
    assert len(blocks) == 3
    numbers = np.array([[float(word) for word in line.split()] for line in blocks[1].splitlines()])
    np.testing.assert_allclose(numbers, strands.padded(strands.points)[1], atol=5e-5)
