"""The test audio: vowels with sharp beginnings between silences, at times that no clock of ours divides."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz
VOWEL_S = 0.5  # long enough that an interruption in it closes a mouth that would have stayed open
PITCHES_HZ = (105.0, 135.0)  # of the vowels …
FALL = 0.3  # … and by how much of it each falls: the same steady tone every second is a hum, and lips rest in hums
FORMANTS_HZ = ((700.0, 110.0), (1200.0, 120.0), (2600.0, 180.0))  # an open vowel: centre and bandwidth
RAMP_S = 0.010
LEVEL = 0.3


@dataclass(frozen=True, slots=True)
class TestAudio:
    """samples: (n,) float32 at 48 kHz; onsets: when each vowel reaches half its level, seconds from the start."""

    samples: NDArray[np.float32]
    onsets: tuple[float, ...]


def vowel(pitch_hz: float) -> NDArray[np.float32]:
    """Harmonics weighted by the formants, VOWEL_S long; the pitch falls round its mean as a voice's does."""
    time = np.arange(int(VOWEL_S * SAMPLE_RATE)) / SAMPLE_RATE
    turns = pitch_hz * ((1 + FALL / 2) * time - FALL / 2 * time**2 / VOWEL_S)
    harmonics = np.arange(1, 30)
    weights = sum(1 / (1 + ((harmonics * pitch_hz - centre) / width) ** 2) for centre, width in FORMANTS_HZ)
    phases = np.random.default_rng(1).uniform(0, 2 * np.pi, len(harmonics))
    tone = (np.asarray(weights)[:, None] * np.sin(2 * np.pi * harmonics[:, None] * turns + phases[:, None])).sum(0)
    ramp = np.clip(np.minimum(time, VOWEL_S - time) / RAMP_S, 0, 1)
    return np.asarray(LEVEL * tone / np.abs(tone).max() * ramp, np.float32)


def make_test_audio(seconds: float, seed: int = 7) -> TestAudio:
    """Vowels 0.9 to 1.1 s apart, so that they fall anywhere within a video frame."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    onsets, start = [], 0.6
    while start + VOWEL_S + 0.4 < seconds:
        place = int(start * SAMPLE_RATE)
        audio = vowel(float(rng.uniform(*PITCHES_HZ)))
        samples[place : place + len(audio)] = audio
        onsets.append(start + RAMP_S / 2)
        start += float(rng.uniform(0.9, 1.1))
    return TestAudio(samples, tuple(onsets))


def write_wav(audio: TestAudio, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((audio.samples * 32767).astype(np.int16).tobytes())
