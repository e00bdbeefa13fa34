"""How long work of one kind takes when it takes long: what nearly all of it lately stayed below. Knows no clock."""

from __future__ import annotations

from collections import deque
from itertools import islice

WINDOW_S = 10.0  # what was before says nothing about now
SAMPLES = 250  # at most: 10 s of one session
EXCEEDED = 50  # one in so many may take longer: dearer pictures for the sake of rare stalls would be a bad bargain
RECENT_S, RECENT = 1.0, 8  # of the latest few the second longest counts too: one alone may be a stall, two are a load


class LatencyQuantile:
    """Of one kind of work. It rises with the second piece that takes longer and falls as those are forgotten."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)  # (when it ended, seconds it took)

    def note(self, now: float, seconds: float) -> None:
        self._samples.append((now, seconds))

    def bound(self, now: float) -> float | None:
        """Seconds that a piece of work will hardly exceed; None while nothing is known."""
        while self._samples and self._samples[0][0] < now - WINDOW_S:
            self._samples.popleft()
        if not self._samples:
            return None
        longest = sorted((seconds for _, seconds in self._samples), reverse=True)
        steady = longest[len(longest) // EXCEEDED]
        lately = sorted(seconds for at, seconds in islice(reversed(self._samples), RECENT) if at >= now - RECENT_S)
        return max(steady, lately[-2:][0]) if lately else steady
