"""A sheet of an avatar's mouth shapes, to judge it by. Knows nothing of sound and of files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, blend, mask_in_window
from engines.face.structurist import Structurist
from engines.motion import COEFFICIENTS, VISEMES, LipMotion

COLUMNS = 3

# What a viewer looks for: lips shut, the open vowels, the round ones, the wide one, lips pressed, teeth on the lip.
SHAPES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.22, "mouthLowerDown": 0.15},
    {"jawOpen": 0.45, "mouthUpperUp": 0.15, "mouthLowerDown": 0.2},
    {"jawOpen": 0.12, "mouthPucker": 0.6, "mouthFunnel": 0.25},
    {"jawOpen": 0.1, "mouthStretch": 0.4, "mouthSmile": 0.3, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    {"jawOpen": 0.1, "mouthRollLower": 0.5, "mouthUpperUp": 0.25},
)


def contact_sheet(avatar: FaceAvatar) -> NDArray[np.uint8]:
    """The avatar in SHAPES, at moments of its loop: (2 · height, 3 · width, 3) uint8 RGB."""
    windows = Windows(avatar)
    scale = float(np.sqrt(np.abs(np.linalg.det(avatar.face.alignment[0, :, :2].astype(np.float64)))))
    structurist = Structurist(avatar.face, windows.height, windows.width, scale)
    pictures = []
    for number, shape in enumerate(SHAPES):
        frame = number * len(avatar.loop) // len(SHAPES)
        picture: NDArray[np.uint8] = avatar.loop[frame].copy()
        to_window = windows.to_window(avatar, frame)
        drawn = structurist.draw(avatar.loop[frame], avatar.face.alignment[frame], to_window, _motion(shape))
        blend(picture, drawn, mask_in_window(avatar.face.mask, to_window, *drawn.shape[:2]), windows.origin(frame))
        pictures.append(picture)
    rows = [np.hstack(pictures[start : start + COLUMNS]) for start in range(0, len(pictures), COLUMNS)]
    return np.vstack(rows)


def _motion(shape: dict[str, float]) -> LipMotion:
    values = np.array([shape.get(name, 0.0) for name in COEFFICIENTS], np.float32)
    return LipMotion(values, 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[0])
