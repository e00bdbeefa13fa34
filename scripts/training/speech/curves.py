"""Phone times to the motion of the lips: blended targets with hard constraints. Knows no sound but its loudness.

Each articulator follows the phones that ask something of it (Cohen and Massaro 1993: exponential dominance, summed and
normalised); afterwards p b m are forced shut for the whole of their closure and f v nearly so, because a
normalised blend leaves them open between two open vowels. Openings are millimetres on the canonical head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.motion import VISEMES
from scripts.training.speech.lip_track import RATE as RATE
from scripts.training.speech.phone_targets import phone_targets
from scripts.training.speech.phones import BILABIALS, LABIODENTALS, PHONES, SILENCE, STOPS, VOWELS, Phone
from scripts.training.speech.utterance import Segment

Track = NDArray[np.float32]

NEGLIGIBLE = 1e-3  # weight of rest, so that the blend is defined everywhere

BLEND = phone_targets().blend  # fitted on measured lips

# Reach of a phone beyond its core, in seconds: before it, after it.
OPENING_REACH = (BLEND.reach_before, BLEND.reach_after)
JAW_REACH = (0.065, 0.070)
ROUNDING_REACH = (BLEND.width_reach_before, BLEND.width_reach_after)
ONSET_REACH = 0.050  # of the first phone after a pause: the preparatory gesture
OFFSET_REACH = BLEND.reach_after_last  # of the last phone before one: lips close at leisure
EDGE, LONGEST_EDGE = 0.25, 0.050  # of a phone's length, and s: what at either end is not at full weight
PREPARATION = 0.080  # s before the first phone after a pause is heard that rest gives way: lips are half open some
# 30 ms ahead of the voice, as in running speech (Schwartz and Savariaux: -20 to 70 ms), for a look-ahead shows no more
CLOSING = 0.110  # s of a pause until rest is at full weight again

GLOTTAL_STOP = 0.09  # s: a shorter silence inside speech does not reach the lips
GLOTTAL_WEIGHT = 0.02  # its weight
SHORT_PAUSE = BLEND.short_pause  # s: lips stay ajar
AJAR = BLEND.ajar  # mm
CLOSED_SPEED = BLEND.closing_speed  # mm of opening per s away from a closure: full opening after some 80 ms
TUCK_OPENING = BLEND.tuck  # mm, f and v
SHORTEST_CLOSURE = 0.06  # s
UNDERSHOOT = BLEND.undershoot  # s: a vowel shorter than this does not reach its target
LEAST_REACHED = 0.55  # of the target of the shortest vowel
SMOOTHING = 0.014  # s, deviation: lips are a smooth mass


@dataclass(frozen=True, slots=True, eq=False)
class Articulation:
    """What the mouth does, at RATE: opening and jaw in mm, the rest in [0, 1]; viseme: index into VISEMES."""

    opening: Track
    jaw: Track
    rounding: Track
    spreading: Track
    tongue: Track
    press: Track
    tuck: Track
    viseme: NDArray[np.uint8]


def articulate(segments: Sequence[Segment], frames: int, effort: Track) -> Articulation:
    """The articulation of frames frames.

    effort: (frames,) about 1; how widely the talker opens, from loudness. Times outside the segments are silence.
    """
    t: Track = np.arange(frames, dtype=np.float32) / np.float32(RATE)
    spoken = fill(segments, frames / RATE)
    lip = _Blend(spoken, t, OPENING_REACH)
    rest = {i: BLEND.silence_after if i else BLEND.silence_before for i, s in enumerate(spoken) if s.phone == SILENCE}
    strength = np.array([_strength(s, effort) for s in spoken], np.float32)
    opening = lip(lambda p: p.opening, lambda p: p.weight, strength, ajar(spoken), rest)
    jaw = _Blend(spoken, t, JAW_REACH)(lambda p: p.jaw, lambda p: p.jaw_weight, strength)
    wide = _Blend(spoken, t, ROUNDING_REACH)
    rounding = wide(lambda p: p.rounding, lambda p: p.rounding_weight)
    spreading = wide(lambda p: p.spreading, lambda p: p.rounding_weight)
    tongue = lip(lambda p: p.tongue, lambda p: p.weight, rest=rest)
    shut = distance(spoken, t, BILABIALS)
    tuck = distance(spoken, t, LABIODENTALS)
    ceiling = np.minimum(_ceiling(shut, 0.0), _ceiling(tuck, TUCK_OPENING))
    return Articulation(
        smooth(np.minimum(opening, ceiling)),
        smooth(jaw),
        smooth(rounding),
        smooth(spreading),
        smooth(tongue),
        smooth(_near(shut)),
        smooth(_near(tuck)),
        _visemes(spoken, t),
    )


def loudness_effort(samples: Track, frames: int) -> Track:
    """How widely the talker opens, (frames,), from noise-free 16 kHz sound: 0.7 for soft to 1.15 for loud speech."""
    hop = 160
    padded = np.zeros(frames * hop, np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    power = (padded.reshape(frames, hop) ** 2).mean(axis=1)
    power = np.convolve(power, np.hanning(13) / np.hanning(13).sum(), "same")
    level = 10 * np.log10(power + 1e-9)
    loud = np.percentile(level, 95)
    effort: Track = (0.7 + 0.45 * np.clip((level - loud + 20) / 22, 0, 1)).astype(np.float32)
    return effort


class _Blend:
    """Dominance of every segment over every frame, for one reach."""

    def __init__(self, segments: Sequence[Segment], t: Track, reach: tuple[float, float]) -> None:
        self._phones = [PHONES[s.phone] for s in segments]
        cores = cores_of(segments)
        before = np.array([_reach_before(segments, i, reach[0]) for i in range(len(segments))], np.float32)[:, None]
        after = np.array([_reach_after(segments, i, reach[1]) for i in range(len(segments))], np.float32)[:, None]
        early, late = apart(cores, t)
        self._dominance = np.exp(-early / before - late / after)
        self._length = np.array([s.end - s.start for s in segments], np.float32)

    def __call__(
        self,
        target: Callable[[Phone], float],
        weight: Callable[[Phone], float],
        scale: Track | None = None,
        instead: dict[int, float] | None = None,
        rest: dict[int, float] | None = None,
    ) -> Track:
        """scale: (segments,) of the targets; instead: targets, rest: weights of some segments, by their index."""
        targets = np.array([target(p) for p in self._phones], np.float32)
        for i, value in (instead or {}).items():
            targets[i] = value
        if scale is not None:
            targets = targets * scale
        quiet = np.array([p.viseme == "sil" for p in self._phones], bool) & (self._length < GLOTTAL_STOP)
        insisting = np.array([weight(p) for p in self._phones], np.float32)
        for i, value in (rest or {}).items():
            insisting[i] = value
        weights = np.where(quiet, GLOTTAL_WEIGHT, insisting).astype(np.float32)
        total = weights @ self._dominance + NEGLIGIBLE
        blended: Track = (weights * targets) @ self._dominance / total
        return blended


def fill(segments: Sequence[Segment], length: float) -> list[Segment]:
    """The segments with silence before, between and after them, and silences that touch made one."""
    filled: list[Segment] = []
    now = 0.0
    tail = Segment(length, length, SILENCE, length)
    for segment in (*segments, tail):
        gap = segment.start > now + 1e-3
        for s in ([Segment(now, segment.start, SILENCE, segment.start)] if gap else []) + [segment]:
            if filled and s.phone == SILENCE == filled[-1].phone:
                filled[-1] = Segment(filled[-1].start, s.end, SILENCE, s.end)
            else:
                filled.append(s)
        now = max(now, segment.end)
    return [s for s in filled if s.end > s.start]


def cores_of(segments: Sequence[Segment]) -> Track:
    """(segments, 2): from when to when, in s, each is at full weight."""
    return np.array([_core(segments, i) for i in range(len(segments))], np.float32).reshape(-1, 2)


def apart(cores: Track, t: Track) -> tuple[Track, Track]:
    """(segments, frames) each: by how many seconds a frame is before a core, and after it; 0 inside."""
    return np.maximum(cores[:, :1] - t[None], 0), np.maximum(t[None] - cores[:, 1:], 0)


def _core(segments: Sequence[Segment], i: int) -> tuple[float, float]:
    """When a segment is at full weight."""
    segment = segments[i]
    length = segment.end - segment.start
    if segment.phone == SILENCE:
        after = CLOSING if i else 0.0
        ahead = PREPARATION - (_sounds(segments[i + 1]) - segment.end) if i + 1 < len(segments) else 0.0
        after, ahead = (edge * min(1.0, length / max(after + ahead, 1e-9)) for edge in (after, max(ahead, 0.0)))
        return segment.start + after, segment.end - ahead
    edge = min(EDGE * length, LONGEST_EDGE)
    first = _sounds(segment) if i and segments[i - 1].phone == SILENCE else segment.start + edge
    return min(first, segment.end - edge), segment.end - edge


def _sounds(segment: Segment) -> float:
    """When a segment is first heard: a stop after a pause at its burst."""
    return segment.release if segment.phone in STOPS else segment.start


def _reach_before(segments: Sequence[Segment], i: int, usual: float) -> float:
    return max(usual, ONSET_REACH) if after_pause(segments, i) else usual


def _reach_after(segments: Sequence[Segment], i: int, usual: float) -> float:
    return max(usual, OFFSET_REACH) if before_pause(segments, i) else usual


def after_pause(segments: Sequence[Segment], i: int) -> bool:
    return i > 0 and segments[i - 1].phone == SILENCE


def before_pause(segments: Sequence[Segment], i: int) -> bool:
    return i + 1 < len(segments) and segments[i + 1].phone == SILENCE


def _strength(segment: Segment, effort: Track) -> float:
    """How much of its opening a phone reaches: louder and longer vowels more."""
    if segment.phone not in VOWELS:
        return 1.0
    reached = min(1.0, LEAST_REACHED + (1 - LEAST_REACHED) * (segment.end - segment.start) / UNDERSHOOT)
    return loudest(segment, effort) * reached


def loudest(segment: Segment, effort: Track) -> float:
    """The widest effort within a segment."""
    first = min(int(segment.start * RATE), len(effort) - 1)
    last = max(first + 1, int(segment.end * RATE))
    return float(effort[first:last].max())


def ajar(segments: Sequence[Segment]) -> dict[int, float]:
    """Openings of short pauses between words, which leave the lips ajar, by index."""
    inner = range(1, len(segments) - 1)
    return {
        i: AJAR for i in inner if segments[i].phone == SILENCE and segments[i].end - segments[i].start < SHORT_PAUSE
    }


def distance(segments: Sequence[Segment], t: Track, phones: frozenset[str]) -> Track:
    """Seconds from every frame to the nearest constriction of one of the phones; 0 inside."""
    nearest = np.full(len(t), 9.0, np.float32)
    for segment in segments:
        if segment.phone in phones:
            end = max(segment.release, segment.start + SHORTEST_CLOSURE)
            nearest = np.minimum(nearest, np.maximum(np.maximum(segment.start - t, t - end), 0))
    return nearest


def _ceiling(distance: Track, least: float) -> Track:
    ceiling: Track = least + CLOSED_SPEED * np.maximum(distance - 0.005, 0)
    return ceiling


def _near(distance: Track) -> Track:
    """1 inside a constriction, 0 from 40 ms away."""
    near: Track = np.clip(1 - distance / 0.04, 0, 1)
    return near


def smooth(track: Track) -> Track:
    width = SMOOTHING * RATE
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / width) ** 2)
    smoothed: Track = np.convolve(np.pad(track, 4, "edge"), kernel / kernel.sum(), "valid").astype(np.float32)
    return smoothed


def _visemes(segments: Sequence[Segment], t: Track) -> NDArray[np.uint8]:
    """What the lips show: after the burst of p or b, the phone that follows."""
    following = [*segments[1:], segments[-1]]
    marks: list[tuple[float, str]] = []
    for segment, after in zip(segments, following, strict=True):
        marks.append((segment.start, segment.phone))
        released = max(segment.release, segment.start + SHORTEST_CLOSURE)
        if segment.phone in BILABIALS and released < segment.end:
            marks.append((released, after.phone))
    index = np.searchsorted(np.array([start for start, _ in marks]), t, "right") - 1
    names = np.array([VISEMES.index(PHONES[phone].viseme) for _, phone in marks], np.uint8)
    visemes: NDArray[np.uint8] = names[np.clip(index, 0, len(marks) - 1)]
    return visemes
