"""Utterances for tests that need no synthesiser: vowels and stops at known times."""

from __future__ import annotations

import numpy as np

from scripts.training.speech.lip_track import LipTrack
from scripts.training.speech.utterance import PERSON, SAMPLE_RATE, Segment, Utterance

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


def measured(seconds: float = 1.2, voice: str = "lips-someone", fps: float = 25.0) -> Utterance:
    """The same with lips that open and close once a phone, 0 to 1 of wide, and a width that follows them."""
    spoken = invented(seconds, PERSON, voice)
    time = ((np.arange(int(seconds * fps)) + 0.5) / fps).astype(np.float32)
    opening = (0.5 - 0.5 * np.cos(2 * np.pi * time / LENGTH)).astype(np.float32)
    lips = LipTrack(time, opening, 2 * opening - 1, np.full(len(time), np.nan, np.float32))
    return Utterance(spoken.samples, spoken.segments, PERSON, voice, lips)
