"""The thin-plate spline: exact at its controls, affine when they are."""

from __future__ import annotations

import numpy as np

from engines.face.enrolment.spline_warp import SplineWarp

RNG = np.random.default_rng(1)
CONTROLS = RNG.uniform(0, 500, (30, 2))


def test_it_goes_through_its_controls() -> None:
    targets = CONTROLS + RNG.normal(0, 20, CONTROLS.shape)
    np.testing.assert_allclose(SplineWarp(CONTROLS, targets)(CONTROLS), targets, atol=1e-6)


def test_an_affine_map_is_not_bent() -> None:
    matrix, shift = np.array([[0.9, 0.2], [-0.1, 1.1]]), np.array([5.0, -7.0])
    points = RNG.uniform(-200, 800, (50, 2))
    warp = SplineWarp(CONTROLS, CONTROLS @ matrix.T + shift)
    np.testing.assert_allclose(warp(points), points @ matrix.T + shift, atol=1e-6)


def test_a_control_given_twice_counts_once() -> None:
    twice = np.concatenate([CONTROLS, CONTROLS[:3]])
    np.testing.assert_allclose(SplineWarp(twice, twice + 1)(CONTROLS), CONTROLS + 1, atol=1e-6)
