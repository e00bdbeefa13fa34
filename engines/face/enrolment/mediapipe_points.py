"""Which of the face landmarker's 478 points are which of our curves. Knows nothing of how they are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.landmarks import FaceLandmarks, from_curves

# The landmarker's numbers: its documentation's map of the face mesh.
NUMBERS: dict[str, tuple[int, ...]] = {
    "lip_outer_upper": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    "lip_outer_lower": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    "lip_inner_upper": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    "lip_inner_lower": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    "left_eye_upper": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "left_eye_lower": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "right_eye_upper": (362, 398, 384, 385, 386, 387, 388, 466, 263),
    "right_eye_lower": (362, 382, 381, 380, 374, 373, 390, 249, 263),
    "left_brow": (70, 63, 105, 66, 107),
    "right_brow": (336, 296, 334, 293, 300),
    "nose_ridge": (168, 197, 195, 4),
    "nose_base": (98, 2, 327),
    "jaw": (
        127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
        377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356,
    ),
}  # fmt: skip


def face_of(points: NDArray[np.floating]) -> FaceLandmarks:
    """(478, 2) pixels → the curves."""
    found = points.astype(np.float64)
    return FaceLandmarks(from_curves({name: found[list(numbers)] for name, numbers in NUMBERS.items()}))
