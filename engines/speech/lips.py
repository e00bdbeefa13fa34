"""Lip motions of a whole recording, aligned with its audio. Knows no files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.motion import LipMotion
from engines.speech.api import FRAME_SAMPLES, LipEncoder


def motions(encoder: LipEncoder, samples: NDArray[np.float32]) -> list[LipMotion]:
    """One motion for each started 40 ms of samples, (n,) float32 mono 16 kHz.

    Motion t belongs to the middle of frame t, 40 t + 20 ms. The last frames hear silence as their look-ahead.

    Raises:
        ValueError: samples are not a non-empty (n,) array of floats, or not all finite.
    """
    if samples.ndim != 1 or samples.size == 0 or samples.dtype.kind != "f":
        raise ValueError(f"expected (n,) float samples of mono audio, n > 0, got {samples.shape} {samples.dtype}")
    if not np.isfinite(samples).all():
        raise ValueError("the recording holds NaN or infinite samples: convert it to 16-bit WAV again")
    frames = -(-len(samples) // FRAME_SAMPLES)
    padded = np.zeros((frames + encoder.lookahead_frames, FRAME_SAMPLES), np.float32)
    padded.reshape(-1)[: len(samples)] = samples
    stream = encoder.open()
    return [stream.step(chunk) for chunk in padded][encoder.lookahead_frames :]
