"""The contract of every lip encoder: audio in, lip motion out. Knows no network and no frames."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api import FRAME_RATE, SAMPLE_RATE
from engines.motion import LipMotion

FRAME_SAMPLES = SAMPLE_RATE // FRAME_RATE  # samples of one video frame


class LipEncoderStream(Protocol):
    """State of a lip encoder for one session."""

    @property
    def invalid_samples(self) -> int:
        """Number of samples that were NaN or infinite, and replaced by silence, since the stream was opened."""

    def step(self, samples: NDArray[np.float32]) -> LipMotion:
        """Hear one video frame of audio, (640,) float32 mono 16 kHz in [-1, 1].

        Returns the motion of frame (calls so far − 1 − lookahead_frames) at the middle of that frame; before
        the first of them, the closed mouth.

        Raises:
            ValueError: samples are not (640,) float. The stream is then unchanged.
        """

    def reset(self) -> None:
        """Drop the audio heard so far; the next motions are of a closed mouth again.

        What is known of the talker's level and of the channel is kept: they outlast an interruption.
        """


class LipEncoder(Protocol):
    """Weights, immutable after loading; shared by all sessions."""

    @property
    def lookahead_frames(self) -> int:
        """The motion of frame t may use audio up to the end of frame t + lookahead_frames."""

    def open(self) -> LipEncoderStream:
        """Begin a session. Cheap: no file is read."""
