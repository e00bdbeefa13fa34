"""Which frames of a call to draw at full effort: learnt from how long calls took. Knows no clock.

A frame is drawn in full where it is its session's turn (fair_share.py) and where calls of that kind nearly always
ended in time: before the first frame of the call is due, and soon enough after it for a degraded frame of every
other session. Silent frames are nearly free, so their timings are not recorded.

Planning runs on the event loop before every call, and matters most when time is short. So what calls cost is worked
out once for a plan, and each number of full frames that might fit is then looked up.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from streamer.scheduling.fair_share import FairShare
from streamer.scheduling.quantile import LatencyQuantile

GONE_S = 1.0  # no frame asked for so long: the session is over
QUICK_SHARE = 0.25  # of a full frame's time, until degraded ones were drawn
ONE_MORE = 0.5  # of a frame's time in a call of fewer, until so many were drawn: a guess that one call puts right
SILENT_S = 2.0  # nobody spoke for so long: the session needs no full frames


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A frame that is asked for. due: when it must be drawn, seconds; voiced: somebody speaks."""

    session: Hashable
    due: float
    voiced: bool


class Costs:
    """What calls cost at one moment. known: number of full frames → seconds that such calls hardly ever exceed."""

    __slots__ = ("_counts", "_seconds")

    def __init__(self, known: dict[int, float]) -> None:
        self._counts = sorted(known)
        self._seconds: list[float] = []  # more take no less than fewer
        for count in self._counts:
            self._seconds.append(max(known[count], self._seconds[-1] if self._seconds else 0.0))

    def of(self, full: int) -> float:
        """Seconds for so many full frames; 0 while nothing is known. Where so many were not drawn lately, ONE_MORE
        each.
        """
        if not self._counts:
            return 0.0
        place = bisect_right(self._counts, full)
        if place == 0:
            return self._seconds[0]
        known = self._counts[place - 1]
        return self._seconds[place - 1] * (1 + ONE_MORE * (full - known) / known)


class LoadControl:
    """One engine's. frame_s: seconds between two frames of a session."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        # By the number of full frames: seconds of the call less its degraded frames.
        self._full: dict[int, LatencyQuantile] = {}
        self._quick = LatencyQuantile()  # seconds for one degraded frame
        self._next: dict[Hashable, float] = {}  # when each session's next frame will be due
        self._budget = 0.0  # the longest that there ever was between a frame's asking and its due time
        self._spoke: dict[Hashable, float] = {}
        self._fair_share = FairShare()

    def plan(self, call: Sequence[FrameRequest], now: float) -> list[bool]:
        """Which of the call's frames, the most urgent first, to draw in full."""
        self._forget_gone(now)
        for request in call:
            self.observe(request, now)
        turns = [request.session for request in call if request.voiced and self._fair_share.grant(request.session)]
        fits = self._most_that_fit(len(turns), call, now)
        if fits < len(turns):
            self._overload(now)
        drawn = set(turns[:fits])
        return [not request.voiced or request.session in drawn for request in call]

    def observe(self, request: FrameRequest, now: float) -> None:
        self._next[request.session] = request.due + self._frame_s
        self._budget = max(self._budget, request.due - now)
        if request.voiced:
            self._spoke[request.session] = now
            before = math.ceil(self._fair_share.level)
            if self._fair_share.activate(request.session, now):
                # What more cost than were drawn in one call is to be found out anew.
                self._full = {count: quantile for count, quantile in self._full.items() if count <= before}
        elif now - self._spoke.get(request.session, now) > SILENT_S:
            self._silent(request.session)

    def _silent(self, session: Hashable) -> None:
        self._fair_share.leave(session)
        self._spoke.pop(session, None)

    def _forget_gone(self, now: float) -> None:
        for session in [session for session, due in self._next.items() if due < now - GONE_S]:
            del self._next[session]
            self._silent(session)

    def _most_that_fit(self, turns: int, call: Sequence[FrameRequest], now: float) -> int:
        """With how many full frames, at most `turns`, the call would be in time; and the next one too, if that draws
        all that comes meanwhile degraded.
        """
        if not turns:
            return 0
        costs = self._costs(now)
        quick = self._quick_cost(costs, now)
        # What was due and has not come is too late already, or its session has gone: nobody waits for it.
        coming = sorted(due for due in self._next.values() if due > now)
        for full in range(turns, 0, -1):
            end = now + costs.of(full) + quick * (len(call) - full)
            if end > call[0].due:
                continue
            meanwhile = bisect_right(coming, end + self._budget)
            if not meanwhile or end + quick * meanwhile <= coming[0]:
                return full
        return 0

    def _overload(self, now: float) -> None:
        self._fair_share.overload(now, never=self._costs(now).of(1) > self._budget)

    def _costs(self, now: float) -> Costs:
        known = {count: quantile.p98(now) for count, quantile in self._full.items()}
        return Costs({count: seconds for count, seconds in known.items() if seconds is not None})

    def _quick_cost(self, costs: Costs, now: float) -> float:
        """Seconds that a degraded frame hardly ever exceeds."""
        known = self._quick.p98(now)
        return QUICK_SHARE * costs.of(1) if known is None else known

    def note(self, call: Sequence[FrameRequest], drawn: Sequence[bool], began: float, now: float) -> None:
        """A call that was planned so has ended."""
        full = sum(request.voiced and in_full for request, in_full in zip(call, drawn, strict=True))
        if full:
            rest = self._quick_cost(self._costs(now), now) * (len(call) - full)
            self._full.setdefault(full, LatencyQuantile()).note(now, max(now - began - rest, 0.0))
            if now > call[0].due:
                self._overload(now)
        elif not any(drawn):
            self._quick.note(now, (now - began) / len(call))
