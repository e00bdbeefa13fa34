"""Which frames of a call to draw at full effort: learnt from how long calls took. Knows no clock.

A frame is drawn in full where it is its session's turn (fair_share.py) and where calls of that kind nearly always
ended in time: before the first frame of the call is due, and soon enough after it for a degraded frame of every
other session. Silent frames are nearly free, so their timings are not recorded.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from streamer.scheduling.fair_share import FairShare
from streamer.scheduling.quantile import LatencyQuantile

GONE_S = 1.0  # no frame asked for so long: the session is over
QUICK_SHARE = 0.25  # of a full frame's time, until degraded ones were drawn
ONE_MORE = 0.5  # of a picture's time in a call of fewer, until so many were drawn: a guess that one call puts right
SILENT_S = 2.0  # nobody spoke for so long: the session needs no full pictures


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A picture that is asked for. due: when it must be drawn, seconds; voiced: somebody speaks."""

    session: Hashable
    due: float
    voiced: bool


class LoadControl:
    """One engine's. frame_s: seconds between two pictures of a session."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._full: dict[
            int, LatencyQuantile
        ] = {}  # by the number of full frames: seconds of the call less its degraded frames
        self._quick = LatencyQuantile()  # seconds for one degraded frame
        self._next: dict[Hashable, float] = {}  # when each session's next picture will be due
        self._budget = 0.0  # the longest that there ever was between a picture's asking and its due time
        self._spoke: dict[Hashable, float] = {}
        self._fair_share = FairShare()

    def plan(self, call: Sequence[FrameRequest], now: float) -> list[bool]:
        """Which of the call's pictures, the most urgent first, to draw in full."""
        self._forget_gone(now)
        for wanted in call:
            self.observe(wanted, now)
        turns = [one.session for one in call if one.voiced and self._fair_share.take(one.session)]
        fits = len(turns)
        while fits and not self._fits(fits, call, now):
            fits -= 1
        if fits < len(turns):
            self._overload(now)
        drawn = turns[:fits]
        return [not one.voiced or one.session in drawn for one in call]

    def observe(self, wanted: FrameRequest, now: float) -> None:
        self._next[wanted.session] = wanted.due + self._frame_s
        self._budget = max(self._budget, wanted.due - now)
        if wanted.voiced:
            self._spoke[wanted.session] = now
            before = math.ceil(self._fair_share.level)
            if self._fair_share.speak(wanted.session, now):
                # What more cost than were drawn in one call is to be found out anew.
                self._full = {count: tail for count, tail in self._full.items() if count <= before}
        elif now - self._spoke.get(wanted.session, now) > SILENT_S:
            self._silent(wanted.session)

    def _silent(self, session: Hashable) -> None:
        self._fair_share.leave(session)
        self._spoke.pop(session, None)

    def _forget_gone(self, now: float) -> None:
        for session in [session for session, due in self._next.items() if due < now - GONE_S]:
            del self._next[session]
            self._silent(session)

    def _fits(self, full: int, call: Sequence[FrameRequest], now: float) -> bool:
        """Would the call be in time, and the next one, if that draws all that comes meanwhile degraded?"""
        quick = self._quick_cost(now)
        end = now + self._cost(full, now) + quick * (len(call) - full)
        # What was due and has not come is too late already, or its session has gone: nobody waits for it.
        meanwhile = [due for due in self._next.values() if due > now and due - self._budget <= end]
        return end <= call[0].due and end + quick * len(meanwhile) <= min(meanwhile, default=end)

    def _overload(self, now: float) -> None:
        self._fair_share.trouble(now, never=self._cost(1, now) > self._budget)

    def _quick_cost(self, now: float) -> float:
        """Seconds that a degraded frame hardly ever exceeds."""
        known = self._quick.bound(now)
        return QUICK_SHARE * self._cost(1, now) if known is None else known

    def _cost(self, full: int, now: float) -> float:
        """Seconds that so many full pictures hardly ever exceed; 0 while nothing is known.

        More take no less than fewer, and where so many were not drawn lately, ONE_MORE each.
        """
        cost, known = 0.0, 0
        for count in sorted(self._full):
            bound = self._full[count].bound(now)
            if bound is None:
                continue
            if count > full:
                return cost * (1 + ONE_MORE * (full - known) / known) if known else bound
            cost, known = max(cost, bound), count
        return cost * (1 + ONE_MORE * (full - known) / known) if known else 0.0

    def note(self, call: Sequence[FrameRequest], drawn: Sequence[bool], began: float, now: float) -> None:
        """A call that was planned so has ended."""
        full = sum(one.voiced and in_full for one, in_full in zip(call, drawn, strict=True))
        if full:
            rest = self._quick_cost(now) * (len(call) - full)
            self._full.setdefault(full, LatencyQuantile()).note(now, max(now - began - rest, 0.0))
            if now > call[0].due:
                self._overload(now)
        elif not any(drawn):
            self._quick.note(now, (now - began) / len(call))
