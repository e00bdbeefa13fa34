"""Where an avatar's mouth is in the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.face.avatar import FaceAvatar


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture, pixels; it holds the inside of an open mouth."""

    x: int
    y: int
    width: int
    height: int


def mouth_box(avatar: FaceAvatar) -> Box:
    """Around the inner lips of all frames of the loop, reaching down as far as the lips open."""
    face = avatar.face
    lips = face.mesh[np.concatenate([face.inner_upper, face.inner_lower])]
    points = np.einsum("nij,vj->nvi", face.alignment, np.column_stack([lips, np.ones(len(lips))]))
    left, top = points.min(axis=(0, 1))
    right, bottom = points.max(axis=(0, 1))
    # An open mouth is about as high as half its width; the lower lip, which darkens it too, is below.
    middle, width, height = (left + right) / 2, (right - left) / 2, max(8.0, (right - left) / 2)
    return Box(int(middle - width / 2), int(top), int(width), int(bottom - top + height))
