"""Held vowels, as in "aah": harmonics under three formants. Knows no synthesiser.

Synthesisers hold no vowel for long; without these a steady voice would be taken for a machine's hum.
"""

from __future__ import annotations

import numpy as np

from scripts.training.speech.utterance import SAMPLE_RATE, Segment, Utterance

# Men's mean formants in hertz (Peterson and Barney 1952).
FORMANTS = {
    "i": (270, 2290, 3010), "ɪ": (390, 1990, 2550), "ɛ": (530, 1840, 2480), "æ": (660, 1720, 2410),
    "ɑ": (730, 1090, 2440), "ɔ": (570, 840, 2410), "ʊ": (440, 1020, 2240), "u": (300, 870, 2240),
    "ʌ": (640, 1190, 2390), "ɜ": (490, 1350, 1690),
}  # fmt: skip
BANDWIDTH = (60.0, 200.0)  # Hz
PITCH = (85.0, 260.0)  # Hz
LENGTH = (0.12, 1.2)  # s
RAMP = (0.005, 0.06)  # s, at either end


def sustained_vowel(draw: np.random.Generator) -> Utterance:
    """One vowel of one talker: steady or gliding in pitch, with a sharp or a soft beginning."""
    phone = str(draw.choice(list(FORMANTS)))
    tract = draw.uniform(0.95, 1.25)
    time = np.arange(int(draw.uniform(*LENGTH) * SAMPLE_RATE)) / SAMPLE_RATE
    glide = draw.normal(0, 0.08) if draw.random() < 0.5 else 0.0
    pitch = np.exp(draw.uniform(*np.log(PITCH))) * (1 + glide * time)
    harmonics = np.arange(1, int(4500 / pitch.max()))
    weights = np.zeros(len(harmonics))
    for centre in FORMANTS[phone]:
        away = (harmonics * pitch.mean() - centre * tract) / draw.uniform(*BANDWIDTH)
        weights += 1 / (1 + away**2)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = np.zeros(len(time))
    for harmonic, weight in zip(harmonics, weights, strict=True):
        voice += weight * np.sin(harmonic * phase + draw.uniform(0, 2 * np.pi))
    ramp = draw.uniform(*RAMP)
    voice *= np.clip(np.minimum(time, time[-1] - time) / ramp, 0, 1)
    end = len(time) / SAMPLE_RATE
    samples = (0.3 * voice / np.abs(voice).max()).astype(np.float32)
    return Utterance(samples, (Segment(0.0, end, phone, end),), "held", f"held-{phone}")
