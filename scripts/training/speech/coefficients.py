"""Articulation in millimetres to ARKit coefficients of the canonical head. Knows no phones and no time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.curves import Articulation

EYE_CORNERS = 89.2  # mm between the outer corners of the canonical head's eyes: the unit of aperture and width
LOWER_TO_UPPER = 1.4  # the lower lip leaves the jaw's line this much more than the upper lip lifts


def coefficients(motion: Articulation) -> NDArray[np.float32]:
    """(frames, 14) in [0, 1] whose aperture on the canonical head is the wanted opening.

    Jaw, rounding, spreading, press and tuck are set first; what opening is then missing the lips themselves give,
    what is too much mouthClose takes away.
    """
    values = np.zeros((len(motion.opening), len(COEFFICIENTS)), np.float32)
    column = {name: values[:, i] for i, name in enumerate(COEFFICIENTS)}
    change = dict(zip(COEFFICIENTS, canonical_mouth().change[:, 0], strict=True))
    column["jawOpen"][:] = motion.jaw / EYE_CORNERS / change["jawOpen"]
    column["mouthPucker"][:] = 0.75 * motion.rounding
    column["mouthFunnel"][:] = 0.30 * motion.rounding
    column["mouthShrugUpper"][:] = 0.10 * motion.rounding
    column["mouthStretch"][:] = 0.35 * motion.spreading
    column["mouthSmile"][:] = 0.20 * motion.spreading
    column["mouthPress"][:] = 0.35 * motion.press
    column["mouthRollUpper"][:] = 0.25 * motion.press
    column["mouthRollLower"][:] = 0.20 * motion.press + 0.65 * motion.tuck
    column["mouthShrugLower"][:] = 0.10 * motion.press
    column["mouthUpperUp"][:] = 0.20 * motion.tuck
    column["tongueOut"][:] = 0.30 * motion.tongue
    missing = motion.opening / EYE_CORNERS - values @ canonical_mouth().change[:, 0]
    lift = np.maximum(missing, 0) / (change["mouthUpperUp"] + LOWER_TO_UPPER * change["mouthLowerDown"])
    column["mouthUpperUp"] += lift
    column["mouthLowerDown"] += LOWER_TO_UPPER * lift
    column["mouthClose"][:] = np.maximum(-missing, 0) / -change["mouthClose"]
    return np.clip(values, 0, 1)
