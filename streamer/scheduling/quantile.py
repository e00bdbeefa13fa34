"""Sliding-window upper quantile of a task's duration. Knows no clock."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from itertools import islice

WINDOW_S = 10.0  # what was before says nothing about now
SAMPLES = 250  # at most: 10 s of one session
EXCEEDED = 50  # one in so many may take longer: dearer frames for the sake of rare stalls would be a bad bargain
RECENT_S, RECENT = 1.0, 8  # of the latest few the second longest counts too: one alone may be a stall, two are a load


class LatencyQuantile:
    """The 98th percentile of one kind of work. It rises with the second sample that is longer and falls as those leave
    the window.

    Asked for every frame of every session, so the samples are kept in order: noting one and asking cost microseconds.
    """

    __slots__ = ("_ordered", "_samples")

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)  # (when it ended, seconds it took)
        self._ordered: list[float] = []  # seconds of the same samples, shortest first

    def note(self, now: float, seconds: float) -> None:
        if len(self._samples) == SAMPLES:
            self._drop_oldest()
        self._samples.append((now, seconds))
        insort(self._ordered, seconds)

    def p98(self, now: float) -> float | None:
        """Seconds that the work will hardly exceed; None while nothing is known."""
        while self._samples and self._samples[0][0] < now - WINDOW_S:
            self._drop_oldest()
        if not self._samples:
            return None
        steady = self._ordered[-1 - len(self._ordered) // EXCEEDED]
        lately = sorted(seconds for at, seconds in islice(reversed(self._samples), RECENT) if at >= now - RECENT_S)
        return max(steady, lately[-2:][0]) if lately else steady

    def _drop_oldest(self) -> None:
        _, seconds = self._samples.popleft()
        del self._ordered[bisect_left(self._ordered, seconds)]
