"""A synthetic voice that moves every mouth: for warming up, and for measuring what talking costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engines.api import SAMPLE_RATE, Chunk

SYLLABLE_FRAMES = 6  # four syllables a second, as people speak
PITCH, LILT, LILT_RATE = 130.0, 25.0, 2.0  # Hz; the voice gate takes a pitch that hardly moves for a tone
HARMONICS = 24  # up to some 3 kHz
FIRST_FORMANT, SECOND_FORMANT = (520.0, 230.0), (1500.0, 600.0)  # Hz, the middle and how far vowels move them
WIDTHS = (120.0, 200.0)  # Hz, of the formants


def synthetic_speech(samples: int, count: int) -> Iterator[Chunk]:
    """A voice of a few vowels that swells and fades with each syllable, count chunks of it.

    After the first few, before which a voice is not told from a noise, every frame moves the mouth.
    """
    for index in range(count):
        t = (index * samples + np.arange(samples)) / SAMPLE_RATE
        turn = 2 * np.pi * t * SAMPLE_RATE / (samples * SYLLABLE_FRAMES)  # one for a syllable
        yield Chunk(((0.15 + 0.1 * np.sin(turn)) * _voice(t, turn)).clip(-1, 1).astype(np.float32), index)


def _voice(t: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Harmonics of a pitch that rises and falls, louder near two formants that move from vowel to vowel."""
    melody = 2 * np.pi * LILT_RATE * t
    pitch, phase = PITCH + LILT * np.sin(melody), 2 * np.pi * PITCH * t - LILT / LILT_RATE * np.cos(melody)
    formants = (
        FIRST_FORMANT[0] + FIRST_FORMANT[1] * np.sin(turn / 2),
        SECOND_FORMANT[0] + SECOND_FORMANT[1] * np.cos(turn / 3),
    )
    voice = np.zeros_like(t)
    for harmonic in range(1, HARMONICS + 1):
        first, second = (
            np.exp(-(((harmonic * pitch - formant) / width) ** 2))
            for formant, width in zip(formants, WIDTHS, strict=True)
        )
        voice += (first + 0.4 * second + 0.03) * np.sin(harmonic * phase)
    return voice
