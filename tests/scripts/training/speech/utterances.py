"""Utterances for tests that need no synthesiser: vowels and stops at known times."""

from __future__ import annotations

import numpy as np

from scripts.training.speech.utterance import SAMPLE_RATE, Segment, Utterance

PHONES = ("a", "p", "ɑ", "m", "i", "s")
LENGTH = 0.2  # s, of each


def invented(seconds: float = 1.2, synthesiser: str = "flite", voice: str = "slt", level: float = 0.1) -> Utterance:
    """A humming voice of so many seconds, with phones of LENGTH one after the other."""
    count = int(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 12))
    samples = (level * hum / np.sqrt(np.mean(hum**2))).astype(np.float32)
    starts = np.arange(0, seconds - LENGTH + 1e-9, LENGTH)
    segments = tuple(
        Segment(float(t), float(t + LENGTH), PHONES[i % len(PHONES)], float(t + 0.65 * LENGTH))
        for i, t in enumerate(starts)
    )
    return Utterance(samples, segments, synthesiser, voice)
