"""48 kHz voice → 16 kHz chunks of exactly one video frame. Causal; knows nothing of time.

Decimation by 3 through a 48-tap low-pass: 0.5 ms of delay, far below what lips can show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.api import Chunk

FACTOR = 3  # 48 kHz → 16 kHz
TAPS = 48
CUTOFF = 7_200 / 48_000  # cycles a sample: the passband ends below 8 kHz, half of 16 kHz


def low_pass() -> NDArray[np.float32]:
    """A Blackman-windowed sinc, (TAPS,) float32, unit gain at 0 Hz."""
    positions = np.arange(TAPS) - (TAPS - 1) / 2
    taps = np.sinc(2 * CUTOFF * positions) * np.blackman(TAPS)
    return np.asarray(taps / taps.sum(), np.float32)


class Resampler:
    """Counts chunks and keeps the filter's tail between them."""

    __slots__ = ("_index", "_tail", "_taps")

    def __init__(self) -> None:
        self._taps = low_pass()
        self._tail = np.zeros(TAPS - 1, np.float32)
        self._index = 0

    def chunk(self, samples: NDArray[np.float32], voiced: bool) -> Chunk:
        """(3 n,) samples at 48 kHz → the next chunk, n samples at 16 kHz."""
        return Chunk(self.decimate(samples), self._next(), voiced)

    def flush(self) -> None:
        """Forget the audio before; chunks go on being counted."""
        self._tail = np.zeros(TAPS - 1, np.float32)

    def decimate(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        joined = np.concatenate([self._tail, samples])
        self._tail = joined[len(joined) - (TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(joined, TAPS)[::FACTOR]
        return windows @ self._taps

    def _next(self) -> int:
        self._index += 1
        return self._index - 1
