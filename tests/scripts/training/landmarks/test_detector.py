"""The landmark detector that ships, on mouths drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.training.landmarks.detector import LOWER_MIDDLE, SIDE, UPPER_MIDDLE, LipMarks, as_grey, openings


def mouth(height: int, shift: int = 0) -> NDArray[np.uint8]:
    """(128, 128, 3): skin with red lips round a dark opening of that height, shifted to the right."""
    picture = np.full((128, 128, 3), (205, 160, 140), np.uint8)
    middle = (64 + shift, 54)
    cv2.ellipse(picture, middle, (26, 8 + height // 2), 0, 0, 360, (150, 70, 75), -1, cv2.LINE_AA)
    if height:
        cv2.ellipse(picture, middle, (20, height // 2), 0, 0, 360, (40, 15, 15), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


@pytest.fixture(scope="module")
def marks() -> LipMarks:
    return LipMarks()


def test_crops_are_looked_at_in_grey_and_small() -> None:
    grey = as_grey(np.full((128, 128, 3), 255, np.uint8))
    assert grey.shape == (SIDE, SIDE)
    assert grey.dtype == np.float32
    assert grey.min() == grey.max() == pytest.approx(1.0)


def test_every_crop_has_twenty_landmarks_inside_it(marks: LipMarks) -> None:
    found = marks(np.stack([mouth(0), mouth(10), mouth(24)]))
    assert found.shape == (3, 20, 2)
    assert found.min() > 0
    assert found.max() < 1


def test_wider_mouths_have_wider_openings(marks: LipMarks) -> None:
    found = openings(marks(np.stack([mouth(height) for height in (0, 12, 28)])))
    assert found[0] < found[1] < found[2]
    assert found[2] - found[0] > 0.08


def test_landmarks_follow_a_mouth_that_moves(marks: LipMarks) -> None:
    left, right = marks(np.stack([mouth(12, -8), mouth(12, 8)]))
    assert float((right - left)[:, 0].mean()) == pytest.approx(16 / 128, abs=0.03)
    assert abs(float((right - left)[:, 1].mean())) < 0.02


def test_light_and_dark_pictures_are_seen_alike(marks: LipMarks) -> None:
    picture = mouth(16)
    dim = (picture * 0.6).astype(np.uint8)
    np.testing.assert_allclose(marks(dim[None]), marks(picture[None]), atol=0.01)


def test_openings_are_distances_of_the_inner_lips_middles() -> None:
    points = np.zeros((2, 20, 2), np.float32)
    points[0, LOWER_MIDDLE] = (0.3, 0.4)
    points[1, UPPER_MIDDLE] = points[1, LOWER_MIDDLE] = (0.5, 0.5)
    np.testing.assert_allclose(openings(points), [0.5, 0.0])
