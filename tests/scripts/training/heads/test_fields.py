"""Ramps, bumps and the distance to the lips, at values known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the lips' border is a spline of scipy: pip install -e .[render]")

from scripts.training.heads.fields import blob, lip_distance, ramp

# A mouth 4 wide and 2 high round the origin, in the order of the outer lip's landmarks: from its right corner (x −2)
# over the upper lip to the left corner and back below.
TURN = np.pi - np.arange(12) * np.pi / 6
CONTOUR = np.stack([2 * np.cos(TURN), np.sin(TURN), np.full(12, 10.0)], axis=1)


@pytest.mark.parametrize(("value", "expected"), [(-1, 0), (0, 0), (1, 0.15625), (2, 0.5), (4, 1), (9, 1)])
def test_a_ramp_is_a_smoothstep(value: float, expected: float) -> None:
    assert float(ramp(value, 0, 4)) == pytest.approx(expected)


def test_a_ramp_may_fall() -> None:
    values = np.linspace(-1, 5, 50)
    np.testing.assert_allclose(ramp(values, 4, 0), 1 - ramp(values, 0, 4))


def test_a_ramp_has_no_corner_at_its_ends() -> None:
    slope = np.diff(ramp(np.linspace(-0.1, 1.1, 1201), 0, 1)) / 0.001
    assert np.abs(np.diff(slope)).max() < 0.01


def test_a_blob_is_a_gaussian_in_three_dimensions() -> None:
    points = np.array([(1.0, 2.0, 3.0), (1.5, 2.0, 3.0), (1.0, 2.0, 2.5), (99.0, 2.0, 3.0)])
    expected = [1.0, np.exp(-0.5), np.exp(-0.5), 0.0]
    np.testing.assert_allclose(blob(points, points[0], 0.5), expected, atol=1e-12)


def test_the_lips_are_inside_and_the_skin_outside_of_their_contour() -> None:
    points = np.array([(0.0, 0.0, 10.0), (0.0, 1.5, 10.0), (0.0, -1.5, 10.0), (2.5, 0.0, 10.0), (-2.5, 0.0, 10.0)])
    distance = lip_distance(points, CONTOUR)
    np.testing.assert_allclose(distance, [-1.0, 0.5, 0.5, 0.5, 0.5], atol=0.03)


def test_the_contour_itself_is_at_distance_nothing() -> None:
    assert np.abs(lip_distance(CONTOUR, CONTOUR)).max() < 0.05  # it is sampled, a point every 0.07


def test_depth_does_not_count_and_far_points_get_a_large_distance() -> None:
    near, far = np.array([(0.0, 0.5, 0.0)]), np.array([(0.0, 9.0, 10.0)])
    assert lip_distance(near, CONTOUR)[0] == pytest.approx(-0.5, abs=0.05)
    assert lip_distance(far, CONTOUR)[0] == 9.0
