"""Lips that a camera measured while somebody spoke, in units that talkers share. Knows no files and no network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

RATE = 100  # label frames a second; frame k is at k / RATE
WIDE_PERCENTILE = 95.0  # of a talker's opening while speaking: what counts as wide
WIDE_MM = 11.0  # opening of the canonical head where the talker's is wide
LONGEST_GAP = 0.1  # s between measured frames over which values are interpolated: two lost frames of video at 25 fps
CLOSED_SHARE = 0.1  # of the wide opening: narrower lips count as closed when the talker's resting width is taken


@dataclass(frozen=True, slots=True, eq=False)
class LipTrack:
    """Measured lips, (n,) each, in order of time; NaN where a value was not measured.

    time: s of the audio; opening: share of the talker's wide opening; width: distance of the mouth's corners from
    the talker's resting width, in the talker's standard deviations; rounding: 0 to 1, of the talker's roundest.
    """

    time: Array
    opening: Array
    width: Array
    rounding: Array

    def between(self, start: float, end: float) -> LipTrack:
        """The part from start to end, its times from start on."""
        kept = (self.time >= start) & (self.time < end)
        return LipTrack(self.time[kept] - np.float32(start), self.opening[kept], self.width[kept], self.rounding[kept])

    def stretched(self, speed: float) -> LipTrack:
        """Of the same speech played faster, 1 as it was."""
        return LipTrack(self.time / np.float32(speed), self.opening, self.width, self.rounding)

    def sampled(self, frames: int, start: float, end: float) -> LipTrack:
        """At each of so many label frames, RATE a second; the track begins at start s and the audio ends at end s."""
        when = (np.arange(frames) / RATE).astype(np.float32)
        inside = (when >= start) & (when < end)
        columns = (sampled(self.time + np.float32(start), column, when) for column in self._columns())
        return LipTrack(when, *(np.where(inside, column, np.nan).astype(np.float32) for column in columns))

    def _columns(self) -> tuple[Array, Array, Array]:
        return self.opening, self.width, self.rounding


def sampled(time: Array, values: Array, when: Array) -> Array:
    """Values between measured ones, by straight lines; NaN where none is near.

    time, values: (n,); when: (m,). Returns (m,).
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(when), np.nan, np.float32)
    at, found = time[known], values[known]
    after = np.searchsorted(at, when)
    gap = at[np.minimum(after, len(at) - 1)] - at[np.maximum(after - 1, 0)]
    outside = (when < at[0] - LONGEST_GAP / 2) | (when > at[-1] + LONGEST_GAP / 2)
    filled = np.interp(when, at, found)
    return np.where(outside | (gap > LONGEST_GAP), np.nan, filled).astype(np.float32)


def shares_of_wide(opening: Array, wide: float) -> Array:
    """Openings of one talker in any unit, (n,), as shares of the talker's wide opening in that unit."""
    return (opening / np.float32(wide)).astype(np.float32)


def resting_width(opening: Array, width: Array, wide: float) -> float:
    """The talker's median width with closed lips, or over all frames where lips are never closed."""
    closed = np.isfinite(width) & (opening < CLOSED_SHARE * wide)
    return float(np.nanmedian(width[closed] if closed.sum() > RATE // 4 else width))
