"""Times of the phones of one utterance, made exact on its noise-free sound. Knows no synthesiser's interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from scripts.training.speech.phones import SILENCE, STOPS, VOICELESS_STOPS
from scripts.training.speech.utterance import SAMPLE_RATE, Segment

DIPHTHONG_SPLIT = 0.55  # of its length belongs to the first vowel (rhubarb-lip-sync: 0.6)
CLOSURE_SHARE = 0.65  # of a stop's segment before the burst, where the label does not say
INITIAL_CLOSURE = 0.08  # s, of a stop after a pause (Schwartz and Savariaux 2014: 40-120 ms)
LONGEST_CLOSURE = 0.12  # s
QUIET = 1e-3  # of full scale: a synthesiser's closure is nearly digital silence


def split(
    marks: Sequence[tuple[float, float, str]], parse: Callable[[str], list[str]], burst_marked: bool
) -> tuple[Segment, ...]:
    """Labelled stretches (start, end, symbol) to segments of single phones.

    burst_marked: the label of a voiceless stop starts at its burst (espeak), not at its closure (festival, flite).
    """
    segments: list[Segment] = []
    for start, end, symbol in marks:
        phones = parse(symbol)
        edges = [start, end] if len(phones) == 1 else _edges(start, end, len(phones))
        for phone, a, b in zip(phones, edges[:-1], edges[1:], strict=True):
            segments.append(_segment(a, b, phone, burst_marked and phone == phones[0]))
    return tuple(s for s in segments if s.end > s.start)


def _edges(start: float, end: float, parts: int) -> list[float]:
    if parts == 2:
        return [start, start + DIPHTHONG_SPLIT * (end - start), end]
    return [float(t) for t in np.linspace(start, end, parts + 1)]


def _segment(start: float, end: float, phone: str, burst_marked: bool) -> Segment:
    if phone not in STOPS:
        return Segment(start, end, phone, end)
    if burst_marked and phone in VOICELESS_STOPS:
        return Segment(start, end, phone, start)
    return Segment(start, end, phone, start + CLOSURE_SHARE * (end - start))


def find_closures(segments: Sequence[Segment], samples: NDArray[np.float32]) -> tuple[Segment, ...]:
    """Move the start of stops marked at their burst back over the silence before it; the phone before ends there."""
    found = list(segments)
    for i, stop in enumerate(found):
        if stop.phone not in STOPS or stop.release > stop.start:
            continue
        after_pause = i == 0 or found[i - 1].phone == SILENCE
        start = stop.start - INITIAL_CLOSURE if after_pause else _quiet_since(samples, stop.start)
        start = max(start, 0.0)
        found[i] = Segment(start, stop.end, stop.phone, stop.release)
        if i:
            before = found[i - 1]
            found[i - 1] = Segment(before.start, max(before.start, start), before.phone, min(before.release, start))
    return tuple(s for s in found if s.end > s.start)


def _quiet_since(samples: NDArray[np.float32], burst: float) -> float:
    """When the silence before a burst began, at most LONGEST_CLOSURE earlier and at least 30 ms."""
    end = int(burst * SAMPLE_RATE)
    step = SAMPLE_RATE // 200
    start = end - 6 * step
    while (
        start > end - LONGEST_CLOSURE * SAMPLE_RATE
        and np.abs(samples[max(start - step, 0) : start]).max(initial=0) < QUIET
    ):
        start -= step
    return start / SAMPLE_RATE
