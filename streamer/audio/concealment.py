"""Conceals missing audio and shortens surplus audio, by pitch. Knows nothing of packets or of time.

The idea is that of ITU-T G.711 Appendix I and of overlap-add time scaling (WSOLA): a voice repeats itself
every pitch period, so a period more or a period less is hardly heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz
MIN_PERIOD = 120  # samples: 2.5 ms, a voice of 400 Hz
MAX_PERIOD = 720  # samples: 15 ms, a voice of 67 Hz
OVERLAP = 240  # samples: 5 ms, long enough that a join is not a click
HISTORY = 3 * MAX_PERIOD
HOLD = 960  # samples (20 ms) at full strength before concealment fades …
FADE = 2_880  # … over 60 ms: longer repetition sounds like a buzzer
DECIMATION = 3  # the period is searched at 16 kHz
QUIET = 10 ** (-50 / 20)  # −50 dBFS: below this a cut is not heard wherever it is made
ALIKE = 0.5  # normalised correlation from which two periods may be merged

Samples = NDArray[np.float32]


def pitch_period(samples: Samples) -> tuple[int, float]:
    """The lag in samples, MIN_PERIOD to MAX_PERIOD, at which the end of `samples` best repeats; and how well, −1 to 1.

    samples: at least HISTORY long.
    """
    coarse = samples[-HISTORY:].reshape(-1, DECIMATION).mean(axis=1)
    window = MAX_PERIOD // DECIMATION
    recent = coarse[-window:]
    lags = np.arange(MIN_PERIOD // DECIMATION, MAX_PERIOD // DECIMATION + 1)
    past = np.lib.stride_tricks.sliding_window_view(coarse, window)[len(coarse) - window - lags]
    scores = past @ recent
    norms = np.sqrt((past * past).sum(axis=1) * float(recent @ recent)) + 1e-9
    best = int(np.argmax(scores / norms))
    return int(lags[best]) * DECIMATION, float(scores[best] / norms[best])


def crossfade(old: Samples, new: Samples) -> Samples:
    """From `old` to `new`, both of the same length, linearly."""
    rise = np.linspace(0.0, 1.0, len(new), dtype=np.float32)
    return old * (1 - rise) + new * rise


class Concealer:
    """Remembers what was played and goes on with it when nothing comes."""

    __slots__ = ("_faded", "_history", "_period", "_position")

    def __init__(self) -> None:
        self._history = np.zeros(HISTORY, np.float32)
        self._period = np.zeros(0, np.float32)  # empty: not concealing
        self._position = 0
        self._faded = 0  # samples concealed in a row

    @property
    def active(self) -> bool:
        return len(self._period) > 0

    def heard(self, samples: Samples) -> Samples:
        """Take received audio, joined smoothly to any concealment before it; returns what to play, same length."""
        if self.active:
            count = min(OVERLAP, len(samples))
            bridge = crossfade(self._repeat(count), samples[:count])
            samples = np.concatenate([bridge, samples[count:]])
            self._period = np.zeros(0, np.float32)
            self._faded = 0
        self._remember(samples)
        return samples

    def conceal(self, count: int) -> Samples:
        """(count,) samples that go on as before, then fade to silence."""
        if not self.active:
            lag, _ = pitch_period(self._history)
            period = self._history[-lag:].copy()
            # The period's end already leads into its start; the lead-in before it smooths the seam.
            seam = min(OVERLAP, lag // 2)
            period[-seam:] = crossfade(period[-seam:], self._history[-lag - seam : -lag])
            self._period, self._position = period, 0
        return self._repeat(count)

    def _repeat(self, count: int) -> Samples:
        positions = (self._position + np.arange(count)) % len(self._period)
        strength = 1.0 - (self._faded + np.arange(count, dtype=np.float32) - HOLD) / FADE
        self._position = (self._position + count) % len(self._period)
        self._faded += count
        return self._period[positions] * np.clip(strength, 0.0, 1.0)

    def _remember(self, samples: Samples) -> None:
        self._history = np.concatenate([self._history, samples])[-HISTORY:]


def shorten(samples: Samples, surplus: int) -> Samples:
    """`samples` less one pitch period of at most `surplus` samples, or unchanged where a cut would be heard.

    In near silence any amount is cut at once.
    """
    if len(samples) < HISTORY or surplus < MIN_PERIOD:
        return samples
    if float(np.abs(samples).max()) < QUIET:
        cut = min(surplus, len(samples) - OVERLAP)
    else:
        cut, likeness = pitch_period(samples)
        if cut > surplus or likeness < ALIKE:
            return samples
    return splice(samples, cut)


def splice(samples: Samples, cut: int) -> Samples:
    """Drop `cut` samples near the end, cross-fading what comes before into what comes after."""
    overlap = min(OVERLAP, len(samples) - cut)
    start = len(samples) - cut - overlap
    joined = crossfade(samples[start : start + overlap], samples[start + cut :])
    return np.concatenate([samples[:start], joined])
