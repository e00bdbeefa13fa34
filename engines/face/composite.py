"""Puts a drawn mouth into the presenter's idle loop, feathered. Knows nothing of how the mouth was drawn."""

from __future__ import annotations

import cv2
import numpy as np

from engines.api import Box
from engines.arrays import F32, F64, U8
from engines.face.avatar import FaceAvatar
from engines.face.geometry import HALF_PIXEL, to_pixels


class Windows:
    """Where in each frame of the loop the mouth's crop lies: upright rectangles of one size.

    height, width: pixels. The rectangle of a frame holds its whole crop, as far as the frame does.
    """

    __slots__ = ("_origins", "height", "width")

    def __init__(self, avatar: FaceAvatar) -> None:
        square = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], np.float64)
        corners = np.einsum("nij,kj->nki", avatar.face.alignment.astype(np.float64), square)
        low, high = np.floor(corners.min(axis=1)), np.ceil(corners.max(axis=1))
        width, height = (int(size) for size in (high - low).max(axis=0))
        self.width, self.height = min(width, avatar.width), min(height, avatar.height)
        room = (avatar.width - self.width, avatar.height - self.height)
        self._origins = np.clip(low, 0, room).astype(int)

    def origin(self, frame: int) -> tuple[int, int]:
        """Left and top of the rectangle in that frame of the loop."""
        left, top = self._origins[frame]
        return int(left), int(top)

    def box(self, frame: int) -> Box:
        """The rectangle in that frame of the loop."""
        return Box(*self.origin(frame), self.width, self.height)

    def to_window(self, avatar: FaceAvatar, frame: int) -> F64:
        """(2, 3): crop coordinates to coordinates of the rectangle."""
        affine: F64 = avatar.face.alignment[frame].astype(np.float64)
        affine[:, 2] -= self._origins[frame]
        return affine


def blend(frame: U8, drawn: U8, mask: U8, origin: tuple[int, int]) -> None:
    """Lay drawn (h, w, 3) over frame at origin (left, top), in place, weighted by mask (h, w) uint8.

    Exact at both ends: where the mask is 0 the frame keeps its pixels, where it is 255 it takes the drawn ones, and
    where both agree nothing changes.
    """
    left, top = origin
    window = frame[top : top + drawn.shape[0], left : left + drawn.shape[1]]
    weight = cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB)
    above = cv2.multiply(drawn, weight, dtype=cv2.CV_16U)
    below = cv2.multiply(window, cv2.bitwise_not(weight), dtype=cv2.CV_16U)
    # Their sum is at most 255 · 255; a whole number over 255 is never half-way between two others.
    cv2.convertScaleAbs(cv2.add(above, below), dst=window, alpha=1 / 255)


def mask_in_window(mask: U8, to_window: F64, height: int, width: int) -> U8:
    """The crop's mask (M, M) as it lies in the rectangle: (height, width) uint8, 0 outside the crop."""
    size = mask.shape[0]
    # cv2 puts a pixel's centre at 0, the coordinates put it at ½.
    pixels = to_window @ np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size], [0, 0, 1]])
    pixels[:, 2] -= 0.5
    placed = cv2.warpAffine(mask, pixels, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(placed, np.uint8)


def add_residual(drawn: U8, residual: F32, to_window: F64) -> U8:
    """drawn (h, w, 3) plus the crop's residual (S, S, 3), in grey levels, placed where the crop is.

    to_window: (2, 3), crop coordinates to coordinates of drawn. Where the residual is 0, drawn stays bit for bit.
    """
    height, width = drawn.shape[:2]
    pixels = to_pixels(to_window, residual.shape[0]) - HALF_PIXEL
    placed = cv2.warpAffine(residual, pixels, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(drawn, placed, dtype=cv2.CV_8U), np.uint8)
