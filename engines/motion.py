"""Lip motion: what the mouth does in one video frame. The one representation that every engine takes.

Knows nothing of sound and nothing of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# ARKit's names; left and right are tied. The order is the order of every array of coefficients.
COEFFICIENTS: tuple[str, ...] = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthStretch",
    "mouthSmile",
    "mouthPress",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthUpperUp",
    "mouthLowerDown",
    "tongueOut",
)

# The Oculus viseme set.
VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LipMotion:
    """One video frame of articulation.

    coefficients: (14,) float32 in [0, 1], in the order of COEFFICIENTS.
    aperture, width: inner-lip opening and mouth width of the canonical head, in inter-ocular distances.
    visemes: (15,) float32, non-negative and summing to 1, in the order of VISEMES.
    """

    coefficients: NDArray[np.float32]
    aperture: float
    width: float
    visemes: NDArray[np.float32]

    @property
    def at_rest(self) -> bool:
        """Whether every coefficient is 0: the mouth is the idle loop's own."""
        return not self.coefficients.any()
