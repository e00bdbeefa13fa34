"""The frames between traced ones: neighbours, carried along known motion, and averaged. Knows no heads.

A presenter at rest moves by a fraction of a pixel a frame, and how is known exactly. So each frame is a mean of the
traced ones nearest in time, each resampled to where its surfaces are now; the traced ones themselves are treated alike,
or sharpness would beat.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 8  # pixels: motion is splatted on a grid of such squares
SPREAD = 1.3  # cells over which known motion spreads to where none is known, as beyond an outline
STILL = 0.02  # how much a cell counts as still, beside one known point; what is far from all points is still
FAINT = 1e-3  # weights below are left out

Picture = NDArray[np.uint8]


def key_numbers(frames: int, step: int) -> list[int]:
    """About every step-th of the frames of a loop, evenly round it; all of them when they are too few for a mean."""
    count = round(frames / step)
    return [round(index * frames / count) for index in range(count)] if count >= 4 else list(range(frames))


def key_weights(frames: int, keys: list[int]) -> NDArray[np.float64]:
    """(frames, keys): how much of each key is in each frame, by cubic B-splines round the loop; rows sum to 1."""
    place = np.interp(np.arange(frames), [*keys, frames], np.arange(len(keys) + 1))
    gap = np.abs(place[:, None] - np.arange(len(keys)))
    gap = np.minimum(gap, len(keys) - gap)
    near, far = 2 / 3 - gap**2 + gap**3 / 2, np.clip(2 - gap, 0, None) ** 3 / 6
    return np.asarray(np.where(gap < 1, near, far))


def interpolate(pictures: Mapping[int, Picture], motion_vectors: NDArray[np.floating]) -> list[Picture]:
    """All frames of a loop. pictures: (H, W, 3) of the keys by number; tracks: (frames, points, 2), where points that
    are seen lie in each frame, in pixels (x, y), centres at ½."""
    keys = sorted(pictures)
    if len(keys) == len(motion_vectors):
        return [pictures[key] for key in keys]
    weights = key_weights(len(motion_vectors), keys)
    shape = pictures[keys[0]].shape[:2]
    made = []
    for number, now in enumerate(motion_vectors):
        mean = np.zeros((*shape, 3), np.float32)
        for key, weight in zip(keys, weights[number], strict=True):
            if weight > FAINT:
                mean += np.float32(weight) * _warped(pictures[key], now, motion_vectors[key])
        total = weights[number][weights[number] > FAINT].sum()
        made.append(np.clip(np.round(mean / np.float32(total)), 0, 255).astype(np.uint8))
    return made


def _warped(picture: Picture, now: NDArray[np.floating], then: NDArray[np.floating]) -> NDArray[np.float32]:
    """A picture (H, W, 3) of points at `then`, resampled so that they lie at `now`."""
    height, width = picture.shape[:2]
    if np.array_equal(now, then):
        return picture.astype(np.float32)
    offset = dense_flow(now, then - now, height, width)
    column, row = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    column, row = column + offset[..., 0], row + offset[..., 1]
    # In 8 bits, as it is: several times quicker, and the mean of several has finer steps.
    carried = cv2.remap(picture, column, row, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(carried, np.float32)


def dense_flow(
    points: NDArray[np.floating], values: NDArray[np.floating], height: int, width: int
) -> NDArray[np.float32]:
    """Values (N, 2) known at points (N, 2), in pixels, spread smoothly over a picture: (height, width, 2)."""
    rows, columns = -(-height // CELL), -(-width // CELL)
    x, y = (points / CELL).T
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    cell = y[inside].astype(np.int64) * columns + x[inside].astype(np.int64)
    grid = np.stack(
        [np.bincount(cell, part, rows * columns) for part in (np.ones(inside.sum()), *values[inside].T)], axis=1
    )
    known = np.minimum(grid[:, :1], 1.0)
    mean = grid[:, 1:] / np.maximum(grid[:, :1], 1.0)
    spread = cv2.GaussianBlur(np.concatenate([known, mean * known], axis=1).reshape(rows, columns, 3), (0, 0), SPREAD)
    coarse = (spread[..., 1:] / (spread[..., :1] + STILL)).astype(np.float32)
    # The grid's values belong to the middles of its cells, as resizing takes them.
    full = cv2.resize(coarse, (columns * CELL, rows * CELL), interpolation=cv2.INTER_CUBIC)
    return np.asarray(full[:height, :width], np.float32)
