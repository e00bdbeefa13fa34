"""Posterior of a voice, which tells speech from music, ringing and sirens. Knows no lips.

The lip encoder is trained on speech and noise: it opens the mouth for any harmonic sound. The gate hears the same
audio, looks for pitch and formants that move as those of a voice do, and gives the posterior of a voice. It is a
small recurrent network whose weights scripts/training/speech/voice_gate.py fits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engines.speech.features import FEATURES

Array = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("weights") / "voice_gate.safetensors"
CHUNK = 640  # samples, 40 ms
WINDOW = 1024  # samples, 64 ms: resolves the harmonics of a voice from 90 Hz
FIRST_BIN, LAST_BIN = 4, 384  # 62 Hz to 6 kHz; a bin is 15.6 Hz
SMOOTHING = 8  # bins to either side whose mean is the spectrum's envelope: 125 Hz
BAND_STARTS = np.array([0, 22, 48, 99, 201])  # bins after FIRST_BIN: 62, 406, 812, 1600 and 3200 Hz
BAND_BINS = np.diff([*BAND_STARTS, LAST_BIN - FIRST_BIN]).astype(np.float32)
PAST_CHUNKS = (1, 2, 4, 8)  # 40, 80, 160 and 320 ms before: spectra that the present one is compared with
SHORTEST_LAG, LONGEST_LAG = 32, 267  # samples: periods of 500 to 60 Hz
POWER_FLOOR = 1e-5  # of one bin: about -75 dBFS of white noise
BANDS = len(BAND_STARTS)
TONALITY = BANDS * (3 + len(PAST_CHUNKS)) + 3
INPUTS = FEATURES + TONALITY
REST_POSTERIOR, MOVE_POSTERIOR = (
    0.15,
    0.5,
)  # posterior of a voice up to which the mouth rests, and from which it moves fully


@dataclass(slots=True)
class Tonality:
    """How tonal a sound is and how its harmonics move, chunk by chunk, causally. One per stream.

    Arrays may carry leading batch axes, so that training and serving run the same lines.
    """

    batch: tuple[int, ...] = ()
    _window: Array = field(init=False)
    _taper: Array = field(init=False)
    _samples: Array = field(init=False)
    _past: Array = field(init=False)
    _norms: Array = field(init=False)
    _levels: Array = field(init=False)
    _period: Array = field(init=False)

    def __post_init__(self) -> None:
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        own = np.fft.irfft(np.abs(np.fft.rfft(self._window, 2 * WINDOW)) ** 2)[SHORTEST_LAG : LONGEST_LAG + 1]
        self._taper = (own / np.square(self._window).sum()).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        self._samples = np.zeros((*self.batch, WINDOW - CHUNK), np.float32)
        self._past = np.zeros((*self.batch, max(PAST_CHUNKS), LAST_BIN - FIRST_BIN), np.float32)
        self._norms = np.zeros((*self.batch, max(PAST_CHUNKS), BANDS), np.float32)
        self._levels = np.full((*self.batch, BANDS), np.log(POWER_FLOOR), np.float32)
        self._period = np.zeros((*self.batch, 1), np.float32)

    def step(self, samples: Array) -> Array:
        """(..., 640) samples to (..., TONALITY), each about in [-1, 3]: by band the deviation from the envelope, the
        height of the highest peak, the change of level and the correlations with the spectra before; then
        harmonicity, period and the change of period."""
        heard = np.concatenate([self._samples, samples], axis=-1)
        self._samples = heard[..., CHUNK:]
        spectrum = np.fft.rfft(heard * self._window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        logs = np.log(power[..., FIRST_BIN:LAST_BIN] + np.float32(POWER_FLOOR))
        detail = logs - _envelope(logs)
        energy = _sums(np.square(detail))
        heights = np.maximum.reduceat(detail, BAND_STARTS, axis=-1)
        levels = _sums(logs) / BAND_BINS
        change = np.clip(levels - self._levels, -4, 4) / 2
        alike = self._correlations(detail, energy)
        self._levels = levels
        bands = (np.sqrt(energy / BAND_BINS), heights / 2, change, alike)
        features: Array = np.concatenate([*bands, *self._pitch(power)], axis=-1).astype(np.float32)
        return features

    def _correlations(self, detail: Array, energy: Array) -> Array:
        """With the spectra before, (..., BANDS len(PAST_CHUNKS)), each about in [-1, 1]."""
        chosen = [past - 1 for past in PAST_CHUNKS]
        products = _sums(detail[..., None, :] * self._past[..., chosen, :])
        alike = products / np.sqrt(energy[..., None, :] * self._norms[..., chosen, :] + 1)
        self._past = np.concatenate([detail[..., None, :], self._past[..., :-1, :]], axis=-2)
        self._norms = np.concatenate([energy[..., None, :], self._norms[..., :-1, :]], axis=-2)
        rows: Array = alike.reshape(*self.batch, -1)
        return rows

    def _pitch(self, power: Array) -> tuple[Array, Array, Array]:
        """Harmonicity 0 to 1, period in octaves above the shortest, and its change in octaves, each (..., 1)."""
        products = np.fft.irfft(power, axis=-1)
        lags = products[..., SHORTEST_LAG : LONGEST_LAG + 1] / (products[..., :1] + 1e-6) / self._taper
        best = lags.argmax(axis=-1)[..., None]
        strength = np.clip(np.take_along_axis(lags, best, axis=-1), 0, 1).astype(np.float32)
        period: Array = np.log2((best + SHORTEST_LAG) / SHORTEST_LAG).astype(np.float32)
        change = np.minimum(np.abs(period - self._period), 1).astype(np.float32)
        self._period = period
        return strength, period, change


def _sums(values: Array) -> Array:
    """(..., bins) to the sum of each band, (..., BANDS)."""
    sums: Array = np.add.reduceat(values, BAND_STARTS, axis=-1)
    return sums


def _envelope(logs: Array) -> Array:
    """Mean over 2 SMOOTHING + 1 bins; the outermost are repeated beyond the edges."""
    edges = [logs[..., :1]] * (SMOOTHING + 1), [logs[..., -1:]] * SMOOTHING
    sums = np.cumsum(np.concatenate([*edges[0], logs, *edges[1]], axis=-1), axis=-1, dtype=np.float64)
    width = 2 * SMOOTHING + 1
    mean: Array = ((sums[..., width:] - sums[..., :-width]) / width).astype(np.float32)
    return mean


def pooled(mel: Array, tonality: Array) -> Array:
    """(..., 4, FEATURES) normalised bands and (..., TONALITY) of the same chunk to (..., INPUTS)."""
    inputs: Array = np.concatenate([mel.mean(axis=-2), tonality], axis=-1)
    return inputs


@dataclass(frozen=True, slots=True, eq=False)
class VoiceGate:
    """Weights, immutable after loading; shared by all streams. A gated recurrent unit and a logistic read-out."""

    input_weight: Array  # (3 HIDDEN, INPUTS): reset, update and new state
    input_bias: Array  # (3 HIDDEN,)
    state_weight: Array  # (3 HIDDEN, HIDDEN)
    state_bias: Array  # (3 HIDDEN,)
    out_weight: Array  # (HIDDEN,)
    out_bias: Array  # (1,)

    def open(self) -> VoiceGateStream:
        return VoiceGateStream(self)

    def advance(self, inputs: Array, state: Array) -> Array:
        """(INPUTS,) and the state before, (HIDDEN,), to the state after."""
        hidden = len(state)
        seen = self.input_weight @ inputs + self.input_bias
        kept = self.state_weight @ state + self.state_bias
        gates = 1 / (1 + np.exp(-(seen[: 2 * hidden] + kept[: 2 * hidden])))
        new = np.tanh(seen[2 * hidden :] + gates[:hidden] * kept[2 * hidden :])
        after: Array = new + gates[hidden:] * (state - new)
        return after

    def posterior(self, state: Array) -> float:
        return float(1 / (1 + np.exp(-(self.out_weight @ state + self.out_bias[0]))))


@dataclass(slots=True, eq=False)
class VoiceGateStream:
    """Spectral history and recurrent state of one session."""

    gate: VoiceGate
    _tonality: Tonality = field(default_factory=Tonality)
    _state: Array = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._tonality.reset()
        self._state = np.zeros(len(self.gate.out_weight), np.float32)

    def step(self, samples: Array, mel: Array) -> float:
        """How far the mouth may move, 0 to 1, from (640,) samples and their normalised bands, (4, FEATURES)."""
        self._state = self.gate.advance(pooled(mel, self._tonality.step(samples)), self._state)
        share = (self.gate.posterior(self._state) - REST_POSTERIOR) / (MOVE_POSTERIOR - REST_POSTERIOR)
        return min(max(share, 0.0), 1.0)


@cache
def load_voice_gate(weights: Path = WEIGHTS) -> VoiceGate:
    """The weights that ship.

    Raises:
        FileNotFoundError: they are missing.
        ValueError: they are of another shape than this code's features.
    """
    if not weights.exists():
        raise FileNotFoundError(
            f"{weights} is missing: reinstall, or fit it with python -m scripts.training.speech.voice_gate"
        )
    gate = VoiceGate(**load_file(weights))
    if gate.input_weight.shape != (3 * len(gate.out_weight), INPUTS):
        raise ValueError(
            f"{weights}: expected weights for {INPUTS} inputs, got {gate.input_weight.shape}: fit it again"
        )
    return gate
