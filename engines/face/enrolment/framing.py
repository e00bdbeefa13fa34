"""Which square of a picture the avatar shows: head and shoulders. Knows nothing of pixels' colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.landmarks import FaceLandmarks

SIZE = 512  # pixels of the avatar's frame, either side
WANTED = 112.0  # pixels of an inter-ocular distance in it, about as of the presenters that ship
ENLARGED = 1.6  # at most; beyond, a portrait looks soft
EYE_LINE = 0.40  # how far down in the frame the eyes are

Floats = NDArray[np.float64]


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
    def to_frame(self) -> Floats:
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
