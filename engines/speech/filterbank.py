"""The plain lip encoder: energies to opening, width and rounding. Knows no phonemes, needs no weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.api import FRAME_SAMPLES
from engines.speech.features import FEATURES, MELS, LogMel, Normaliser, silence_invalid
from engines.speech.mouth import closed_mouth, lip_motion

HOPS = 4  # feature frames of one video frame
LOW = slice(4, 14)  # bands of about 250-1000 Hz: first formant, rises with the jaw
MIDDLE = slice(20, 30)  # about 1.7-3.7 kHz: second and third formant, fall with rounding
SPEECH_LEVEL = 1.0  # of the level over the noise floor (two nepers, less two): speech begins
FULL_OPENING = 0.45  # jawOpen of the loudest vowel
SMOOTHING = 0.6  # of the step towards each new opening: lips do not jump within one frame


@dataclass(slots=True)
class FilterbankStream:
    """One session's level, noise floor and the frames still waiting for their look-ahead."""

    lookahead_frames: int
    invalid_samples: int = 0
    _mel: LogMel = field(default_factory=LogMel)
    _normaliser: Normaliser = field(default_factory=Normaliser)
    _waiting: list[NDArray[np.float32]] = field(default_factory=list)
    _shape: NDArray[np.float32] = field(default_factory=lambda: np.zeros(3, np.float32))

    def step(self, samples: NDArray[np.float32]) -> LipMotion:
        if samples.shape != (FRAME_SAMPLES,) or samples.dtype.kind != "f":
            raise ValueError(f"expected ({FRAME_SAMPLES},) float samples, got {samples.shape} {samples.dtype}")
        heard, invalid = silence_invalid(samples.astype(np.float32, copy=False))
        self.invalid_samples += invalid
        features = self._normaliser.step(self._mel.step(heard))
        self._waiting.append(_shape_of(features))
        if len(self._waiting) <= self.lookahead_frames:
            return closed_mouth()
        # The loudest of this frame and the one after: lips open before the sound does.
        target = np.mean(self._waiting[:2], axis=0)
        self._shape += np.float32(SMOOTHING) * (target - self._shape)
        self._waiting.pop(0)
        return _motion(*self._shape)

    def reset(self) -> None:
        self._mel.reset()
        self._normaliser.reset()
        self._waiting.clear()
        self._shape[:] = 0


@dataclass(frozen=True, slots=True)
class FilterbankEncoder:
    """Opening follows the first formant's band, rounding its weight over the second's."""

    lookahead_frames: int

    def open(self) -> FilterbankStream:
        return FilterbankStream(self.lookahead_frames)


def _shape_of(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(4, FEATURES) to (3,) opening, rounding and spreading in [0, 1] of one frame."""
    assert features.shape == (HOPS, FEATURES)
    mean = features.mean(axis=0)
    speech = float(np.clip(mean[MELS + 1] - SPEECH_LEVEL, 0, 1)) * float(np.clip(mean[MELS] + 3, 0, 1))
    low, middle = float(mean[LOW].mean()), float(mean[MIDDLE].mean())
    opening = speech * float(np.clip(0.45 + 0.4 * low, 0, 1))
    tilt = low - middle
    return np.array([opening, speech * np.clip(tilt, 0, 1), speech * np.clip(-tilt, 0, 1)], np.float32)


def _motion(opening: float, rounding: float, spreading: float) -> LipMotion:
    coefficients = np.zeros(len(COEFFICIENTS), np.float32)
    for name, value in {
        "jawOpen": FULL_OPENING * opening * (1 - 0.5 * rounding),
        "mouthPucker": 0.6 * rounding,
        "mouthFunnel": 0.2 * rounding,
        "mouthStretch": 0.3 * spreading,
        "mouthLowerDown": 0.2 * opening,
    }.items():
        coefficients[COEFFICIENTS.index(name)] = value
    weights = {
        "sil": 1 - min(1.0, 3 * opening),
        "aa": opening,
        "ou": rounding * opening,
        "ih": spreading * opening,
    }
    visemes = np.array([weights.get(name, 0.0) for name in VISEMES], np.float32) + np.float32(1e-6)
    return lip_motion(coefficients, visemes / visemes.sum())
