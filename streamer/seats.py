"""Whose pictures are drawn in full when not all can be: the same sessions' for seconds at a time.

A mouth that goes back and forth between the network's picture and the structure frame is worse than one that stays
with either. So where time is short again and again, one session less has full pictures, and one more is tried after a
pause; it doubles with every try that fails, so that tries cost next to nothing while a load lasts, and afterwards
nobody waits much longer than it lasted. Who goes without takes turns. Knows no pictures, and is told the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

MANY = 1_000_000  # more than any number of sessions
MOMENT_S = 0.25  # trouble so close together has one cause and counts once
TROUBLES, TROUBLED_S = 5, 5.0  # so many moments of trouble in so long are a load; fewer are stalls
TRIAL_TROUBLES, TRIAL_S = 2, 2.0  # so many in so long after a seat was added take it away again
PAUSE_S, LONGEST_PAUSE_S = 1.0, 32.0  # before a seat is added: the first time, and at most
STEADY_S = 30.0  # a seat that was kept so long was no failed try
TURN_S = 10.0  # so long one session keeps its seat while another waits for it


class Seats:
    """One engine's. Sessions are told apart by any key; only those that speak need a seat."""

    __slots__ = ("_added_at", "_count", "_order", "_pause", "_retry_at", "_troubles", "_turned_at")

    def __init__(self) -> None:
        self._order: list[Hashable] = []  # who speaks; the first `_count` have seats
        self._count = MANY
        self._troubles: deque[float] = deque(maxlen=TROUBLES)  # when the latest began
        self._pause = PAUSE_S
        self._added_at = self._retry_at = self._turned_at = float("-inf")

    @property
    def taken(self) -> list[Hashable]:
        """Who has a seat; who will lose theirs next is last."""
        return self._order[: self._count]

    def leave(self, session: Hashable) -> None:
        """The session speaks no more."""
        if session in self._order:
            self._order.remove(session)

    def ask(self, session: Hashable, now: float) -> bool:
        """The session speaks. Returns whether a seat was added for it: one more than were known to fit."""
        if session not in self._order:
            self._order.append(session)
        self._turn(now)
        if session in self.taken or now < self._retry_at:
            return False
        self._order.remove(session)
        self._order.insert(self._count, session)
        self._count += 1
        self._added_at, self._retry_at = now, now + TRIAL_S
        self._troubles.clear()
        return True

    def _turn(self, now: float) -> None:
        if len(self._order) <= self._count:
            self._turned_at = now  # nobody waits
        elif self._count and now - self._turned_at >= TURN_S:
            self._order.append(self._order.pop(0))
            self._turned_at = now

    def trouble(self, now: float) -> None:
        """There was no time for somebody's full picture, or it came late."""
        if self._troubles and now - self._troubles[-1] < MOMENT_S:
            return
        self._troubles.append(now)
        load = len(self._troubles) == TROUBLES and now - self._troubles[0] < TROUBLED_S
        trial = now - self._added_at < TRIAL_S
        if load or (trial and len(self._troubles) >= TRIAL_TROUBLES):
            self._remove(now)

    def _remove(self, now: float) -> None:
        failed = now - self._added_at < STEADY_S
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S) if failed else PAUSE_S
        if len(self._order) <= self._count:
            self._turned_at = now  # nobody waited until now
        self._count = max(0, len(self.taken) - 1)
        self._retry_at = now + self._pause
        self._added_at = min(self._added_at, now - TRIAL_S)  # the trial is over
        self._troubles.clear()
