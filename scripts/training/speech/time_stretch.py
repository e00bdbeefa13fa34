"""Faster and slower talkers: times change, pitch and formants stay (matching waves overlapped). Knows no lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.utterance import Segment, Utterance

Samples = NDArray[np.float32]

WINDOW, STRIDE = 512, 256  # samples, 32 and 16 ms
SEARCH = 128  # samples by which a window may move to match what came before


def time_stretch(utterance: Utterance, speed: float) -> Utterance:
    """The utterance spoken at another speed, 1 as it was; about 0.6 to 1.6 sound right."""
    samples = _stretched(utterance.samples, speed)
    segments = tuple(Segment(s.start / speed, s.end / speed, s.phone, s.release / speed) for s in utterance.segments)
    lips = utterance.lips.stretched(speed) if utterance.lips else None
    return Utterance(samples, segments, utterance.synthesiser, utterance.voice, lips)


def _stretched(x: Samples, speed: float) -> Samples:
    frames = int(len(x) / speed) // STRIDE
    padded = np.pad(x, (SEARCH, 2 * WINDOW + 2 * SEARCH + STRIDE))
    out = np.zeros((frames + 1) * STRIDE + WINDOW, np.float32)
    shape = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    wanted = padded[SEARCH : SEARCH + WINDOW]  # what would follow the window before, if time went on
    for frame in range(frames):
        near = min(int(frame * STRIDE * speed), len(x))
        around = padded[near : near + WINDOW + 2 * SEARCH]
        at = near + int(np.argmax(np.correlate(around, wanted, "valid")))
        out[frame * STRIDE : frame * STRIDE + WINDOW] += shape * padded[at : at + WINDOW]
        wanted = padded[at + STRIDE : at + STRIDE + WINDOW]
    return out[: int(len(x) / speed)]
