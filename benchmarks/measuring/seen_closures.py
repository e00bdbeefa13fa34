"""Whether lips close at p b m, as video shows it and as the encoder has it, on recordings whose phones are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lip_events import EARLY, LATE, ROW, SHUT, track
from engines.speech.api import LipEncoder
from engines.speech.lips import motions
from scripts.training.speech.lip_track import WIDE_PERCENTILE, sampled
from scripts.training.speech.real_lips import MEASURED
from scripts.training.speech.utterance import Utterance, load
from scripts.training.speech.voices import is_held_out_voice

Array = NDArray[np.float32]

NARROW = 0.15  # of the talker's wide opening: less counts as closed
CLOSING = frozenset("pbm")


@dataclass(frozen=True, slots=True)
class Closure:
    """One p, b or m: least opening near it in shares of the wide one, measured and predicted, and whether the predicted
    lips are shut by the count of benchmarks.lips."""

    measured: float
    predicted: float
    shut: bool


def closures_by_voice(encoder: LipEncoder, corpus: Path) -> dict[str, dict[str, float]]:
    """Of each talker with measured lips in a corpus, and of all held-out ones together (`held_out`).

    `sounds`: p b m with a measured frame near them. `seen`: share of them closed in the video; `encoder`: predicted
    closed by the same measure; `encoder_of_seen`: likewise of those closed in the video; `encoder_shut`: predicted less
    than a millimetre open.
    """
    found: dict[str, dict[str, float]] = {}
    held_out: list[Closure] = []
    for path in sorted(corpus.glob(f"{MEASURED}*.npz")):
        utterances = [u for u in load(path) if u.segments and u.lips]
        if closed := closures(encoder, utterances):
            voice = utterances[0].voice
            found[voice.removeprefix(MEASURED)] = shares(closed)
            held_out += closed if is_held_out_voice(voice) else []
    return ({"held_out": shares(held_out)} if held_out else {}) | found


def closures(encoder: LipEncoder, utterances: Sequence[Utterance]) -> list[Closure]:
    """The p b m of one talker."""
    predicted = [_predicted(encoder, utterance) for utterance in utterances]
    speaking = [p[_speaking(u)] for u, p in zip(utterances, predicted, strict=True)]
    if not any(np.isfinite(part).any() for part in speaking):
        return []
    wide = float(np.nanpercentile(np.concatenate(speaking), WIDE_PERCENTILE))
    found = []
    for utterance, opening in zip(utterances, predicted, strict=True):
        assert utterance.lips is not None
        for segment in utterance.segments:
            near = (utterance.lips.time >= segment.start - EARLY) & (utterance.lips.time <= segment.end + LATE)
            near &= np.isfinite(utterance.lips.opening) & np.isfinite(opening)
            if segment.phone in CLOSING and near.any():
                least = float(opening[near].min())
                found.append(Closure(float(utterance.lips.opening[near].min()), least / max(wide, 1e-6), least < SHUT))
    return found


def shares(of: Sequence[Closure]) -> dict[str, float]:
    """The numbers that closures_by_voice names."""
    seen = np.array([one.measured < NARROW for one in of])
    predicted = np.array([one.predicted < NARROW for one in of])
    found = {
        "sounds": float(len(of)),
        "seen": float(seen.mean()),
        "encoder": float(predicted.mean()),
        "encoder_shut": float(np.mean([one.shut for one in of])),
    }
    return found | ({"encoder_of_seen": float(predicted[seen].mean())} if seen.any() else {})


def _predicted(encoder: LipEncoder, utterance: Utterance) -> Array:
    """Opening at the measured frames."""
    assert utterance.lips is not None
    rows = track(motions(encoder, utterance.samples), "aperture").astype(np.float32)
    return sampled((ROW * (np.arange(len(rows)) + 0.5)).astype(np.float32), rows, utterance.lips.time)


def _speaking(utterance: Utterance) -> NDArray[np.bool_]:
    assert utterance.lips is not None
    inside: NDArray[np.bool_] = (utterance.lips.time >= utterance.segments[0].start) & (
        utterance.lips.time <= utterance.segments[-1].end
    )
    return inside
