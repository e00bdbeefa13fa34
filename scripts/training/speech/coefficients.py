"""Articulation in millimetres to ARKit coefficients of the canonical head. Knows no phones and no time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS
from engines.speech.mouth import canonical_mouth
from scripts.training.speech.curves import Articulation

EYE_CORNERS = 89.2  # mm between the outer corners of the canonical head's eyes: the unit of aperture and width
SMILE_TO_STRETCH = 0.57  # mouthSmile beside mouthStretch where corners are drawn apart
LOWER_TO_UPPER = 1.4  # the lower lip leaves the jaw's line this much more than the upper lip lifts


def coefficients(motion: Articulation, width: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """(frames, 14) in [0, 1] whose aperture on the canonical head is the wanted opening.

    Jaw, rounding, spreading, press and tuck are set first; then the corners of the mouth, where a width is wanted;
    what opening is then missing the lips themselves give, what is too much mouthClose takes away.

    width: (frames,) beyond the resting mouth's, in distances between the eyes; NaN: what the rest makes of it.
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
    if width is not None:
        _widen(column, values, width)
    missing = motion.opening / EYE_CORNERS - values @ canonical_mouth().change[:, 0]
    lift = np.maximum(missing, 0) / (change["mouthUpperUp"] + LOWER_TO_UPPER * change["mouthLowerDown"])
    column["mouthUpperUp"] += lift
    column["mouthLowerDown"] += LOWER_TO_UPPER * lift
    column["mouthClose"][:] = np.maximum(-missing, 0) / -change["mouthClose"]
    return np.clip(values, 0, 1)


def _widen(column: dict[str, NDArray[np.float32]], values: NDArray[np.float32], width: NDArray[np.float32]) -> None:
    """Draw the corners apart or together, in place, to the wanted width, where it is known.

    Spread lips are first let go; what is then still too wide is pursed.
    """
    change = dict(zip(COEFFICIENTS, canonical_mouth().change[:, 1], strict=True))
    beyond = np.where(np.isfinite(width), width - values @ canonical_mouth().change[:, 1], 0)
    spread = change["mouthStretch"] + SMILE_TO_STRETCH * change["mouthSmile"]
    stretch = np.clip(column["mouthStretch"] + beyond / spread, 0, 1)
    beyond = beyond - (stretch - column["mouthStretch"]) * spread
    column["mouthSmile"][:] = np.clip(
        column["mouthSmile"] + SMILE_TO_STRETCH * (stretch - column["mouthStretch"]), 0, 1
    )
    column["mouthStretch"][:] = stretch
    column["mouthPucker"][:] = np.clip(column["mouthPucker"] + np.minimum(beyond, 0) / change["mouthPucker"], 0, 1)
