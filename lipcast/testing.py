"""Fakes for the tests of programs and plug-ins that build on Lipcast: a clock, an engine, an avatar, an executor.

With FakeClock and FakeExecutor a whole session runs on one thread, as fast as it can be computed and the same every
time: no test sleeps. They need asyncio's own event loop, since `settle` asks it what is left to do.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, ChunkOrder, Effort, Frame, OutputSpec, Picture, Step, Stream, Timing, check_steps

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_ROUND = 10_000  # turns of the event loop at one moment: more means that tasks keep waking each other
SAME_TIME_S = 1e-9  # times so close are one moment: sums of frames do not meet exactly


async def settle() -> None:
    """Let every task go on until all of them wait for time, a thread or the network."""
    ready = vars(asyncio.get_running_loop())["_ready"]  # asyncio's own queue; there is no public way to ask
    for _ in range(LONGEST_ROUND):
        if not ready:
            return
        await asyncio.sleep(0)
    raise AssertionError("the tasks never come to rest")


@dataclass(order=True, slots=True)
class Timer:
    deadline: float
    order: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class FakeClock:
    """Moves only when told; whoever sleeps is woken at its own moment, in order."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._timers: list[Timer] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        if deadline <= self._now:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(deadline, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancelled = True

    def call_at(self, deadline: float, call: Callable[[], None]) -> Timer:
        timer = Timer(deadline, next(self._order), call)
        heapq.heappush(self._timers, timer)
        return timer

    @property
    def sleepers(self) -> int:
        return sum(not timer.cancelled for timer in self._timers)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, stopping wherever somebody wakes."""
        await settle()
        end = self._now + seconds
        while (timer := self._next()) is not None and timer.deadline <= end + SAME_TIME_S:
            heapq.heappop(self._timers)
            self._now = max(self._now, timer.deadline)
            timer.call()
            await settle()
        self._now = max(self._now, end)
        await settle()

    async def jump(self) -> None:
        """Let time pass until the next one wakes."""
        await settle()
        timer = self._next()
        assert timer is not None, "nobody sleeps: there is no moment to jump to"
        await self.advance(timer.deadline - self._now)

    def _next(self) -> Timer | None:
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0] if self._timers else None


class FakeExecutor(Executor):
    """One thread that is none: calls run in order on the event loop, each taking `cost` seconds of the clock."""

    def __init__(self, clock: FakeClock, cost: float = 0.0) -> None:
        self._clock = clock
        self._free_at = float("-inf")
        self.cost = cost
        self.calls = 0
        self.closed = False

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        assert not self.closed, "submitted after shutdown"
        self.calls += 1
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                carry_out(future, lambda: call(*args, **kwargs))

        self._free_at = max(self._free_at, self._clock.now()) + self.cost
        if self._free_at <= self._clock.now():
            run()
        elif self._free_at < float("inf"):
            self._clock.call_at(self._free_at, run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.closed = True


def carry_out(future: Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except Exception as error:  # noqa: BLE001  whatever it is belongs to the one who asked
        future.set_exception(error)
    else:
        future.set_result(result)


@dataclass(frozen=True, slots=True)
class FakeAvatar:
    name: str = "fake"
    width: int = 64
    height: int = 48


class FakeStream:
    """Remembers how loud the chunks were."""

    def __init__(self, avatar: Avatar, lookahead: int) -> None:
        self.size = (avatar.height, avatar.width, 3)
        self.lookahead = lookahead
        self.heard: list[int] = []  # indices of chunks
        self.resets = 0
        self.closed = False
        self.order = ChunkOrder()
        self._levels = [0] * lookahead

    def reset(self) -> None:
        self.resets += 1
        self.order.reset()
        self._levels = [0] * self.lookahead

    def draw(self, chunk: Chunk, effort: Effort) -> Frame:
        self.order.advance(chunk)
        self.heard.append(chunk.index)
        self._levels.append(loudness(chunk.samples))
        level, index = self._levels.pop(0), chunk.index - self.lookahead
        if effort is Effort.LISTEN:
            return Frame(index)
        return Frame(index, Picture(np.full(self.size, level, np.uint8)), degraded=effort is Effort.QUICK)


class FakeEngine:
    """Shows the loudness of the frame it draws as one grey: 0 for silence, 255 for full scale.

    fault: raised by the next calls that serve one of the `faulty` streams.
    """

    def __init__(self, lookahead_frames: int = 2) -> None:
        self.timing = Timing(lookahead_frames)
        self.output = OutputSpec(usual_cost_ms=10.0)
        self.streams: list[FakeStream] = []
        self.prepared: list[Avatar] = []
        self.batches: list[int] = []
        self.faulty: list[Stream] = []
        self.fault: Exception = ValueError("a faulty stream")

    def prepare(self, avatar: Avatar) -> None:
        self.prepared.append(avatar)

    def open(self, avatar: Avatar) -> FakeStream:
        self.streams.append(FakeStream(avatar, self.timing.lookahead_frames))
        return self.streams[-1]

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        self.batches.append(len(steps))
        for step in steps:
            if step.stream in self.faulty:
                raise self.fault
            self.timing.checked(step.chunk)
        check_steps(self.output, steps, [own(step.stream).order for step in steps])
        return [own(step.stream).draw(step.chunk, step.effort) for step in steps]

    def reset(self, stream: Stream) -> None:
        own(stream).reset()

    def close(self, stream: Stream) -> None:
        own(stream).closed = True


def own(stream: Stream) -> FakeStream:
    assert isinstance(stream, FakeStream)
    return stream


def loudness(samples: NDArray[np.float32]) -> int:
    """The peak of a frame as a grey, 0 to 255."""
    return int(np.clip(np.abs(samples).max() * 255, 0, 255))
