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


@pytest.mark.parametrize("name", ["mouthSmile", "mouthPucker", "mouthStretch", "jawOpen"])
def test_single_movements_leave_the_lips_uncrossed(lips: Lips, head: HeadModel, name: str) -> None:
    assert opening(lips, head, {name: 0.8}) > -0.05


def test_half_a_closure_leaves_half_the_gap(lips: Lips, head: HeadModel) -> None:
    at_rest, wide = opening(lips, head, {}), opening(lips, head, {"jawOpen": 0.6})
    half = opening(lips, head, {"jawOpen": 0.6, "mouthClose": 0.3})
    assert (half - at_rest) / (wide - at_rest) == pytest.approx(0.5, abs=0.1)


def test_what_is_far_from_the_lips_does_not_move(lips: Lips, head: HeadModel) -> None:
    expression = {"jawOpen": 0.5, "mouthClose": 0.5, "mouthPress": 1.0}
    moved = np.linalg.norm(lips.pose(head, expression) - head.vertices(expression), axis=1)
    middle = head.neutral[head.landmarks68[48:60]].mean(axis=0)
    far = np.linalg.norm(head.neutral - middle, axis=1) > 6.0
    assert moved.max() > 0.05
    assert moved[far].max() == 0.0


def test_another_identity_has_the_same_lips(lips: Lips, head: HeadModel) -> None:
    coefficients = np.random.default_rng(0).normal(0, 0.7, 100).astype(np.float32)
    person = HeadModel(head.kit, coefficients)
    at_rest, wide = opening(lips, person, {}), opening(lips, person, {"jawOpen": 0.5})
    closed = opening(lips, person, {"jawOpen": 0.5, "mouthClose": 0.5})
    assert abs(closed - at_rest) < 0.1 * (wide - at_rest)
