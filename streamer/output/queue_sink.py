"""A session's sink for a program that takes raw audio and frames: no encoder, no connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from engines.api import Frame
from streamer.clock import Clock
from streamer.session.playout import Unit
from streamer.session.sink import GRACE_S


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """The audio of a unit, or its frame: `unit.audio` for "audio", `unit.frame` for "video"."""

    kind: Literal["audio", "video"]
    unit: Unit


class QueueSink:
    """`async for output in sink` gives audio and frames as they are due, until the session has ended.

    capacity: outputs that wait for a reader that is slow; beyond that the oldest is dropped and counted in `dropped`.
    50 are one second.
    """

    def __init__(self, clock: Clock, capacity: int = 50) -> None:
        if capacity < 1:
            raise ValueError(f"capacity = {capacity}: expected 1 output or more")
        self.dropped = 0
        self._clock = clock
        self._waiting: deque[Output] = deque(maxlen=capacity)
        self._changed = asyncio.Event()
        self._flushes = 0
        self._closed = False

    @property
    def picture_s(self) -> float:
        """See Sink: nothing is encoded, so handing over takes no time."""
        return 0.0

    async def sound(self, unit: Unit) -> bool:
        """See Sink."""
        return await self._release(Output("audio", unit))

    async def picture(self, unit: Unit, frame: Frame) -> bool:
        """See Sink."""
        if self._clock.now() > unit.due + GRACE_S:
            return False
        return await self._release(Output("video", unit if unit.frame is frame else unit.with_frame(frame)))

    def flush(self) -> None:
        """Drop everything that has not been read: raw frames do not depend on each other."""
        self._flushes += 1
        self._waiting.clear()

    async def close(self) -> None:
        """The reader still gets what waits, then its loop ends."""
        self._closed = True
        self._changed.set()

    async def _release(self, output: Output) -> bool:
        flushes = self._flushes
        await self._clock.sleep_until(output.unit.due)
        if flushes != self._flushes or self._closed:
            return False
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(output)
        self._changed.set()
        return True

    def __aiter__(self) -> AsyncIterator[Output]:
        return self

    async def __anext__(self) -> Output:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
