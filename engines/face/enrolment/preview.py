"""A sheet of an avatar's mouth shapes, to judge it by. Knows nothing of sound and of files."""

from __future__ import annotations

import numpy as np

from engines.arrays import U8
from engines.face.avatar import FaceAvatar
from engines.face.interior import MouthInteriorTextures
from engines.face.mouth_canvas import MouthCanvas
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


def contact_sheet(avatar: FaceAvatar) -> U8:
    """The avatar in SHAPES, at moments of its loop: (2 · height, 3 · width, 3) uint8 RGB."""
    canvas = MouthCanvas(avatar, MouthInteriorTextures())
    frames = [number * len(avatar.loop) // len(SHAPES) for number in range(len(SHAPES))]
    pictures = [canvas.compose(frame, _motion(shape)).rgb for frame, shape in zip(frames, SHAPES, strict=True)]
    rows = [np.hstack(pictures[start : start + COLUMNS]) for start in range(0, len(pictures), COLUMNS)]
    return np.vstack(rows)


def _motion(shape: dict[str, float]) -> LipMotion:
    values = np.array([shape.get(name, 0.0) for name in COEFFICIENTS], np.float32)
    return LipMotion(values, 0.0, 0.0, np.eye(len(VISEMES), dtype=np.float32)[0])
