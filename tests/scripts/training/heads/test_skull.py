"""The smooth skull: fitted to a head that is a ball or an egg, ears left out."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.training.heads.skull import SKULL_CENTRE, fit_skull, unit
from tests.scripts.training.heads.shapes import ball, egg

RADIUS = 9.0


def test_a_ball_is_fitted_exactly() -> None:
    skull = fit_skull(ball(RADIUS))
    directions = unit(np.random.default_rng(0).normal(size=(200, 3)))
    np.testing.assert_allclose(skull.radius(directions), RADIUS, atol=1e-6)


def test_an_egg_is_followed_above_the_ears() -> None:
    points = egg()
    skull = fit_skull(points)
    crown = points[(points[:, 1] > 7) & (points[:, 2] < 8)] - SKULL_CENTRE
    fitted = skull.radius(unit(crown))
    assert np.abs(fitted - np.linalg.norm(crown, axis=1)).max() < 0.15


def test_ears_do_not_bend_the_skull() -> None:
    points = ball(RADIUS)
    ears = (np.abs(points[:, 0]) > 8.0) & (np.abs(points[:, 1] - 1.5) < 2.0) & (np.abs(points[:, 2]) < 2.0)
    assert ears.sum() > 10
    points[ears] = SKULL_CENTRE + (points[ears] - SKULL_CENTRE) * 1.3
    side = unit(np.array([(1.0, -0.2, 0.0), (-1.0, -0.2, 0.0)]))
    np.testing.assert_allclose(fit_skull(points).radius(side), RADIUS, atol=0.05)


def test_points_are_lifted_off_the_surface_along_their_direction() -> None:
    skull = fit_skull(ball(RADIUS))
    directions = unit(np.array([(0.0, 1.0, 0.0), (1.0, 0.0, 1.0)]))
    lifted = skull.surface(directions, np.array([0.0, 0.5]))
    np.testing.assert_allclose(np.linalg.norm(lifted - SKULL_CENTRE, axis=1), [RADIUS, RADIUS + 0.5], atol=1e-6)
    np.testing.assert_allclose(unit(lifted - SKULL_CENTRE), directions, atol=1e-9)


def test_unit_vectors_have_length_one_and_keep_their_direction() -> None:
    vectors = np.array([(3.0, 0.0, 4.0), (0.0, -2.0, 0.0)])
    np.testing.assert_allclose(unit(vectors), [(0.6, 0.0, 0.8), (0.0, -1.0, 0.0)])


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_fit_scales_with_the_head(scale: float) -> None:
    points = SKULL_CENTRE + (ball(RADIUS) - SKULL_CENTRE) * 1.0
    larger = SKULL_CENTRE + (points - SKULL_CENTRE) * (1 + 0.1 * scale)
    ahead = np.array([(0.0, 1.0, 0.0)])
    assert fit_skull(larger).radius(ahead)[0] == pytest.approx(RADIUS * (1 + 0.1 * scale), rel=1e-6)
