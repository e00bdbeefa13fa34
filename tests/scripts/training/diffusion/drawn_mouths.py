"""A dataset of mouths drawn by code, in the files that scripts.training.mouth_data.build would write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

SIZE = 32
MIDDLE = 0.55  # where the lips meet, crop units from the top
HALF_WIDTH = 0.25


def write_mouths(folder: Path, counts: dict[str, int]) -> Path:
    """Faces of one colour with an opening of random height; teeth only in the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (split, count) in enumerate(counts.items()):
        rows = [_row(np.random.default_rng([number, row])) for row in range(count)]
        tensors = {name: np.ascontiguousarray(np.stack([row[name] for row in rows])) for name in rows[0]}
        save_file(tensors, folder / f"{split}-0000.safetensors")
    return folder


def face(colour: NDArray[np.floating], height: float, teeth: bool) -> NDArray[np.uint8]:
    """(SIZE, SIZE, 3): height is of the opening, crop units."""
    large = np.empty((4 * SIZE, 4 * SIZE, 3), np.float32)
    large[:] = colour
    scale = 4 * SIZE
    middle, axes = (scale // 2, int(MIDDLE * scale)), (int(HALF_WIDTH * scale), max(1, int(height / 2 * scale)))
    cv2.ellipse(large, middle, axes, 0, 0, 360, (30, 10, 10), -1)
    if teeth:
        cv2.ellipse(large, middle, (axes[0] * 2 // 3, max(1, axes[1] // 2)), 0, 180, 360, (230, 230, 220), -1)
    return np.asarray(cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def lip_landmarks(height: float) -> NDArray[np.float32]:
    """(20, 2): the inner contour on the opening, the outer one around it."""

    def ring(wide: float, high: float, count: int) -> NDArray[np.floating]:
        turn = np.pi + 2 * np.pi * np.arange(count) / count
        return np.stack([0.5 + wide * np.cos(turn), MIDDLE + high * np.sin(turn)], axis=1)

    inner, outer = ring(HALF_WIDTH, height / 2, 8), ring(1.2 * HALF_WIDTH, height / 2 + 0.06, 12)
    return np.concatenate([outer, inner]).astype(np.float32)


def _row(draw: np.random.Generator) -> dict[str, Any]:
    colour, height = draw.uniform(80, 220, 3), float(draw.uniform(0.02, 0.3))
    target = face(colour, height, teeth=True)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[4:-4, 4:-4] = 255
    inside = (np.abs(target.astype(int) - np.rint(colour)).max(axis=2) > 8).astype(np.uint8) * 255
    return {
        "reference": face(colour, 0.0, teeth=False),
        "structure": face(colour, height, teeth=False),
        "target": target,
        "mask": mask,
        "regions": np.stack([np.zeros_like(mask), np.zeros_like(mask), inside], axis=2),
        "landmarks": lip_landmarks(height),
        "interocular": np.float32(0.72),
    }
