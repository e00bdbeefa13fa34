"""Chooses the lip encoder. Knows no session."""

from __future__ import annotations

from engines.speech.api import LipEncoder
from engines.speech.trained import FRAME_MS, LARGEST_DELAY_MS, load_trained

MAX_LOOKAHEAD_FRAMES = LARGEST_DELAY_MS // FRAME_MS  # the curve is flat from there on


def load_lip_encoder(lookahead_frames: int) -> LipEncoder:
    """The encoder that ships, with a look-ahead of 0 to 4 frames of 40 ms.

    Raises:
        ValueError: the look-ahead is out of range.
        FileNotFoundError: the weights are missing.
    """
    if not 0 <= lookahead_frames <= MAX_LOOKAHEAD_FRAMES:
        raise ValueError(
            f"look-ahead must be 0 to {MAX_LOOKAHEAD_FRAMES} frames of 40 ms, not {lookahead_frames}:"
            " 2 (80 ms) is a good choice"
        )
    return load_trained(lookahead_frames * FRAME_MS)
