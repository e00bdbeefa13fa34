"""What lips do at certain sounds, counted: closures, tucks, rounding. Knows no encoder.

Rows are video frames of 40 ms; row t is the mouth at 40 t + 20 ms.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.motion import COEFFICIENTS, VISEMES, LipMotion

ROW = 0.04  # s
EARLY, LATE = 0.08, 0.04  # s before the start and after the end of a sound within which its gesture counts
SHUT = 0.012  # aperture, in distances between the eyes: 1 mm on the canonical head
BEFORE_ONSET = 0.3  # s before a vowel in which lips may open for it
TUCKED = 0.35  # mouthRollLower, and more than mouthPress; the label of a full f is 0.65
ROUNDED = 0.30  # mouthPucker; the label of a full u is 0.75
# Sounds by ARPAbet in recordings, by viseme in synthetic speech.
CLOSING_SOUNDS = frozenset({"P", "B", "M", "PP"})
NEARLY_CLOSING_SOUNDS = CLOSING_SOUNDS | {"F", "V", "SIL", "W", "FF", "sil"}
TUCK_SOUNDS = frozenset({"F", "V", "FF"})
ROUND_SOUNDS = frozenset({"UW", "UH", "OW", "W", "SH", "ZH", "AO", "OY", "CH", "JH", "ou", "oh"})
ALSO_ROUNDED = ROUND_SOUNDS | {"R", "ER", "RR"}  # English r may be rounded


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """One phone of a recording, in seconds."""

    start: float
    end: float
    phone: str


@dataclass(frozen=True, slots=True)
class Count:
    """Phones that had their gesture, phones, gestures that had a phone, gestures."""

    found: int
    events: int
    right: int
    gestures: int

    def __add__(self, other: Count) -> Count:
        return Count(
            self.found + other.found,
            self.events + other.events,
            self.right + other.right,
            self.gestures + other.gestures,
        )

    @property
    def recall(self) -> float:
        return self.found / max(self.events, 1)

    @property
    def precision(self) -> float:
        return self.right / max(self.gestures, 1)

    @property
    def f1(self) -> float:
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-9)


def read_events(path: Path) -> list[PhoneEvent]:
    """The phones of a pocketsphinx alignment (*.phone.json)."""
    words = json.loads(path.read_text())["w"]
    return [PhoneEvent(p["b"], p["b"] + p["d"], p["t"]) for word in words for p in word["w"]]


def events_of(visemes: NDArray[np.uint8], rate: int) -> list[PhoneEvent]:
    """The visemes of a label, (frames,) at rate a second, as sounds."""
    edges = [0, *(np.flatnonzero(np.diff(visemes)) + 1).tolist(), len(visemes)]
    return [PhoneEvent(a / rate, b / rate, VISEMES[visemes[a]]) for a, b in itertools.pairwise(edges)]


def track(rows: Sequence[LipMotion], name: str) -> NDArray[np.float64]:
    """A coefficient, or aperture or width, over the rows."""
    if name in ("aperture", "width"):
        return np.array([getattr(row, name) for row in rows], float)
    return np.array([row.coefficients[COEFFICIENTS.index(name)] for row in rows], float)


def count_gestures(
    active: NDArray[np.bool_], events: Iterable[PhoneEvent], wanted: frozenset[str], allowed: frozenset[str]
) -> Count:
    """Sounds of wanted met by an active row, and runs of active rows that meet a sound of allowed."""
    listed = list(events)
    times: NDArray[np.float64] = ROW * (np.arange(len(active), dtype=np.float64) + 0.5)
    met = [bool(active[_near(times, s)].any()) for s in listed if s.phone in wanted]
    permitted = np.zeros(len(active), bool)
    for audio in listed:
        if audio.phone in allowed:
            permitted |= _near(times, audio)
    runs = _runs(active)
    return Count(sum(met), len(met), sum(bool(permitted[a:b].any()) for a, b in runs), len(runs))


def closures(rows: Sequence[LipMotion], events: Sequence[PhoneEvent]) -> Count:
    return count_gestures(track(rows, "aperture") < SHUT, events, CLOSING_SOUNDS, NEARLY_CLOSING_SOUNDS)


def tucks(rows: Sequence[LipMotion], events: Sequence[PhoneEvent]) -> Count:
    return count_gestures(_tucked(coefficients_of(rows)), events, TUCK_SOUNDS, TUCK_SOUNDS)


def roundings(rows: Sequence[LipMotion], events: Sequence[PhoneEvent]) -> Count:
    return count_gestures(_rounded(coefficients_of(rows)), events, ROUND_SOUNDS, ALSO_ROUNDED)


def tucked_rows(rows: Sequence[LipMotion], truth: NDArray[np.float32]) -> Count:
    """Row by row, which forgives less than sounds do: a gesture that is far too long meets its sound all the same.

    truth: (rows, 14), coefficients.
    """
    return _count_rows(_tucked(coefficients_of(rows)), _tucked(truth))


def rounded_rows(rows: Sequence[LipMotion], truth: NDArray[np.float32]) -> Count:
    """As tucked_rows."""
    return _count_rows(_rounded(coefficients_of(rows)), _rounded(truth))


def coefficients_of(rows: Sequence[LipMotion]) -> NDArray[np.float32]:
    """(rows, 14)."""
    return np.stack([row.coefficients for row in rows])


def _tucked(coefficients: NDArray[np.float32]) -> NDArray[np.bool_]:
    lower_lip = coefficients[:, COEFFICIENTS.index("mouthRollLower")]
    tucked: NDArray[np.bool_] = (lower_lip > TUCKED) & (lower_lip > coefficients[:, COEFFICIENTS.index("mouthPress")])
    return tucked


def _rounded(coefficients: NDArray[np.float32]) -> NDArray[np.bool_]:
    rounded: NDArray[np.bool_] = coefficients[:, COEFFICIENTS.index("mouthPucker")] > ROUNDED
    return rounded


def _count_rows(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Count:
    both = int((found & wanted).sum())
    return Count(both, int(wanted.sum()), both, int(found.sum()))


def _near(times: NDArray[np.float64], audio: PhoneEvent) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (times >= audio.start - EARLY) & (times <= audio.end + LATE)
    return near


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def correlation(one: NDArray[np.float64], other: NDArray[np.float64], lag: int = 0) -> float:
    """Pearson's, of one[t + lag] with other[t]: a positive best lag means that one is late."""
    if lag:
        one, other = (one[lag:], other[:-lag]) if lag > 0 else (one[:lag], other[-lag:])
    if len(one) < 3 or one.std() < 1e-9 or other.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def best_lag(one: NDArray[np.float64], other: NDArray[np.float64], most: int = 6) -> int:
    """The lag in rows of the highest correlation, within ± most."""
    return max(range(-most, most + 1), key=lambda lag: correlation(one, other, lag))


def rise(times: NDArray[np.float64], values: NDArray[np.float64], event: float, length: float) -> float:
    """When the values reach half of their height during an event, first since 0.3 s before it, between samples.

    Raises:
        ValueError: they do not rise there.
    """
    first, last = np.searchsorted(times, (event - BEFORE_ONSET, event + length))
    half = 0.5 * values[first:last].max()
    above = first + int(np.argmax(values[first:last] >= half))
    if above == first:
        raise ValueError(f"expected a closed mouth {BEFORE_ONSET} s before {event:.2f} s that opens then")
    share = (half - values[above - 1]) / (values[above] - values[above - 1])
    return float(times[above - 1] + share * (times[above] - times[above - 1]))
