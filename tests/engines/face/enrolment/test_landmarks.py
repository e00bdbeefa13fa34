"""Curves of a face: spread, measured and moved."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.landmarker import NUMBERS, face_of
from engines.face.enrolment.landmarks import CURVES, TOTAL, SplineWarp, along, from_curves, parts_of, place, resampled
from tests.engines.face.enrolment.faces import SCALE, face, parted


def test_curves_lie_one_after_another() -> None:
    places = [place(name) for name in CURVES]
    assert [part.start for part in places[1:]] == [part.stop for part in places[:-1]]
    assert places[-1].stop == TOTAL


def test_points_along_a_straight_line_are_even() -> None:
    line = np.array([[0.0, 0], [1, 0], [3, 0], [10, 0]])
    np.testing.assert_allclose(along(line, np.array([0, 0.25, 1]))[:, 0], [0, 2.5, 10], atol=0.1)


def test_parts_run_from_0_to_1() -> None:
    parts = parts_of(np.array([[0.0, 0], [3, 4], [3, 9]]))
    np.testing.assert_allclose(parts, [0, 0.5, 1])


def test_a_curve_of_the_right_number_stays_as_it_is() -> None:
    curve = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(resampled(curve, 5), curve)


def test_the_landmarkers_numbers_make_every_curve() -> None:
    assert NUMBERS.keys() == CURVES.keys()
    points = np.random.default_rng(0).uniform(0, 500, (478, 2))
    curves = {name: points[list(numbers)] for name, numbers in NUMBERS.items()}
    np.testing.assert_allclose(face_of(points).points, from_curves(curves))


def test_a_gap_is_measured() -> None:
    assert face().mouth_gap < 0.03 * SCALE
    assert parted(face(), 12.0).mouth_gap == pytest.approx(12)


def test_a_moved_face_keeps_its_shape() -> None:
    moved = face().moved(np.array([[2.0, 0, 10], [0, 2.0, -5]]))
    assert moved.interocular == pytest.approx(2 * face().interocular)


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
