"""Fair scheduling of full-quality frames under overload: deficit round robin with exponential back-off.

A degraded frame shows what the network added to an earlier one, so one in full now and then is worth much, and many
sessions with some are better than some with all. Where time is short again and again, fewer are drawn in full: for one
speaking session less, at last one in two frames, none. After a pause more are tried; the pause doubles with every try
that fails, so that tries cost next to nothing while a load lasts, and afterwards nobody waits much longer than it
lasted. Knows no frames, and is told the time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Sequence

FRACTIONS = (0.5, 0.0)  # of a full frame in a frame's time, where one is too many
MOMENT_S = 0.25  # overloads so close together have one cause and count once
OVERLOADS, OVERLOADED_S = 8, 5.0  # so many overloads in so long are a load; fewer are stalls
TRIAL_OVERLOADS, TRIAL_S = 3, 1.0  # so many in so long after more were tried end the try
PAUSE_S, LONGEST_PAUSE_S = 1.0, 32.0  # before more are tried: the first time, and at most
STEADY_S = 30.0  # a try that held so long has not failed
ROUNDING = 1e-9  # of sums of shares


class FairShare:
    """One engine's. Sessions are told apart by any key; only active ones, in which somebody speaks, have turns."""

    __slots__ = ("_added_at", "_credit", "_level", "_overloads", "_pause", "_retry_at")

    def __init__(self) -> None:
        self._credit: dict[Hashable, float] = {}  # of active sessions: the part of a full frame, below 1
        self._level = math.inf  # full frames in a frame's time that there is time for
        self._overloads: deque[float] = deque(maxlen=OVERLOADS)  # when the latest began
        self._pause = PAUSE_S
        self._added_at = self._retry_at = float("-inf")

    @property
    def level(self) -> float:
        """Full frames in a frame's time, of all sessions together."""
        return min(self._level, len(self._credit))

    def leave(self, session: Hashable) -> None:
        """Nobody speaks in the session any more."""
        if session in self._credit:
            del self._credit[session]
            self._redistribute(self._by_credit())

    def activate(self, session: Hashable, now: float) -> bool:
        """Somebody speaks in the session. Returns whether more are tried from now on than were known to fit."""
        if session not in self._credit:
            self._credit[session] = -1.0  # after all who are here already
            self._redistribute(self._by_credit())
        if self._level >= len(self._credit) or now < self._retry_at:
            return False
        self._level = above(self._level)
        self._added_at, self._retry_at = now, now + TRIAL_S
        self._overloads.clear()
        self._redistribute(list(self._credit))
        return True

    def grant(self, session: Hashable) -> bool:
        """A frame is asked for by an active session: is it the turn of one in full?"""
        credit = self._credit[session] + self.level / len(self._credit)
        turn = credit >= 1 - ROUNDING
        self._credit[session] = credit - turn
        return turn

    def overload(self, now: float, never: bool = False) -> None:
        """There was no time for a full frame, or it came late. never: there is none for even a single one."""
        if self._overloads and now - self._overloads[-1] < MOMENT_S:
            return
        self._overloads.append(now)
        load = len(self._overloads) == OVERLOADS and now - self._overloads[0] < OVERLOADED_S
        trial = now - self._added_at < TRIAL_S
        if load or (trial and len(self._overloads) >= TRIAL_OVERLOADS):
            self._lower(now, 0.0 if never else below(self.level))

    def _lower(self, now: float, level: float) -> None:
        failed = now - self._added_at < STEADY_S
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S) if failed else PAUSE_S
        self._level = level
        self._retry_at = now + self._pause
        self._added_at = float("-inf")  # the try is over
        self._overloads.clear()
        self._redistribute(list(self._credit))  # credit says little: turns were lost for which there was no time

    def _by_credit(self) -> list[Hashable]:
        """Active sessions by credit, next one last; joins and leaves keep the order."""
        return sorted(self._credit, key=self._credit.__getitem__)

    def _redistribute(self, order: Sequence[Hashable]) -> None:
        """Spread the credit anew, more from first to last, so that turns do not fall together."""
        for rank, session in enumerate(order):
            self._credit[session] = rank / len(order)


def below(level: float) -> float:
    """The next lower level; below the lowest there is none."""
    if level > 1:
        return math.ceil(level) - 1
    return next((fraction for fraction in FRACTIONS if fraction < level), FRACTIONS[-1])


def above(level: float) -> float:
    """The next higher level."""
    if level >= 1:
        return math.floor(level) + 1
    return next((fraction for fraction in reversed(FRACTIONS) if fraction > level), 1)
