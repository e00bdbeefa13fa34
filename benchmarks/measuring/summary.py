"""What a viewer saw and heard of a session, as the numbers that are promised. Knows no server and no browser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.audio_signal import VOWEL_S, TestAudio
from benchmarks.measuring.browser import ViewerTraces
from benchmarks.measuring.sync import drawn_openings, match_frames, still_began, when_audio_began
from benchmarks.measuring.traces import Trace, delays, fall_time, onsets, percentiles
from engines.speech.loader import load_lip_encoder

FRAME_MS = 40
SETTLE_S = 3.0  # a browser aligns tracks after the second sender report; what comes before is not steady
MINUTE_S = 60.0  # matched by itself: enough vowels to be sure to 3 ms, too short for two clocks to part
RECOVERY_S = 5.0  # after a burst of loss, the delay must be what it was
LEAST_ANSWERS = 30  # in a tenth: of fewer the median still moves by half a frame


def summarise(seen: ViewerTraces, audio: TestAudio, lookahead_ms: int) -> dict[str, Any]:
    """Traces to numbers."""
    events = onsets(seen.microphone, 0.5 * float(np.percentile(seen.microphone.values, 98)))
    steady = seen.shown[0] + SETTLE_S
    undisturbed = [
        event
        for event in events
        if event > steady and all(not -1.0 < moment - event < VOWEL_S + 0.8 for moment in seen.interrupts)
    ]
    opened, answers = delays(seen.lips, undisturbed, VOWEL_S), delays(seen.audio, undisturbed, VOWEL_S)
    lips = [delay for delay in opened if delay is not None]
    heard = [delay for delay in answers if delay is not None]
    frames = seen.lips.between(steady, seen.interrupts[0] if seen.interrupts else np.inf)
    drawn = drawn_openings(load_lip_encoder(lookahead_ms // FRAME_MS), audio)
    minutes = minute_by_minute(seen, longest_calm(seen.lips, steady, seen.interrupts), events, audio, drawn)
    shown = np.concatenate([minute.delays for minute in minutes])
    offsets = np.concatenate([minute.offsets for minute in minutes])
    gaps = np.diff(seen.lips.between(steady, np.inf).times)
    return {
        "join_to_first_frame_ms": round(seen.join_to_first_frame_s * 1000, 1),
        "mic_to_lips_ms": percentiles(lips),
        "mic_to_sound_ms": percentiles(heard),
        "mic_to_picture_ms": percentiles([float(delay) for delay in shown]),
        "av_offset_ms": percentiles([abs(float(offset)) for offset in offsets])
        | {
            "median": round(float(np.median(offsets)) * 1000, 1),
            "match": round(min(minute.correlation for minute in minutes), 3),
            "by_minute": [round(float(np.median(minute.offsets)) * 1000, 1) for minute in minutes],
        },
        "fps": round(1 / float(gaps.mean()), 2),
        "longest_gap_ms": round(float(gaps.max()) * 1000, 1),
        "frames": len(frames.times),
        "interrupt_ms": percentiles(silences(seen)),
        "drift_ms": {"lips": drift(opened), "sound": drift(answers)},
        "sound_after_burst_ms": recovery(seen.burst, undisturbed, answers),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Minute:
    """delays: each shown frame after its own sound at the microphone, seconds; offsets: and after that sound was
    heard; correlation: of the openings seen with those that were to be drawn."""

    correlation: float
    delays: NDArray[np.float64]
    offsets: NDArray[np.float64]


def minute_by_minute(
    seen: ViewerTraces, calm: Trace, events: list[float], audio: TestAudio, drawn: dict[float, NDArray[np.float64]]
) -> list[Minute]:
    """The calm time in parts of about a minute, each matched by itself: a microphone that hiccups or a clock that
    runs a little fast shifts what follows, and is no offset of picture and sound.

    Raises:
        ValueError: the microphone played something else, or nothing was heard for a minute.
    """
    count = max(1, round((calm.times[-1] - calm.times[0]) / MINUTE_S))
    edges = np.linspace(calm.times[0], np.nextafter(calm.times[-1], np.inf), count + 1)
    minutes, began = [], None
    for number, (start, end) in enumerate(pairwise(edges)):
        spoken = [event for event in events if start <= event < end]
        began = when_audio_began(spoken, audio) if began is None else still_began(began, spoken, audio)
        heard = [delay for delay in delays(seen.audio, spoken, VOWEL_S) if delay is not None]
        if not heard:
            raise ValueError(
                f"no vowel was heard at the viewer in minute {number + 1}: sound or microphone had stopped"
            )
        match = match_frames(calm.between(start, end), seen.numbers.between(start, end), began, drawn)
        minutes.append(Minute(match.correlation, match.delays, match.delays - np.median(heard)))
    return minutes


def recovery(burst: float | None, events: list[float], answers: list[float | None]) -> dict[str, float] | None:
    """mic → audio before a burst of loss, and from 5 s after it on."""
    if burst is None:
        return None
    pairs = [(event, answer) for event, answer in zip(events, answers, strict=True) if answer is not None]
    before = [answer for event, answer in pairs if event < burst - 1]
    after = [answer for event, answer in pairs if event > burst + RECOVERY_S]
    if not before or not after:
        return None
    return {name: round(float(np.median(part)) * 1000, 1) for name, part in (("before", before), ("after", after))}


def longest_calm(lips: Trace, start: float, interrupts: list[float]) -> Trace:
    """The longest stretch that no interruption falls into: there what is drawn is known."""
    edges = [start, *[moment + 1.5 for moment in interrupts]]
    ends = [*list(interrupts), float(lips.times[-1]) + 1]
    spans = sorted(zip(edges, ends, strict=True), key=lambda span: span[1] - span[0])
    return lips.between(*spans[-1])


def silences(seen: ViewerTraces) -> list[float]:
    """For each interruption: until the lips were closed and the sound gone."""
    low, high = np.percentile(seen.lips.values, [5, 95])
    loud = float(np.percentile(seen.audio.values, 98))
    found = []
    for moment in seen.interrupts:
        closed = fall_time(seen.lips, moment, float(low), float(high))
        silent = fall_time(seen.audio, moment, 0.0, loud)
        if closed is not None and silent is not None:
            found.append(max(closed, silent))
    return found


def drift(answers: list[float | None]) -> float | None:
    """How much later the last tenth of the answers is than the first tenth, ms: medians; None for too few."""
    part = len(answers) // 10
    ends = [[answer for answer in side if answer is not None] for side in (answers[:part], answers[-part:])]
    if min(map(len, ends)) < LEAST_ANSWERS:
        return None
    return round(float(np.median(ends[1]) - np.median(ends[0])) * 1000, 1)
