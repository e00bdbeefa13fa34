"""Curves of a face: spread, measured and moved."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.landmarks import CURVES, TOTAL, along, from_curves, parts_of, place, resampled
from engines.face.enrolment.mediapipe_points import NUMBERS, face_of
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
