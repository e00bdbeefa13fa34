"""Parts of utterances, cut where nothing is heard: a sentence's form is then not learnt with its sounds."""

from __future__ import annotations

import numpy as np

from scripts.training.speech.phones import STOPS
from scripts.training.speech.utterance import SAMPLE_RATE, Segment, Utterance

SHORTEST = 0.5  # s


def excerpt(utterance: Utterance, draw: np.random.Generator) -> Utterance:
    """From the beginning or the closure of a stop to the closure of another or the end, SHORTEST at least.

    An utterance whose phones are not known stays whole.
    """
    length = len(utterance.samples) / SAMPLE_RATE
    cuts = [0.0, *(s.start for s in utterance.segments[1:] if s.phone in STOPS), length]
    pairs = [(a, b) for i, a in enumerate(cuts) for b in cuts[i + 1 :] if b - a >= SHORTEST]
    if not utterance.segments or not pairs:
        return utterance
    start, end = pairs[int(draw.integers(len(pairs)))]
    inside = [s for s in utterance.segments if s.start >= start - 1e-9 and s.end <= end + 1e-9]
    moved = tuple(Segment(s.start - start, s.end - start, s.phone, s.release - start) for s in inside)
    samples = utterance.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    lips = utterance.lips.between(start, end) if utterance.lips else None
    return Utterance(samples, moved, utterance.synthesiser, utterance.voice, lips)
