"""Opening and width of the canonical head's mouth from the coefficients. Knows no audio.

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

# Posterior of p b m at which the lips begin to close, and at which they are closed. A network trained on squared error
# gives the mean of open and closed where it is unsure; no talker shows that half-open mouth.
CLOSURE_START, CLOSURE_FULL = 0.15, 0.4
TUCK_START, TUCK_FULL = 0.45, 0.7  # the same for f v: they are rarer and are confused with breath and noise
TUCK_ROLL_LOWER = 0.65  # mouthRollLower of a full f or v
PRESS_ROLL_LOWER = 0.20  # mouthRollLower of pressed lips: p b m are not tucked, although the mean of p b m and f v is
# Ratio of training to natural frequency of f v relative to p b m (RARE of scripts/training/speech/batches.py).
VISEME_PRIOR_RATIO = 1.8
TUCK_APERTURE = 0.018  # in distances between the eyes: 1.6 mm remain for the air
# A network trained on squared error rounds the lips too little where it is unsure. The least-squares factor of
# mouthPucker is 1.09 over held-out voices, 1.13 over a held-out synthesiser and 1.09 over a held-out person; the share
# of roundings found stops rising at 1.15.
PUCKER_GAIN = 1.15
SILENCE_START, SILENCE_FULL = 0.5, 0.8  # posterior of silence at which lips begin to rest, and at which they rest ...
REST_APERTURE, REST_APERTURE_MAX = 0.012, 0.024  # ... up to which aperture fully, and from which aperture not at all
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
    """Close the lips, in place, by the posterior of p b m, and undo the tuck of f v where f v is less likely.

    The jaw is not changed.
    """
    posterior = _share(visemes[_CLOSING_VISEME], CLOSURE_START, CLOSURE_FULL)
    _narrow(coefficients, posterior, 0.0)
    if VISEME_PRIOR_RATIO * visemes[_CLOSING_VISEME] > visemes[_TUCKING_VISEME]:
        coefficients[_ROLL_LOWER] -= posterior * max(coefficients[_ROLL_LOWER] - PRESS_ROLL_LOWER, 0.0)


def tuck_at_labiodentals(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> None:
    """Move the lower lip to the upper teeth, in place, by the posterior of f v."""
    posterior = _share(visemes[_TUCKING_VISEME], TUCK_START, TUCK_FULL)
    coefficients[_ROLL_LOWER] = max(coefficients[_ROLL_LOWER], posterior * TUCK_ROLL_LOWER)
    _narrow(coefficients, posterior, TUCK_APERTURE)


def round_fully(coefficients: NDArray[np.float32]) -> None:
    """Scale mouthPucker, in place, by PUCKER_GAIN, to at most 1."""
    coefficients[_PUCKER] = min(coefficients[_PUCKER] * PUCKER_GAIN, 1.0)


def rest_in_silence(coefficients: NDArray[np.float32], visemes: NDArray[np.float32]) -> None:
    """Bring lips of a small aperture to rest, in place, by the posterior of silence.

    Noise does not move them, and the shape of the last sound does not remain.
    """
    aperture = float(canonical_mouth().measure(coefficients)[0])
    small = 1 - _share(aperture, REST_APERTURE, REST_APERTURE_MAX)
    coefficients *= 1 - small * _share(visemes[_SILENCE], SILENCE_START, SILENCE_FULL)


def _share(value: float, begins: float, full: float) -> float:
    """Position of a value between two others, clipped to 0 to 1."""
    return min(max((float(value) - begins) / (full - begins), 0.0), 1.0)


def _narrow(coefficients: NDArray[np.float32], share: float, least: float) -> None:
    """Remove, in place, a share of the aperture above the least."""
    if share:
        mouth = canonical_mouth()
        more = share * max(mouth.measure(coefficients)[0] - least, 0.0) / -mouth.change[_CLOSE, 0]
        coefficients[_CLOSE] = min(coefficients[_CLOSE] + more, 1.0)


def closed_mouth() -> LipMotion:
    """The mouth at rest, as in silence."""
    visemes = np.zeros(len(VISEMES), np.float32)
    visemes[VISEMES.index("sil")] = 1
    return lip_motion(np.zeros(len(COEFFICIENTS), np.float32), visemes)
