"""From what was seen and heard, with its times, to latencies. Pure: arrays in, numbers out.

A trace is times (seconds, rising) and values. Events are matched in order of time: a vowel every second and
latencies far below that leave no doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_S = 0.6  # an answer later than this belongs to no event
QUIET_S = 0.15  # before an event: what closed lips and silence look like
HALF = 0.5  # an event has begun when half of its height is reached …
CLOSED = 0.4  # … and is over when less is left: a swaying head alone darkens the mouth's place by up to 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def between(self, start: float, end: float) -> Trace:
        inside = (self.times >= start) & (self.times < end)
        return Trace(self.times[inside], self.values[inside])


def onsets(trace: Trace, threshold: float, quiet_s: float = 0.2) -> list[float]:
    """Times at which the trace rises above the threshold after `quiet_s` below it."""
    found: list[float] = []
    last_loud = -np.inf
    for time, value in zip(trace.times, trace.values, strict=True):
        if value >= threshold:
            if time - last_loud > quiet_s:
                found.append(float(time))
            last_loud = time
    return found


def answer(trace: Trace, event: float, duration: float, typical: float) -> float | None:
    """When the trace first reaches half its height after `event`; None if it rises by less than half of `typical`."""
    quiet = trace.between(event - QUIET_S, event)
    after = trace.between(event, event + LONGEST_S + duration)
    if not len(quiet.times) or not len(after.times):
        return None
    floor, peak = float(np.median(quiet.values)), float(after.values.max())
    if peak - floor < HALF * typical:
        return None
    risen = after.times[after.values >= floor + HALF * (peak - floor)]
    return float(risen[0]) if risen[0] - event < LONGEST_S else None


def delays(trace: Trace, events: list[float], duration: float) -> list[float | None]:
    """Event → answer, seconds, for each event."""
    low, high = np.percentile(trace.values, [5, 95])
    times = [answer(trace, event, duration, float(high - low)) for event in events]
    return [None if time is None else time - event for time, event in zip(times, events, strict=True)]


def fall_time(trace: Trace, moment: float, low: float, high: float) -> float | None:
    """How long after `moment` the trace has fallen for good, for 0.2 s, below CLOSED between low and high."""
    after = trace.between(moment, moment + LONGEST_S)
    above = after.times[after.values > low + CLOSED * (high - low)]
    if not len(after.times) or (len(above) and above[-1] > moment + LONGEST_S - 0.2):
        return None
    below = after.times[after.times > above[-1]] if len(above) else after.times
    return float(below[0] - moment) if len(below) else None


def percentiles(values: list[float], *, scale: float = 1000.0) -> dict[str, float | int | None]:
    """p50, p95, p99, max and n, in milliseconds."""
    if not values:
        return {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}
    ranks = np.percentile(np.asarray(values) * scale, [50, 95, 99, 100])
    names = ("p50", "p95", "p99", "max")
    spread: dict[str, float | int | None] = {"n": len(values)}
    return spread | {name: round(float(rank), 1) for name, rank in zip(names, ranks, strict=True)}
