"""The contract of every lip encoder: sound in, lip motion out. Knows no network and no pictures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.motion import LipMotion

SAMPLE_RATE = 16_000  # Hz
FRAME_SAMPLES = 640  # samples of one 40 ms video frame


class LipEncoderStream(Protocol):
    """What a lip encoder remembers of one session."""

    @property
    def invalid_samples(self) -> int:
        """How many samples were NaN or infinite, and heard as silence, since the stream was opened."""

    def step(self, samples: NDArray[np.float32]) -> LipMotion:
        """Hear one video frame of sound, (640,) float32 mono 16 kHz in [-1, 1].

        Returns the motion of frame (calls so far − 1 − lookahead_frames) at the middle of that frame; before
        the first of them, the closed mouth.

        Raises:
            ValueError: samples are not (640,) float. Nothing has been heard then.
        """

    def reset(self) -> None:
        """Forget all sound heard so far; the next motions are of a closed mouth again."""


class LipEncoder(Protocol):
    """Weights, frozen after loading; shared by all sessions."""

    @property
    def lookahead_frames(self) -> int:
        """The motion of frame t may use sound up to the end of frame t + lookahead_frames."""

    def open(self) -> LipEncoderStream:
        """Begin a session. Cheap: no file is read."""
