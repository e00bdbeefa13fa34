"""The one monotonic clock. Everything else is handed a time or this clock; nothing asks the system."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that never go backwards."""

    def now(self) -> float: ...

    async def sleep_until(self, deadline: float) -> None:
        """Return at `deadline` or, if it has passed, after giving other tasks a turn."""


class MonotonicClock:
    """The system's monotonic clock, the same one that the event loop's timers use."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))
        # uvloop counts whole milliseconds from a cached time: it wakes up to 1.15 ms early (measured).
        while (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110  # time is no event to wait for
            await asyncio.sleep(left)


class MediaClock:
    """Maps media time to monotonic time: presentation time p is due at epoch + p, for audio and video alike."""

    __slots__ = ("epoch",)

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch

    def due(self, presentation_time: float) -> float:
        return self.epoch + presentation_time

    def shift(self, seconds: float) -> None:
        """Move everything not yet due by `seconds`; both tracks move together, so they stay in sync."""
        self.epoch += seconds
