"""Opening and width of the canonical head's mouth from the coefficients. Knows no sound.

The table is measured on the ICT head by scripts/training/speech/mouth_table.py; the head's shapes are
linear, so it is exact there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS, VISEMES, LipMotion

# Belief in p b m from which the lips begin to shut, and at which they are shut: the mean of open and shut, which a
# network trained on squares gives where it is unsure, is a mouth ajar that no talker shows.
SHUTTING, SHUT = 0.15, 0.4
TUCKING, TUCKED = 0.45, 0.7  # likewise in f v, and the lower lip under the teeth: rarer, and taken for breath and noise
FULL_TUCK = 0.65  # mouthRollLower
PRESSED = 0.20  # mouthRollLower of pressed lips: those of p b m are not tucked too, as a mean of p b m and f v would be
# Training hears f v so much oftener than speech has them, beside p b m (RARE of scripts/training/speech/batches.py).
OFTENER = 1.8
TUCK_APERTURE = 0.018  # in distances between the eyes: 1.6 mm are left for the breath
# A network trained on squares rounds lips too little where it is unsure: by least squares mouthPucker lacks a factor of
# 1.09 over voices, 1.13 over a synthesiser and 1.09 over a person, none of whom it has heard; most roundings are found
# from 1.15 on.
FULLER = 1.15
RESTING, RESTS = 0.5, 0.8  # likewise in silence, and lips at rest, …
AT_REST, PARTED = 0.012, 0.024  # … if they are no more than ajar: apertures below which they close, and that they keep
_CLOSING_VISEME, _TUCKING_VISEME, _SILENCE = VISEMES.index("PP"), VISEMES.index("FF"), VISEMES.index("sil")
_CLOSE, _ROLL_LOWER, _PUCKER = (COEFFICIENTS.index(f"mouth{name}") for name in ("Close", "RollLower", "Pucker"))

TABLE = Path(__file__).with_name("canonical_mouth.json")


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalMouth:
    """value = rest + coefficients @ change, in distances between the outer corners of the eyes.

    rest: (2,) aperture and width of the resting face; change: (14, 2).
    """

    rest: NDArray[np.float32]
    change: NDArray[np.float32]

    def measure(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 14) coefficients to (..., 2): aperture and width, at least 0 (aperture 0: at rest)."""
        measured: NDArray[np.float32] = np.maximum(coefficients @ self.change + self.rest, 0)
        return measured


@cache
def canonical_mouth() -> CanonicalMouth:
    """The table that ships. The resting lips' own parting of 0.9 % counts as closed."""
    table = json.loads(TABLE.read_text())
    change = np.array([[table[axis][name] for axis in ("aperture", "width")] for name in COEFFICIENTS], np.float32)
    return CanonicalMouth(np.array([0.0, table["rest"]["width"]], np.float32), change)


def lip_motion(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> LipMotion:
    """A motion whose aperture and width follow from its coefficients: (14,) in [0, 1], (15,) summing to 1."""
    aperture, width = canonical_mouth().measure(coefficients)
    return LipMotion(coefficients, float(aperture), float(width), visemes)


def shut_at_closures(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> None:
    """Shut the lips, in place, as far as the visemes say p b m, and take back the tuck of f v where these are less
    likely; the jaw stays where it is."""
    belief = _share(visemes[_CLOSING_VISEME], SHUTTING, SHUT)
    _narrow(coefficients, belief, 0.0)
    if OFTENER * visemes[_CLOSING_VISEME] > visemes[_TUCKING_VISEME]:
        coefficients[_ROLL_LOWER] -= belief * max(coefficients[_ROLL_LOWER] - PRESSED, 0.0)


def tuck_at_labiodentals(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> None:
    """Draw the lower lip to the upper teeth, in place, as far as the visemes say f v."""
    belief = _share(visemes[_TUCKING_VISEME], TUCKING, TUCKED)
    coefficients[_ROLL_LOWER] = max(coefficients[_ROLL_LOWER], belief * FULL_TUCK)
    _narrow(coefficients, belief, TUCK_APERTURE)


def round_fully(coefficients: NDArray[np.float32]) -> None:
    """Round the lips, in place, as far as a network that is sure would."""
    coefficients[_PUCKER] = min(coefficients[_PUCKER] * FULLER, 1.0)


def rest_in_silence(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> None:
    """Bring lips that are hardly parted to rest, in place, as far as the visemes say silence: noise does not stir them,
    and no shape of what was said last lingers."""
    ajar = float(canonical_mouth().measure(coefficients)[0])
    coefficients *= 1 - _share(visemes[_SILENCE], RESTING, RESTS) * (1 - _share(ajar, AT_REST, PARTED))


def _share(value: float, begins: float, full: float) -> float:
    """How far a value has come on the way between two others, 0 to 1."""
    return min(max((float(value) - begins) / (full - begins), 0.0), 1.0)


def _narrow(coefficients: NDArray[np.float32], share: float, least: float) -> None:
    """Take away, in place, a share of what the aperture is above the least."""
    if share:
        mouth = canonical_mouth()
        more = share * max(mouth.measure(coefficients)[0] - least, 0.0) / -mouth.change[_CLOSE, 0]
        coefficients[_CLOSE] = min(coefficients[_CLOSE] + more, 1.0)


def closed_mouth() -> LipMotion:
    """The mouth at rest, as in silence."""
    visemes = np.zeros(len(VISEMES), np.float32)
    visemes[VISEMES.index("sil")] = 1
    return lip_motion(np.zeros(len(COEFFICIENTS), np.float32), visemes)
