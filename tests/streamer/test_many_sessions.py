"""Many sessions on one engine whose calls cost what a GPU's or a CPU's cost: in time, in batches, and after a stall.

Time is the fake clock's alone, so that every number here is the same on every machine.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from engines.api import Chunk
from streamer.worker import Worker
from tests.fakes import FakeAvatar, FakeClock, FakeEngine, FakeExecutor

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

FRAME_S = 0.040
BUDGET_S = 0.050  # from a chunk to the last moment at which its picture is of use: margin and grace of a session
JITTER_S = 0.002  # by which ticks are late, as an event loop's are
QUICK_S = 0.0005  # of a picture without the network

Cost = Callable[[int], float]  # full pictures of a call → seconds


def on_a_gpu(fixed: float, each: float) -> Cost:
    """A call costs by the smallest captured batch that holds its pictures."""
    return lambda full: fixed + each * next(size for size in (1, 2, 4, 8, 16) if size >= full)


GPU_256 = on_a_gpu(0.0014, 0.00065)  # what Stable Diffusion at 256 pixels is expected to take on an H200
CPU_128 = lambda full: 0.013 * full  # noqa: E731  the embedded pack on two cores


class CostlyExecutor(FakeExecutor):
    """Each call takes what its pictures cost; one takes `stall` seconds more."""

    def __init__(self, clock: FakeClock, cost: Cost) -> None:
        super().__init__(clock)
        self.of_full, self.stall = cost, 0.0
        self.sizes: list[int] = []

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        pairs: Sequence[tuple[Any, Chunk]] = args[0]
        full = sum(not chunk.hurry for _, chunk in pairs)
        self.sizes.append(len(pairs))
        self.cost = (self.of_full(full) if full else 0.0) + QUICK_S * (len(pairs) - full) + self.stall
        self.stall = 0.0
        return super().submit(call, *args, **kwargs)


@dataclass
class Show:
    """What became of the frames: the places in their sessions of those that came late, and of the quick ones."""

    late: list[int] = field(default_factory=list)
    quick: list[int] = field(default_factory=list)
    frames: int = 0


class House:
    """Sessions whose ticks are spread as chance would have them, on one worker."""

    def __init__(self, cost: Cost, max_batch: int = 16) -> None:
        self.clock = FakeClock(0.0)
        self.thread = CostlyExecutor(self.clock, cost)
        self.engine = FakeEngine(lookahead_frames=0)
        self.worker = Worker(self.engine, max_batch, self.clock.now, self.thread)
        self.show = Show()

    async def play(self, sessions: int, frames: int, stall: tuple[float, float] = (1e9, 0.0)) -> Show:
        """stall: at which moment the thread is held up, and for how long, seconds."""
        chance = random.Random(7)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.worker.run())
            for _ in range(sessions):
                tasks.create_task(self._session(tasks, chance.uniform(0, FRAME_S), frames, chance))
            await self.clock.advance(stall[0] if stall[1] else 0.0)
            self.thread.stall = stall[1]
            await self.clock.advance(frames * FRAME_S + 1.0)
            running.cancel()
        return self.show

    async def _session(self, tasks: asyncio.TaskGroup, phase: float, frames: int, chance: random.Random) -> None:
        stream = self.engine.open(FakeAvatar())
        for index in range(frames):
            await self.clock.sleep_until(phase + index * FRAME_S + chance.uniform(0, JITTER_S))
            tasks.create_task(self._frame(stream, index))

    async def _frame(self, stream: Any, index: int) -> None:
        due = self.clock.now() + BUDGET_S
        frame = await self.worker.step(stream, Chunk(np.zeros(640, np.float32), index), due)
        assert frame is not None
        self.show.frames += 1
        if self.clock.now() > due:
            self.show.late.append(index)
        elif frame.degraded:
            self.show.quick.append(index)


@pytest.mark.parametrize(("cost", "sessions"), [(GPU_256, 40), (CPU_128, 2)])
async def test_sessions_that_fit_have_all_their_pictures_in_full_and_in_time(cost: Cost, sessions: int) -> None:
    show = await House(cost).play(sessions, frames=25)
    assert (show.frames, show.late, show.quick) == (25 * sessions, [], [])


async def test_nobody_waits_for_company() -> None:
    """Waiting so that a batch may grow was tried: it never let one session more fit, and cost some."""
    house = House(GPU_256)
    await house.play(2, frames=10)
    assert set(house.thread.sizes) == {1}


async def test_batches_grow_with_the_load_by_themselves() -> None:
    means = []
    for sessions in (10, 25, 40):
        house = House(GPU_256)
        await house.play(sessions, frames=25)
        means.append(np.mean(house.thread.sizes))
    assert means[0] < 2 < means[1] < 8 < means[2]


async def test_beyond_what_fits_pictures_are_quick_rather_than_late() -> None:
    """Smaller batches that spare the most urgent were tried: they lose what batches are for, and most come late."""
    show = await House(CPU_128, max_batch=4).play(4, frames=50)
    assert show.late == []
    assert 46 <= len(show.quick) <= 60  # of 200: at 13 ms each, 46 do not fit


async def test_a_stall_costs_each_session_a_few_frames_and_no_more() -> None:
    sessions, stalled = 25, 1.0
    show = await House(GPU_256).play(sessions, frames=50, stall=(stalled, 0.08))
    hurt = [*show.late, *show.quick]
    assert 0 < len(hurt) <= 4 * sessions
    assert max(hurt) * FRAME_S < stalled + 0.3
