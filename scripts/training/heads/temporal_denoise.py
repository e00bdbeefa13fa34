"""Takes the shimmer of hair and brows out of a loop: a short average over time. Knows nothing of heads.

The head sways by less than a fifth of a pixel a frame, so five frames blur nothing; eyes move fast and are spared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16


def temporal_denoise(
    frames: Sequence[NDArray[np.uint8]], fast: NDArray[np.floating], moving: NDArray[np.floating]
) -> list[NDArray[np.uint8]]:
    """Frames (N of (H, W, 3)) of a loop, each averaged with its neighbours round the loop.

    fast: (H, W) in [0, 1], where things may move fast; moving: (N,) in [0, 1], how much they do around each frame.
    """
    count, reach = len(frames), len(TAPS) // 2
    steadied = []
    for index, frame in enumerate(frames):
        mean = np.zeros(frame.shape, np.float32)
        for tap, offset in zip(TAPS, range(-reach, reach + 1), strict=True):
            mean += tap * frames[(index + offset) % count]
        spared = (fast * moving[index])[..., None]
        steadied.append(np.round(mean + spared * (frame - mean)).astype(np.uint8))
    return steadied


def movement(values: NDArray[np.floating], threshold: float) -> NDArray[np.float64]:
    """(N, K) values of a loop → (N,): 1 where any changes by threshold or more from frame to frame near by."""
    step = np.abs(np.diff(np.concatenate([values, values[:1]]), axis=0)).max(axis=1)  # from each frame to the next
    reach = len(TAPS) // 2
    near = np.max([np.roll(step, offset) for offset in range(-reach + 1, reach + 1)], axis=0)
    return np.asarray(np.clip(near / threshold, 0, 1))
