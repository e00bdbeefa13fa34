"""What lies behind a head, out of focus: soft gradients, blots and stripes. Knows nothing of the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def random_backdrop(draw: np.random.Generator, size: int) -> NDArray[np.float32]:
    """(size, size, 3) linear RGB radiance."""
    base = np.exp(draw.uniform(np.log(0.02), np.log(0.9))) * np.exp(draw.normal(0, 0.2, 3))
    grid = int(draw.integers(2, 9))
    blots = np.exp(draw.normal(0, draw.uniform(0, 0.7), (grid, grid, 1)) + draw.normal(0, 0.15, (grid, grid, 3)))
    soft = cv2.resize((base * blots).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    if draw.random() < 0.35:
        soft = _hair_beside(soft, draw)
    return np.asarray(np.clip(soft, 0, 3))


def _hair_beside(picture: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """Long hair hangs behind the jaw: streaks from top to bottom on both sides."""
    size = picture.shape[0]
    colour = np.exp(draw.uniform(np.log(0.012), np.log(0.35))) * np.array(
        [1.0, draw.uniform(0.6, 0.9), draw.uniform(0.3, 0.8)]
    )
    streaks = cv2.resize(draw.uniform(0.5, 1.5, (6, size // 3)).astype(np.float32), (size, size))
    place = np.abs((np.arange(size) + 0.5) / size - 0.5)
    side = np.clip((place - draw.uniform(0.2, 0.4)) / 0.03, 0, 1) * np.clip(
        (draw.uniform(0.45, 0.6) - place) / 0.05, 0, 1
    )
    share = side[None, :, None].astype(np.float32)
    return np.asarray(picture + share * (colour * streaks[..., None] - picture), np.float32)
