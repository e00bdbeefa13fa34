"""The test sound: vowels with sharp beginnings between silences, at times that no clock of ours divides."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz
VOWEL_S = 0.5  # long enough that an interruption in it closes a mouth that would have stayed open
PITCH_HZ = 120.0
FORMANTS_HZ = ((700.0, 110.0), (1200.0, 120.0), (2600.0, 180.0))  # an open vowel: centre and bandwidth
RAMP_S = 0.010
LEVEL = 0.3


@dataclass(frozen=True, slots=True)
class TestSound:
    """samples: (n,) float32 at 48 kHz; onsets: when each vowel reaches half its level, seconds from the start."""

    samples: NDArray[np.float32]
    onsets: tuple[float, ...]


def vowel() -> NDArray[np.float32]:
    """Harmonics weighted by the formants, VOWEL_S long."""
    time = np.arange(int(VOWEL_S * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = np.arange(1, 30) * PITCH_HZ
    weights = sum(1 / (1 + ((harmonics - centre) / width) ** 2) for centre, width in FORMANTS_HZ)
    phases = np.random.default_rng(1).uniform(0, 2 * np.pi, len(harmonics))
    tone = (np.asarray(weights)[:, None] * np.sin(2 * np.pi * harmonics[:, None] * time + phases[:, None])).sum(0)
    ramp = np.clip(np.minimum(time, VOWEL_S - time) / RAMP_S, 0, 1)
    return np.asarray(LEVEL * tone / np.abs(tone).max() * ramp, np.float32)


def make_sound(seconds: float, seed: int = 7) -> TestSound:
    """Vowels 0.9 to 1.1 s apart, so that they fall anywhere within a video frame."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    sound, onsets, start = vowel(), [], 0.6
    while start + VOWEL_S + 0.4 < seconds:
        place = int(start * SAMPLE_RATE)
        samples[place : place + len(sound)] = sound
        onsets.append(start + RAMP_S / 2)
        start += float(rng.uniform(0.9, 1.1))
    return TestSound(samples, tuple(onsets))


def write_wav(sound: TestSound, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound.samples * 32767).astype(np.int16).tobytes())
