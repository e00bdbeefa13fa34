"""Voice activity: webrtcvad over pieces of 20 ms, with a little hangover. Counts time by samples alone."""

from __future__ import annotations

import numpy as np
import webrtcvad
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz
PIECE = 960  # samples: 20 ms, a length that webrtcvad takes
HANGOVER = 5  # pieces (100 ms): the ends of words are soft


class VoiceActivity:
    """aggressiveness: 0 to 3, as webrtcvad numbers them."""

    __slots__ = ("_quiet_pieces", "_rest", "_vad")

    def __init__(self, aggressiveness: int) -> None:
        self._vad = webrtcvad.Vad(aggressiveness)
        self._rest = np.zeros(0, np.int16)
        self._quiet_pieces = HANGOVER

    @property
    def voiced(self) -> bool:
        return self._quiet_pieces < HANGOVER

    @property
    def quiet_ms(self) -> int:
        """For how long there has been no voice."""
        return self._quiet_pieces * 20

    def hear(self, samples: NDArray[np.float32]) -> bool:
        """(n,) float32 at 48 kHz; is there voice in it or just before it?"""
        pcm = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) - len(pcm) % PIECE
        for start in range(0, whole, PIECE):
            speech = self._vad.is_speech(pcm[start : start + PIECE].tobytes(), SAMPLE_RATE)
            self._quiet_pieces = 0 if speech else self._quiet_pieces + 1
        self._rest = pcm[whole:]
        return self.voiced
