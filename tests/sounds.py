"""Sounds for the tests, made by formula: tones, clicks and a voice that a voice detector takes for one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamer.audio.opus import SAMPLES_PER_PACKET, OpusDecoder, OpusEncoder

RATE = 48_000  # Hz
Samples = NDArray[np.float32]


def tone(seconds: float, hz: float = 200.0, level: float = 0.5, rate: int = RATE) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> Samples:
    return np.zeros(round(seconds * rate), np.float32)


def voice(seconds: float, level: float = 0.5, rate: int = RATE) -> Samples:
    """A vowel: pulses at 105 to 155 Hz through three resonances, rising and falling four times a second."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 130 * time - 2 * np.cos(2 * np.pi * 2 * time)  # in periods: a steady one is a machine's
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        hz = 130.0 * harmonic
        gain = sum(1 / (1 + ((hz - formant) / width) ** 2) for formant, width in ((700, 90), (1200, 110), (2600, 160)))
        sound += gain * np.sin(2 * np.pi * harmonic * pitch + harmonic**2)
    sound *= 0.6 + 0.4 * np.cos(2 * np.pi * 4 * time)
    return np.asarray(level * sound / np.abs(sound).max(), np.float32)


def opus_packets(samples: Samples) -> list[bytes]:
    """Whole packets of 20 ms."""
    encoder = OpusEncoder(48_000)
    whole = range(0, len(samples) - SAMPLES_PER_PACKET + 1, SAMPLES_PER_PACKET)
    return [encoder.encode(samples[start : start + SAMPLES_PER_PACKET]) for start in whole]


def opus_sound(packets: list[bytes]) -> Samples:
    decoder = OpusDecoder()
    return np.concatenate([decoder(packet) for packet in packets])


def level_db(samples: Samples) -> float:
    """Root mean square, dB of full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) + 1e-9))
