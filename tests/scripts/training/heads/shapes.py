"""Heads that are balls and eggs, and a face's landmarks, for tests without the face model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.skull import SKULL_CENTRE

RADII = np.array([7.4, 11.5, 9.5])  # of an egg about as large as a head
MIDDLE = np.array([0.0, 3.5, 0.5])


def ball(radius: float = 9.0, count: int = 4000) -> NDArray[np.float64]:
    """(count, 3) points spread evenly over a skull that is a ball."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    turn = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - height**2)
    return SKULL_CENTRE + radius * np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1)


def egg(count: int = 16_000) -> NDArray[np.float64]:
    """Points strewn evenly over it."""
    turn, height = np.arange(count) * 2.399963, np.linspace(-1, 1, count)
    flat = np.sqrt(1 - height**2)
    return np.asarray(MIDDLE + RADII * np.stack([flat * np.sin(turn), height, flat * np.cos(turn)], axis=1))


def landmarks() -> NDArray[np.float64]:
    """(68, 3): those that are used, of a symmetric face."""
    marks = np.zeros((68, 3))
    marks[[8, 27, 30]] = (0, -7.2, 10), (0, 3.6, 10.3), (0, 0.6, 12.2)
    eye = np.array(
        [(4.4, 3.6, 8.6), (3.8, 4.1, 9.3), (2.7, 4.2, 9.6), (1.8, 3.3, 9.3), (2.7, 3.1, 9.5), (3.8, 3.2, 9.3)]
    )
    marks[36:42] = eye * (-1, 1, 1)
    marks[42:48] = eye[[3, 2, 1, 0, 5, 4]]
    for right, left, place in ((19, 24, (3.7, 6.5, 9.7)), (31, 35, (1.1, -1.1, 10.8)), (48, 54, (2.1, -3.0, 10.6))):
        marks[left] = place
        marks[right] = np.multiply(place, (-1, 1, 1))
    return marks
