"""Landmarks that the mesh of a shipped presenter carries."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.avatar import load_avatar
from engines.face.tensors import FaceTensors
from engines.loader import SHIPPED
from engines.motion import COEFFICIENTS
from scripts.training.mouth_data.warped_landmarks import INNER_LOWER, INNER_UPPER, WarpedLandmarks, _in_triangles


@cache
def face() -> FaceTensors:
    return load_avatar(SHIPPED / "mira").face


def rest() -> NDArray[np.float64]:
    """(20, 2): landmarks on the mesh's own lips."""
    upper, lower = (face().mesh[contour].astype(np.float64) for contour in (face().inner_upper, face().inner_lower))
    at = np.linspace(0, len(upper) - 1, 5).round().astype(int)
    marks = np.zeros((20, 2))
    marks[list(INNER_UPPER)] = upper[at]
    marks[list(INNER_LOWER)] = lower[at]
    middle = marks[12:].mean(axis=0)
    turn = np.pi - np.arange(12) * np.pi / 6
    wide = np.ptp(upper[:, 0]) / 2
    marks[:12] = middle + np.stack([1.15 * wide * np.cos(turn), -0.35 * wide * np.sin(turn)], axis=1)
    return marks


def coefficients(**values: float) -> NDArray[np.float32]:
    return np.array([values.get(name, 0.0) for name in COEFFICIENTS], np.float32)


@pytest.fixture(scope="module")
def warped() -> WarpedLandmarks:
    return WarpedLandmarks(face(), rest())


def test_at_rest_landmarks_are_those_that_were_given(warped: WarpedLandmarks) -> None:
    np.testing.assert_allclose(warped(coefficients()), rest(), atol=1e-6)


def test_an_open_jaw_lowers_the_lower_lip_and_leaves_the_upper_one(warped: WarpedLandmarks) -> None:
    moved = warped(coefficients(jawOpen=0.6)) - rest()
    assert moved[17:20, 1].min() > 0.03  # crop units, down
    assert np.abs(moved[13:16, 1]).max() < 0.03


def test_corners_belong_to_both_contours(warped: WarpedLandmarks) -> None:
    smiling = warped(coefficients(mouthSmile=0.8))
    left, right = smiling[16] - rest()[16], smiling[12] - rest()[12]
    assert left[0] > 0 > right[0]
    assert left[1] < 0
    assert right[1] < 0


def test_the_drawn_opening_is_that_of_the_landmarks(warped: WarpedLandmarks) -> None:
    shape = coefficients(jawOpen=0.5)
    marks = warped(shape)
    middle = float(marks[14, 0])
    assert warped.opening(coefficients(), middle) == pytest.approx(0.0, abs=0.01)
    assert warped.opening(shape, middle) == pytest.approx(float(marks[18, 1] - marks[14, 1]), abs=0.02)


def test_movements_grow_with_the_coefficient(warped: WarpedLandmarks) -> None:
    lowered = [float(warped(coefficients(jawOpen=value))[18, 1]) for value in (0.0, 0.2, 0.4, 0.8)]
    assert lowered == sorted(lowered)
    assert lowered[3] - lowered[0] > 1.5 * (lowered[2] - lowered[0])


def test_points_lie_in_their_triangles_by_weights_that_sum_to_one() -> None:
    corners, weights = _in_triangles(face(), rest()[:12])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    placed = np.einsum("vk,vkc->vc", weights, face().mesh[corners].astype(np.float64))
    np.testing.assert_allclose(placed, rest()[:12], atol=1e-6)
