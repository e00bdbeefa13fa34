"""Lips that meet and never pass through each other."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="scipy measures the lips' border: install the train extra")

from scripts.training.heads.lip_contact import Lips
from scripts.training.heads.model import HeadModel

INNER_UPPER, INNER_LOWER = [61, 62, 63], [67, 66, 65]  # of the 68 landmarks, left to right

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lips(head: HeadModel) -> Lips:
    return Lips(head)


def opening(lips: Lips, head: HeadModel, expression: dict[str, float]) -> float:
    marks = lips.pose(head, expression)[head.landmarks68]
    return float((marks[INNER_UPPER, 1] - marks[INNER_LOWER, 1]).mean())


@pytest.mark.parametrize("jaw", [0.2, 0.5, 0.9])
def test_mouth_close_undoes_the_gap_of_the_jaw(lips: Lips, head: HeadModel, jaw: float) -> None:
    at_rest, wide = opening(lips, head, {}), opening(lips, head, {"jawOpen": jaw})
    closed = opening(lips, head, {"jawOpen": jaw, "mouthClose": jaw})
    assert abs(closed - at_rest) < 0.1 * (wide - at_rest)


def test_pressed_lips_do_not_cross(lips: Lips, head: HeadModel) -> None:
    assert opening(lips, head, {"mouthPress": 1.0, "mouthShrugLower": 1.0, "mouthClose": 0.5}) > -0.05


def test_an_open_mouth_is_the_models_own(lips: Lips, head: HeadModel) -> None:
    expression = {"jawOpen": 0.6, "mouthFunnel": 0.3}
    np.testing.assert_allclose(lips.pose(head, expression), head.vertices(expression), atol=1e-5)
