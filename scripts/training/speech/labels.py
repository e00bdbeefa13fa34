"""What the network learns from: coefficients and visemes of every frame, by rules or as measured, and what is known.

Rules give all articulators from phone times. Where a talker's lips were measured, their opening, and their width and
rounding where these are known, take the place of the rules' ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.motion import VISEMES
from scripts.training.speech.coefficients import coefficients
from scripts.training.speech.curves import RATE, Articulation, articulate, loudness_effort
from scripts.training.speech.lip_track import WIDE_MM, LipTrack
from scripts.training.speech.utterance import Segment

Array = NDArray[np.float32]

# What is known of a frame, as bits: opening, width, all coefficients, viseme.
OPENING, WIDTH, SHAPE, VISEME = 1, 2, 4, 8
ALL = OPENING | WIDTH | SHAPE | VISEME
UNKNOWN_EDGE = 0.08  # s to either side of the edge of a measured excerpt whose lips belong to other words
NARROWEST_MM = 1.3  # of lips that no closing sound shuts: a slit of fewer pixels measures as shut
JAW_SHARE = 0.7  # of the opening, where only that was measured: that of open vowels by the rules
WIDTH_UNIT = 0.022  # distances between the eyes to a talker's standard deviation: the median of eight talkers
CLOSING_VISEMES = frozenset({"PP", "FF", "sil"})


@dataclass(frozen=True, slots=True, eq=False)
class PlacedUtterance:
    """An utterance in a clip: from when to when, its phones at the clip's times, its lips at its own times."""

    start: float
    end: float
    segments: tuple[Segment, ...]
    lips: LipTrack | None


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """coefficients: (frames, 14); viseme: (frames,) index; known: (frames,) bits of what of it is true."""

    coefficients: Array
    viseme: NDArray[np.uint8]
    known: NDArray[np.uint8]


def label(spoken: Sequence[PlacedUtterance], clean: Array, frames: int) -> Labels:
    """Labels of a clip of so many frames. clean: (n,) its audio at 16 kHz, without noise."""
    segments = [segment for utterance in spoken for segment in utterance.segments]
    motion = articulate(segments, frames, loudness_effort(clean, frames))
    known = np.full(frames, ALL, np.uint8)
    width = np.full(frames, np.nan, np.float32)
    for utterance in spoken:
        if utterance.lips:
            motion = _with_measured_lips(
                motion, utterance, utterance.lips.sampled(frames, utterance.start, utterance.end), width
            )
            _mark_known(known, utterance, motion, utterance.lips.sampled(frames, utterance.start, utterance.end))
    return Labels(coefficients(motion, width), motion.viseme, known)


def _with_measured_lips(motion: Articulation, utterance: PlacedUtterance, lips: LipTrack, width: Array) -> Articulation:
    """The motion with what was measured in place of the rules' values; width is written where it was measured."""
    closing = np.isin(motion.viseme, [VISEMES.index(name) for name in CLOSING_VISEMES])
    least = np.where(closing | (not utterance.segments), 0.0, NARROWEST_MM)
    seen = np.isfinite(lips.opening)
    opening = np.where(seen, np.maximum(WIDE_MM * np.clip(lips.opening, 0, 1.5), least), motion.opening)
    width[:] = np.where(np.isfinite(lips.width), WIDTH_UNIT * np.clip(lips.width, -3, 3), width)
    motion = replace(
        motion,
        opening=opening.astype(np.float32),
        rounding=np.where(np.isfinite(lips.rounding), lips.rounding, motion.rounding).astype(np.float32),
    )
    if utterance.segments:
        return motion
    return replace(motion, jaw=np.where(seen, JAW_SHARE * opening, motion.jaw).astype(np.float32))


def _mark_known(known: NDArray[np.uint8], utterance: PlacedUtterance, motion: Articulation, lips: LipTrack) -> None:
    """Note what of a measured utterance is known: nothing at its edges, no viseme without phones."""
    when = np.arange(len(known)) / RATE
    inside = (when >= utterance.start) & (when < utterance.end)
    edge = (np.abs(when - utterance.start) < UNKNOWN_EDGE) | (np.abs(when - utterance.end) < UNKNOWN_EDGE)
    said = VISEME if utterance.segments else 0
    wide = np.where(np.isfinite(lips.width), WIDTH, 0)
    seen = np.where(np.isfinite(lips.opening), OPENING | SHAPE | wide, 0) | said
    known[inside] = seen[inside]
    known[edge] = 0
