"""Causal log-mel front end: 25 ms windows every 10 ms, level and channel taken out. Knows nothing of lips.

The frame of hop k sees samples up to 160 (k + 1) and no later. Arrays may carry leading batch axes, so that
training and serving run the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.api import SAMPLE_RATE

Array = NDArray[np.float32]

HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms
MELS = 40
FEATURES = MELS + 2  # normalised bands, level under the talker's peak, level over the noise floor
PRE_EMPHASIS = 0.97
POWER_FLOOR = 1e-7  # about -75 dBFS of white noise: below every usable microphone's own noise
SMOOTHING = 0.3  # per hop, of the level that peak and floor follow: a click of 5 ms does not set the peak

PEAK_START = -2.0  # nepers of mel power: a quiet talker; noise softer than that never looks like speech
PEAK_RELEASE = 0.0014  # nepers a hop: 6 dB in 10 s
FLOOR_START = -13.0
FLOOR_RISE = 0.01  # nepers a hop: a fan that starts is the floor after some 5 s
SPEECH_RANGE = 6.0  # nepers under the peak down to which a frame counts as speech (26 dB)
SPEECH_SLOPE = 3.0  # nepers over which it comes to count fully
CHANNEL_MEMORY = 400.0  # hops of speech that the channel's mean remembers (4 s)
CHANNEL_PRIOR = 60.0  # hops of speech that the prior mean counts for
SCALE = 2.0  # nepers to one: the deviation of a band of speech


def mel_filters() -> Array:
    """Triangular filters from 60 to 7600 Hz, (257, MELS)."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, 257)
    low, high = (2595 * np.log10(1 + f / 700) for f in (60.0, 7600.0))
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    rising = (frequencies[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def prior_channel() -> Array:
    """Mean of each band of speech relative to the peak, (MELS,), as measured over the training corpus."""
    bands, nepers = (0, 5, 12, 26, MELS - 1), (-4.9, -2.7, -3.8, -2.8, -4.7)
    return np.interp(np.arange(MELS), bands, nepers).astype(np.float32)


@dataclass(slots=True)
class LogMel:
    """Samples to log-mel power, hop by hop. One per stream."""

    batch: tuple[int, ...] = ()
    _past: Array = field(init=False)
    _window: Array = field(init=False)
    _filters: Array = field(init=False)

    def __post_init__(self) -> None:
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._filters = mel_filters()
        self.reset()

    def reset(self) -> None:
        self._past = np.zeros((*self.batch, WINDOW - HOP + 1), np.float32)

    def step(self, samples: Array) -> Array:
        """(..., 160 n) samples to (..., n, MELS) natural logarithms of power."""
        heard = np.concatenate([self._past, samples], axis=-1)
        self._past = heard[..., -(WINDOW - HOP + 1) :].copy()
        sharp = heard[..., 1:] - np.float32(PRE_EMPHASIS) * heard[..., :-1]
        windows = np.lib.stride_tricks.sliding_window_view(sharp, WINDOW, axis=-1)[..., ::HOP, :]
        spectrum = np.fft.rfft(windows * self._window, 512)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        bands: Array = np.log(power @ self._filters + np.float32(POWER_FLOOR))
        return bands


@dataclass(slots=True)
class Normaliser:
    """Takes the talker's level and the channel's colour out of log-mel frames, causally. One per stream.

    Level: the bands are relative to a peak that rises at once and falls slowly. Channel: the mean of the
    bands over frames loud enough to be speech, so that silence moves nothing.
    """

    batch: tuple[int, ...] = ()
    _level: Array = field(init=False)
    _peak: Array = field(init=False)
    _floor: Array = field(init=False)
    _channel: Array = field(init=False)
    _heard: Array = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        column = (*self.batch, 1)
        self._level = np.full(column, FLOOR_START, np.float32)
        self._peak = np.full(column, PEAK_START, np.float32)
        self._floor = np.full(column, FLOOR_START, np.float32)
        self._channel = np.broadcast_to(prior_channel(), (*self.batch, MELS)).copy()
        self._heard = np.full(column, CHANNEL_PRIOR, np.float32)

    def step(self, bands: Array) -> Array:
        """(..., n, MELS) log powers to (..., n, FEATURES), each about in [-4, 2]."""
        out = np.empty((*bands.shape[:-1], FEATURES), np.float32)
        energy = np.log(np.mean(np.exp(bands), axis=-1, keepdims=True))
        if not self.batch:
            self._step_stream(bands, energy, out)
            return out
        for hop in range(bands.shape[-2]):
            self._step_one(bands[..., hop, :], energy[..., hop, :], out[..., hop, :])
        return out

    def _step_stream(self, bands: Array, energy: Array, out: Array) -> None:
        """All hops of a single stream as _step_one takes them, with Python's numbers where NumPy's cost more."""
        level, peak, floor, heard = (float(a[0]) for a in (self._level, self._peak, self._floor, self._heard))
        for hop, now in enumerate(energy[:, 0].tolist()):
            level += SMOOTHING * (now - level)
            peak, floor = max(peak - PEAK_RELEASE, level), min(floor + FLOOR_RISE, level)
            weight = min(max((now - peak + SPEECH_RANGE) / SPEECH_SLOPE, 0.0), 1.0)
            heard = min(heard + weight, CHANNEL_MEMORY)
            relative = bands[hop] - np.float32(peak)
            if weight:
                self._channel += np.float32(weight / heard) * (relative - self._channel)
            np.subtract(relative, self._channel, out=out[hop, :MELS])
            out[hop, MELS], out[hop, MELS + 1] = (now - peak) / SCALE, (now - floor) / SCALE - 2
        out[:, :MELS] *= np.float32(1 / SCALE)
        np.maximum(out[:, :-1], np.float32(-5), out=out[:, :-1])
        np.minimum(out[:, :MELS], np.float32(4), out=out[:, :MELS])
        np.minimum(out[:, -1], np.float32(3), out=out[:, -1])
        for state, value in zip(
            (self._level, self._peak, self._floor, self._heard), (level, peak, floor, heard), strict=True
        ):
            state[0] = value

    def _step_one(self, bands: Array, energy: Array, out: Array) -> None:
        """One hop of every stream of a batch."""
        self._level += np.float32(SMOOTHING) * (energy - self._level)
        self._peak = np.maximum(self._peak - np.float32(PEAK_RELEASE), self._level)
        self._floor = np.minimum(self._floor + np.float32(FLOOR_RISE), self._level)
        under_peak = energy - self._peak
        weight = _within((under_peak + np.float32(SPEECH_RANGE)) / np.float32(SPEECH_SLOPE), 0.0, 1.0)
        relative = bands - self._peak
        self._heard = np.minimum(self._heard + weight, np.float32(CHANNEL_MEMORY))
        self._channel += weight / self._heard * (relative - self._channel)
        out[..., :MELS] = _within((relative - self._channel) / np.float32(SCALE), -5.0, 4.0)
        out[..., MELS:-1] = np.maximum(under_peak / np.float32(SCALE), np.float32(-5))
        out[..., -1:] = np.minimum((energy - self._floor) / np.float32(SCALE), np.float32(5)) - np.float32(2)


def _within(values: Array, least: float, most: float) -> Array:
    """What np.clip gives, in a third of its time for a handful of values."""
    bounded: Array = np.minimum(np.maximum(values, np.float32(least)), np.float32(most))
    return bounded


def silence_invalid(samples: Array) -> tuple[Array, int]:
    """Samples with NaN and infinity turned into silence and the rest clipped to [-1, 1], and their number."""
    finite = np.isfinite(samples)
    if finite.all():
        return np.clip(samples, -1, 1), 0
    return np.clip(np.where(finite, samples, 0), -1, 1), int(samples.size - finite.sum())
