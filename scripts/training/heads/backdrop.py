"""The room behind a presenter, far out of focus: painted once for a loop. Knows nothing of the figure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.heads.appearance import Room


def paint_room(room: Room, width: int, height: int, seed: int) -> NDArray[np.float32]:
    """(height, width, 3) linear RGB radiance: a lit wall, a shelf in shade, lamps as soft discs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    near, far, glow = (np.array(colour, np.float32) for colour in (room.near, room.far, room.glow))

    # The wall takes light from the upper left, as the face does, and falls off to the right and below.
    light = np.exp(-(((x - 0.30) / 0.55) ** 2 + ((y - 0.30) / 0.60) ** 2))[..., None]
    picture = far + (near - far) * light
    shelf = np.zeros((height, width), np.float32)
    for left in (0.70, 0.79, 0.87, 0.95):
        top = 0.42 + 0.05 * rng.uniform(-1, 1)
        shelf = np.maximum(shelf, ((x > left) & (x < left + 0.06) & (y > top) & (y < 0.74)).astype(np.float32))
    shelf = np.maximum(shelf, ((x > 0.66) & (y > 0.74) & (y < 0.77)).astype(np.float32))
    leaf = ((x - 0.06) / 0.10) ** 2 + ((y - 0.66) / 0.22) ** 2 < 1
    picture = picture * (1 - room.shelf * _soft(shelf, 0.022 * width)[..., None])
    picture = picture * (
        1 - room.plant * _soft(leaf.astype(np.float32), 0.035 * width)[..., None] * np.array([1.0, 0.72, 0.9])
    )

    for at_x, at_y, size, strength in room.lamps:
        disc = ((x - at_x) ** 2 + (y - at_y) ** 2 < size**2).astype(np.float32)
        halo = np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * (3.2 * size) ** 2))
        picture = picture + glow * strength * (0.45 * _soft(disc, 0.010 * width) + 0.35 * halo)[..., None]
    return _soft(picture, 0.006 * width).astype(np.float32)


def _soft(picture: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), float(sigma)), np.float32)
