"""Many sessions on one worker, with an engine whose calls cost time; by the fake clock, the same on every machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.api import Chunk, Effort, Step
from lipcast.testing import FakeAvatar, FakeClock, FakeEngine, FakeExecutor
from streamer.scheduling.engine_worker import Worker

FRAME_S = 0.040
BUDGET_S = 0.050  # from a chunk to the last moment at which its picture is of use: margin and grace of a session
JITTER_S = 0.002  # by which ticks are late, as an event loop's are
QUICK_S = 0.0005  # of a picture without the network

Cost = Callable[[int], float]  # full pictures of a call → seconds


class CostlyExecutor(FakeExecutor):
    """Each call takes what its pictures cost; one takes `stall` seconds more."""

    def __init__(self, clock: FakeClock, cost: Cost, quick_s: float) -> None:
        super().__init__(clock)
        self.of_full, self.quick_s, self.stall = cost, quick_s, 0.0
        self.sizes: list[int] = []

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        steps: Sequence[Step] = args[0]
        full = sum(step.chunk.voiced and step.effort is Effort.FULL for step in steps)
        self.sizes.append(len(steps))
        self.cost = (self.of_full(full) if full else 0.0) + self.quick_s * (len(steps) - full) + self.stall
        self.stall = 0.0
        return super().submit(call, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a frame."""

    session: int
    index: int
    late: bool
    quick: bool


@dataclass
class Outcome:
    seen: list[Seen] = field(default_factory=list)

    @property
    def late(self) -> list[int]:
        """Places in their sessions of the frames that came late."""
        return [one.index for one in self.seen if one.late]

    @property
    def quick(self) -> list[int]:
        return [one.index for one in self.seen if one.quick and not one.late]

    @property
    def late_share(self) -> float:
        return len(self.late) / len(self.seen)

    def of(self, session: int) -> list[Seen]:
        return sorted((one for one in self.seen if one.session == session), key=lambda one: one.index)


class LoadSimulation:
    """Sessions whose ticks are spread as chance would have them, on one worker.

    budget_s: see BUDGET_S; speaks: whether a session speaks at a moment.
    """

    def __init__(
        self,
        cost: Cost,
        max_batch: int = 16,
        budget_s: float = BUDGET_S,
        quick_s: float = QUICK_S,
        speaks: Callable[[int, float], bool] = lambda session, now: True,
    ) -> None:
        self.clock = FakeClock(0.0)
        self.thread = CostlyExecutor(self.clock, cost, quick_s)
        self.engine = FakeEngine(lookahead_frames=0)
        self.worker = Worker(self.engine, max_batch, self.clock, self.thread)
        self.show = Outcome()
        self._budget_s, self._speaks = budget_s, speaks

    async def play(self, sessions: int, frames: int, stall: tuple[float, float] = (1e9, 0.0)) -> Outcome:
        """stall: at which moment the thread is held up, and for how long, seconds."""
        chance = random.Random(7)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.worker.run())
            for session in range(sessions):
                tasks.create_task(self._session(tasks, session, chance.uniform(0, FRAME_S), frames, chance))
            await self.clock.advance(stall[0] if stall[1] else 0.0)
            self.thread.stall = stall[1]
            await self.clock.advance(frames * FRAME_S + 1.0)
            running.cancel()
        return self.show

    async def _session(
        self, tasks: asyncio.TaskGroup, session: int, phase: float, frames: int, chance: random.Random
    ) -> None:
        stream = self.engine.open(FakeAvatar())
        for index in range(frames):
            await self.clock.sleep_until(phase + index * FRAME_S + chance.uniform(0, JITTER_S))
            tasks.create_task(self._frame(stream, session, index))

    async def _frame(self, stream: Any, session: int, index: int) -> None:
        due = self.clock.now() + self._budget_s
        chunk = Chunk(np.zeros(640, np.float32), index, voiced=self._speaks(session, self.clock.now()))
        frame = await self.worker.step(stream, chunk, due)
        assert frame is not None
        self.show.seen.append(Seen(session, index, self.clock.now() > due, frame.degraded))
