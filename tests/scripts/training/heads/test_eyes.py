"""Eyeballs: where they look, their colours, and lids that they push out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Eyes
from scripts.training.heads.eyes import Eyeball, eyeballs, outside
from scripts.training.heads.model import HeadModel

BROWN = Eyes(iris=(0.075, 0.034, 0.015), rim=(0.160, 0.075, 0.030))


@pytest.fixture(scope="module")
def balls(head: HeadModel) -> list[Eyeball]:
    return eyeballs(head, BROWN, seed=3)


def cornea(points: NDArray[np.float64], ball: Eyeball) -> NDArray[np.float64]:
    """The unit direction of the painted iris: the mean of the darkest points."""
    dark = ball.albedo[:, 2] < 0.06
    away = (points[dark] - ball.centre).mean(axis=0)
    return np.asarray(away / np.linalg.norm(away))


def test_the_left_eye_is_on_the_left_and_both_are_spheres_of_a_size(head: HeadModel, balls: list[Eyeball]) -> None:
    left, right = balls
    assert left.centre[0] > 2.5 > -2.5 > right.centre[0]
    np.testing.assert_allclose(left.centre * (-1, 1, 1), right.centre, atol=0.05)
    for ball in balls:
        radius = np.linalg.norm(ball.turned(head.neutral, 0, 0) - ball.centre, axis=1)
        assert np.percentile(radius, 95) / np.percentile(radius, 5) < 1.15


def test_pupil_iris_and_white_lie_in_rings_round_the_axis(head: HeadModel, balls: list[Eyeball]) -> None:
    ball = balls[0]
    offset = ball.turned(head.neutral, 0, 0) - ball.centre
    away = np.where(offset[:, 2] > 0, np.hypot(offset[:, 0], offset[:, 1]), 9.0)
    pupil, iris, white = away < 0.2, (away > 0.35) & (away < 0.5), (away > 0.8) & (away < 1.0)
    assert ball.albedo[pupil].max() < 0.01
    assert 0.01 < ball.albedo[iris].mean() < 0.2
    assert ball.albedo[iris, 0].mean() > 2 * ball.albedo[iris, 2].mean()  # brown
    assert ball.albedo[white].min() > 0.3


@pytest.mark.parametrize(("right", "up"), [(10.0, 0.0), (-10.0, 0.0), (0.0, 8.0), (0.0, -8.0)])
def test_eyes_turn_by_the_degrees_asked_for(head: HeadModel, balls: list[Eyeball], right: float, up: float) -> None:
    for ball in balls:
        ahead = cornea(ball.turned(head.neutral, 0, 0), ball)
        turned = cornea(ball.turned(head.neutral, right, up), ball)
        angle = np.degrees(np.arccos(np.clip(ahead @ turned, -1, 1)))
        assert angle == pytest.approx(abs(right) + abs(up), abs=0.6)
        assert np.sign(turned[0] - ahead[0]) == np.sign(right) or right == 0
        assert np.sign(turned[1] - ahead[1]) == np.sign(up) or up == 0


def test_turning_keeps_the_eyeball_s_shape(head: HeadModel, balls: list[Eyeball]) -> None:
    ball = balls[0]
    still, turned = ball.turned(head.neutral, 0, 0), ball.turned(head.neutral, 12, -5)
    np.testing.assert_allclose(
        np.linalg.norm(still - ball.centre, axis=1), np.linalg.norm(turned - ball.centre, axis=1)
    )


def test_points_inside_are_pushed_out_and_others_stay(head: HeadModel, balls: list[Eyeball]) -> None:
    ball = balls[0]
    surface = ball.turned(head.neutral, 0, 0)
    radius = float(np.linalg.norm(surface[surface[:, 2].argmax()] - ball.centre))
    ahead = np.array([0.0, 0.0, 1.0])
    points = ball.centre + np.array([0.5, 0.95, 1.3])[:, None] * radius * ahead
    pushed = np.linalg.norm(outside(points, ball, surface, 0.05) - ball.centre, axis=1)
    np.testing.assert_allclose(pushed[:2], radius + 0.05, atol=0.03)
    assert pushed[2] == pytest.approx(1.3 * radius)
    behind = ball.centre - 0.5 * radius * ahead
    np.testing.assert_array_equal(outside(behind[None], ball, surface, 0.05)[0], behind)
