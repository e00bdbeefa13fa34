"""A token bucket: how often something may happen. Pure: time is an argument."""

from __future__ import annotations


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate` a second; full at first."""

    __slots__ = ("_burst", "_rate", "_since", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._since = float("-inf")

    def take(self, now: float, cost: float = 1.0) -> bool:
        """Take `cost` tokens, or none if there are fewer. now: monotonic seconds."""
        self._refill(now)
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def take_up_to(self, now: float, wanted: int) -> int:
        """Take as many of the `wanted` tokens as there are; returns how many."""
        self._refill(now)
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._since) * self._rate)
        self._since = now
