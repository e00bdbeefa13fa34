"""Which square of a picture the avatar shows: head and shoulders. Knows nothing of pixels' colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.arrays import F64, U8
from engines.face.enrolment.landmarks import FaceLandmarks

SIZE = 512  # pixels of the avatar's frame, either side
WANTED = 112.0  # pixels of an inter-ocular distance in it, about as of the presenters that ship
ENLARGED = 1.6  # at most; beyond, a portrait looks soft
MARGIN = 40  # pixels of the frame's scale around it that are kept, for what movement brings into view
EYE_LINE = 0.40  # how far down in the frame the eyes are


@dataclass(frozen=True, slots=True)
class Framing:
    """A square of the picture: left, top and side in its pixels, becomes the frame of SIZE × SIZE."""

    left: float
    top: float
    side: float

    @property
    def scale(self) -> float:
        return SIZE / self.side

    @property
    def box(self) -> tuple[float, float, float]:
        return self.left, self.top, self.side

    @property
    def to_frame(self) -> F64:
        """(2, 3): pixels of the picture to pixels of the frame."""
        return self.scale * np.array([[1.0, 0.0, -self.left], [0.0, 1.0, -self.top]])


def frame_face(face: FaceLandmarks, width: float, height: float) -> Framing:
    """The square for a face in a picture of that size; as near to the ideal one as the picture allows."""
    side = SIZE * max(face.interocular / WANTED, 1 / ENLARGED)
    side = min(side, width, height)
    eyes = face.eye_corners.mean(axis=0)
    jaw = face.curve("jaw")[:, 0]
    middle = (eyes[0] + (jaw.min() + jaw.max()) / 2) / 2
    left = float(np.clip(middle - side / 2, 0, width - side))
    top = float(np.clip(eyes[1] - EYE_LINE * side, 0, height - side))
    return Framing(left, top, side)


def enlarged(image: U8, framing: Framing) -> tuple[U8, F64]:
    """The framing's square with a MARGIN around it at the frame's scale, and (2, 3) the way there from image."""
    scale = framing.scale
    corner = np.array([framing.left, framing.top]) - MARGIN / scale
    side = SIZE + 2 * MARGIN
    to_near = scale * np.array([[1.0, 0.0, -corner[0]], [0.0, 1.0, -corner[1]]])
    if scale < 1:  # a warp looks at a few pixels only: blur away what would alias
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    pixels = to_near.copy()
    pixels[:, 2] += 0.5 * scale - 0.5
    flags = cv2.INTER_CUBIC
    near = cv2.warpAffine(image, pixels, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(near, np.uint8), to_near
