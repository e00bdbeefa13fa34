"""A made-up voice that moves every mouth: for warming up, and for measuring what talking costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engines.api import Chunk

SYLLABLE_FRAMES = 6  # four syllables a second, as people speak


def babble(samples: int, count: int) -> Iterator[Chunk]:
    """Low-pitched noise that swells and fades with each syllable, count chunks of it.

    After the first few, before which a voice is not told from a noise, every frame moves the mouth.
    """
    rng = np.random.default_rng(0)
    for index in range(count):
        level = 0.15 + 0.1 * np.sin(2 * np.pi * index / SYLLABLE_FRAMES)
        noise = np.convolve(rng.normal(0, 1, samples + 15), np.full(16, 0.25), "valid")
        yield Chunk((level * noise).clip(-1, 1).astype(np.float32), index)
